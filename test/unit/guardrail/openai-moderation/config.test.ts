import { describe, expect, test } from 'vitest'
import { openaiModeration } from '../../../../src/guardrail/openai-moderation/openai-moderation.ts'
import { useRig } from '../rig.ts'
import { moderation } from './rig.ts'

const rig = useRig(moderation)

describe('the config', () => {
  const parse = (config: object) =>
    openaiModeration.configSchema.safeParse({ kind: 'openai-moderation', ...config })

  test('has the service’s defaults', () => {
    expect(parse({}).data).toMatchObject({
      kind: 'openai-moderation',
      endpoint: 'https://api.openai.com/v1/moderations',
      model: 'omni-moderation-latest',
      thresholds: {},
      service_flags: 'use',
      timeout: 5000,
      ssl_verify: true,
    })
    expect(rig.guardrail({ timeout: 77 }).timeoutMs).toBe(77)
    expect(openaiModeration.secretKeys).toEqual(['api_key'])
  })

  test.each<[string, object]>([
    ['an empty key', { api_key: '' }],
    ['a timeout of 0', { timeout: 0 }],
    ['an endpoint that is no URL', { endpoint: 'api.openai.com' }],
    ['another protocol', { endpoint: 'ftp://api.openai.com/' }],
    ['credentials in the endpoint', { endpoint: 'https://user:pass@api.openai.com/' }],
    ['a category that does not exist', { thresholds: { hatred: 0.5 } }],
    ['a threshold of 0, which flags everything', { thresholds: { hate: 0 } }],
    ['a threshold over 1, which flags nothing', { thresholds: { hate: 1.1 } }],
    ['nothing to flag by', { service_flags: 'ignore' }],
    ['an unknown key', { apiKey: 'x' }],
  ])('%s is refused', (_, config) => {
    expect(parse(config).success).toBe(false)
  })

  test('a key that no header can carry is refused at the start, and not quoted', () => {
    for (const key of ['secret\n', 'ключ', 'two words']) {
      expect(() => rig.guardrail({ api_key: key })).toThrow(expect.objectContaining({ code: 'bad-config' }))
      expect(() => rig.guardrail({ api_key: key })).not.toThrow(key.trim())
    }
  })
})
