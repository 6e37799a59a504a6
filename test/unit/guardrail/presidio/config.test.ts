import { describe, expect, test } from 'vitest'
import { presidio } from '../../../../src/guardrail/presidio/presidio.ts'

describe('the config', () => {
  const parse = (config: object) =>
    presidio.configSchema.safeParse({ kind: 'presidio', endpoint: 'http://presidio:3000', ...config })

  test('has defaults', () => {
    expect(parse({}).data).toMatchObject({
      kind: 'presidio',
      endpoint: 'http://presidio:3000',
      language: 'en',
      score_threshold: 0.5,
      timeout: 5000,
      ssl_verify: true,
    })
  })

  test('the timeout is the guardrail’s', () => {
    const config = presidio.configSchema.parse({ kind: 'presidio', endpoint: 'http://p', timeout: 77 })
    const postJson = () => Promise.reject(new Error('not asked'))
    expect(presidio.create('pii', config, { postJson }).timeoutMs).toBe(77)
  })

  test.each<[string, object]>([
    ['no endpoint', { endpoint: undefined }],
    ['an endpoint that is no URL', { endpoint: 'presidio:3000' }],
    ['another protocol', { endpoint: 'ftp://presidio' }],
    ['credentials in the endpoint', { endpoint: 'https://user:pass@presidio' }],
    ['a query in the endpoint', { endpoint: 'https://presidio/?a=b' }],
    ['an empty language', { language: '' }],
    ['no entities', { entities: [] }],
    ['an empty entity', { entities: [''] }],
    ['a threshold over 1', { score_threshold: 1.5 }],
    ['a timeout of 0', { timeout: 0 }],
    ['an unknown key', { threshold: 0.5 }],
  ])('%s is refused', (_, config) => {
    expect(parse(config).success).toBe(false)
  })
})
