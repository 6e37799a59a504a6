import { describe, expect, test } from 'vitest'
import { modelArmor } from '../../../../src/guardrail/model-armor/model-armor.ts'

const TOKEN = 'ya29.model-armor-token'
const CONFIG = { kind: 'model-armor', project: 'proj-1', location: 'europe-west4', template: 'strict_1' }

function guardrail(config: object) {
  const parsed = modelArmor.configSchema.parse({ ...CONFIG, access_token: TOKEN, ...config })
  return modelArmor.create('armor', parsed, { postJson: () => Promise.reject(new Error('not asked')) })
}

describe('the config', () => {
  const parse = (config: object) => modelArmor.configSchema.safeParse({ ...CONFIG, ...config })

  test('has defaults', () => {
    expect(parse({}).data).toMatchObject({ ...CONFIG, timeout: 5000, ssl_verify: true })
    expect(guardrail({ timeout: 77 }).timeoutMs).toBe(77)
  })

  test.each<[string, object]>([
    ['no project', { project: undefined }],
    ['a project that leaves the path', { project: '../other' }],
    ['no location', { location: undefined }],
    ['a location that is a host', { location: 'evil.test/' }],
    ['no template', { template: undefined }],
    ['a template with its path', { template: 'projects/p/locations/l/templates/t' }],
    ['an empty token', { access_token: '' }],
    ['an endpoint that is no URL', { endpoint: 'modelarmor' }],
    ['credentials in the endpoint', { endpoint: 'https://user:pass@proxy' }],
    ['a query in the endpoint', { endpoint: 'https://proxy/?a=b' }],
    ['a timeout of 0', { timeout: 0 }],
    ['an unknown key', { token: 'x' }],
  ])('%s is refused', (_, config) => {
    expect(parse(config).success).toBe(false)
  })

  test('a token that no header can carry is refused at the start, and not quoted', () => {
    for (const token of ['secret\n', 'ключ', 'two words']) {
      expect(() => guardrail({ access_token: token })).toThrow(
        expect.objectContaining({ code: 'bad-config' }),
      )
      expect(() => guardrail({ access_token: token })).not.toThrow(token.trim())
    }
  })

  test('no token is refused where Google is asked', () => {
    expect(() => guardrail({ access_token: undefined })).toThrow(
      expect.objectContaining({
        code: 'bad-config',
        problems: [expect.objectContaining({ path: 'guardrails.armor.access_token' })],
      }),
    )
  })
})
