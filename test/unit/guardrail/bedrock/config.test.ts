import { describe, expect, test } from 'vitest'
import { bedrock } from '../../../../src/guardrail/bedrock/bedrock.ts'
import { input } from '../segments.ts'

const BASE = { kind: 'bedrock', guardrail_id: 'gr1', guardrail_version: '1', region: 'eu-west-1' }
const ACCESS_KEY = { access_key_id: 'AKID', secret_access_key: 'secret' }

const parse = (config: object) => bedrock.configSchema.safeParse({ ...BASE, ...config })

describe('the config', () => {
  test('has defaults for all but the guardrail, its region and a key', () => {
    expect(parse({ api_key: 'k' }).data).toEqual({
      ...BASE,
      api_key: 'k',
      grounding: 'off',
      max_text_units: 25,
      timeout: 5000,
      ssl_verify: true,
    })
  })

  test.each<[string, object]>([
    ['an access key', ACCESS_KEY],
    ['a temporary access key', { ...ACCESS_KEY, session_token: 't' }],
    [
      'an ARN',
      { api_key: 'k', guardrail_id: 'arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:guardrail/a1' },
    ],
    ['the draft', { api_key: 'k', guardrail_version: 'DRAFT' }],
    [
      'an endpoint',
      { api_key: 'k', endpoint: 'https://vpce-1.bedrock-runtime.eu-west-1.vpce.amazonaws.com' },
    ],
  ])('%s is taken', (_, config) => {
    expect(parse(config).success).toBe(true)
  })

  test.each<[string, object]>([
    ['no key', {}],
    ['an empty key', { api_key: '' }],
    ['two sorts of key', { api_key: 'k', ...ACCESS_KEY }],
    ['a session without its key', { api_key: 'k', session_token: 't' }],
    ['half an access key', { access_key_id: 'AKID' }],
    ['the other half', { secret_access_key: 'secret' }],
    ['an id that leads elsewhere', { api_key: 'k', guardrail_id: '../x' }],
    ['version 0', { api_key: 'k', guardrail_version: '0' }],
    ['a version that is a number', { api_key: 'k', guardrail_version: 1 }],
    ['a region that is a host', { api_key: 'k', region: 'evil.example/' }],
    ['another protocol', { api_key: 'k', endpoint: 'ftp://x.example' }],
    ['credentials in the endpoint', { api_key: 'k', endpoint: 'https://user:pass@x.example' }],
    ['a query in the endpoint', { api_key: 'k', endpoint: 'https://x.example/?a=1' }],
    ['no text units', { api_key: 'k', max_text_units: 0 }],
    ['a timeout that no timer can hold', { api_key: 'k', timeout: 2 ** 31 }],
    ['an unknown key', { api_key: 'k', apiKey: 'x' }],
  ])('%s is refused', (_, config) => {
    expect(parse(config).success).toBe(false)
  })

  test('describes every key', () => {
    for (const [key, schema] of Object.entries(bedrock.configSchema.shape)) {
      if (key !== 'kind') expect(schema.description, key).toBeTruthy()
    }
  })

  test('every credential is a secret', () => {
    expect(bedrock.secretKeys).toEqual(['api_key', 'access_key_id', 'secret_access_key', 'session_token'])
  })
})

describe('a guardrail', () => {
  const postJson = () => Promise.reject(new Error('not asked'))

  test.each(['api_key', 'access_key_id', 'secret_access_key', 'session_token'])(
    'whose %s no header can carry is refused at the start, and not quoted',
    key => {
      const others = key === 'api_key' ? {} : ACCESS_KEY
      for (const value of ['leak\n', 'ключ', 'two words']) {
        const config = bedrock.configSchema.parse({ ...BASE, ...others, [key]: value })
        const create = () => bedrock.create('guard', config, { postJson })
        expect(create).toThrow(expect.objectContaining({ code: 'bad-config' }))
        expect(create).toThrow(key)
        expect(create).not.toThrow(value.trim())
      }
    },
  )

  test('trusts certificates as ssl_verify says, and waits as long as timeout says', async () => {
    const trusts: unknown[] = []
    for (const ssl_verify of [true, false]) {
      const config = bedrock.configSchema.parse({ ...BASE, api_key: 'k', ssl_verify, timeout: 77 })
      const guard = bedrock.create('guard', config, {
        postJson: async ({ tls }) => {
          trusts.push(tls)
          return { status: 200, headers: {}, json: { action: 'NONE', assessments: [] } }
        },
      })
      expect(guard.timeoutMs).toBe(77)
      await guard.scan(input('hi'), new AbortController().signal)
    }
    expect(trusts).toEqual(['verified', 'unverified'])
  })
})
