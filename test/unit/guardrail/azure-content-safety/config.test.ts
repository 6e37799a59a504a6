import { describe, expect, test } from 'vitest'
import { azureContentSafety } from '../../../../src/guardrail/azure-content-safety/azure-content-safety.ts'
import { startContentSafetyStub } from '../../../support/azure-content-safety-stub.ts'
import { clean, useRig } from '../rig.ts'
import { input } from '../segments.ts'
import { contentSafety } from './rig.ts'

const rig = useRig(contentSafety)

const parse = (config: object) =>
  azureContentSafety.configSchema.safeParse({
    kind: 'azure-content-safety',
    endpoint: 'https://my-resource.cognitiveservices.azure.com',
    ...config,
  })

describe('the config', () => {
  test('has both checks and the middle severity by default', () => {
    expect(parse({}).data).toMatchObject({
      kind: 'azure-content-safety',
      endpoint: 'https://my-resource.cognitiveservices.azure.com',
      api_version: '2024-09-01',
      checks: ['prompt_shield', 'analyze'],
      thresholds: { hate: 4, self_harm: 4, sexual: 4, violence: 4 },
      severity_levels: 'four',
      blocklists: [],
      timeout: 5000,
      ssl_verify: true,
    })
    expect(parse({ thresholds: { hate: 2 } }).data?.thresholds).toMatchObject({ hate: 2, sexual: 4 })
    expect(rig.guardrail({ timeout: 77 }).timeoutMs).toBe(77)
    expect(azureContentSafety.secretKeys).toEqual(['api_key'])
  })

  test('takes severity 7 with eight levels, and all off without analyze', () => {
    const off = { hate: 'off', self_harm: 'off', sexual: 'off', violence: 'off' }
    expect(parse({ thresholds: { hate: 7 }, severity_levels: 'eight' }).success).toBe(true)
    expect(parse({ thresholds: off, checks: ['prompt_shield'] }).success).toBe(true)
    expect(parse({ thresholds: off }).success).toBe(false)
  })

  test.each<[string, object]>([
    ['no endpoint', { endpoint: undefined }],
    ['an endpoint that is no URL', { endpoint: 'my-resource.cognitiveservices.azure.com' }],
    ['another protocol', { endpoint: 'ftp://my-resource.cognitiveservices.azure.com' }],
    [
      'credentials in the endpoint',
      { endpoint: 'https://user:pass@my-resource.cognitiveservices.azure.com' },
    ],
    ['a query in the endpoint', { endpoint: 'https://my-resource.cognitiveservices.azure.com/?a=b' }],
    ['an empty query in the endpoint', { endpoint: 'https://my-resource.cognitiveservices.azure.com/?' }],
    ['an empty key', { api_key: '' }],
    ['a version that is no version', { api_version: '2024-09-01&x=y' }],
    ['no check', { checks: [] }],
    ['an unknown check', { checks: ['groundedness'] }],
    ['an unknown category', { thresholds: { hatred: 4 } }],
    ['a severity of 0, which flags everything', { thresholds: { hate: 0 } }],
    ['a severity of 7, which flags nothing', { thresholds: { hate: 7 } }],
    ['a severity between two', { thresholds: { hate: 2.5 } }],
    ['a blocklist that no URL could name', { blocklists: ['my list'] }],
    ['a timeout of 0', { timeout: 0 }],
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

describe('the service', () => {
  test('a container takes no key, another version goes into the URL, a slash at the end does not count', async () => {
    const container = await startContentSafetyStub({ apiVersion: '2025-01-01-preview' })
    const config = {
      api_key: undefined,
      endpoint: `${container.origin}/`,
      api_version: '2025-01-01-preview',
    }
    expect(await rig.scan(input('hi'), config)).toMatchObject(clean)
    await container.close()
  })
})
