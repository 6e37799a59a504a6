import { describe, expect, test } from 'vitest'
import { bedrock } from '../../../../src/guardrail/bedrock/bedrock.ts'

const BASE = { kind: 'bedrock', guardrail_id: 'gr1', guardrail_version: '1', region: 'eu-west-1' }
const ROLE = 'arn:aws:iam::123456789012:role/guard/weir'
const ACCESS_KEY = { access_key_id: 'AKID', secret_access_key: 'secret' }

const parse = (config: object) => bedrock.configSchema.safeParse({ ...BASE, ...config })

describe('the config', () => {
  test('has defaults for all but the guardrail, its region and a key', () => {
    const defaults = { grounding: 'off', max_text_units: 25, timeout: 5000, max_concurrent: 64 }
    expect(parse({ api_key: 'k' }).data).toMatchObject({ ...BASE, api_key: 'k', ...defaults })
  })

  test.each<[string, object]>([
    ['an access key', ACCESS_KEY],
    ['a temporary access key', { ...ACCESS_KEY, session_token: 't' }],
    ['credentials of the instance', { credentials: 'imds' }],
    ['a profile', { credentials: 'file', profile: 'guard' }],
    ['a role', { credentials: 'pod_identity', role_arn: ROLE, role_session_name: 'weir-1' }],
    ['a name for the token’s session', { credentials: 'web_identity', role_session_name: 'weir-1' }],
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
    ['a key and credentials', { api_key: 'k', credentials: 'chain' }],
    ['an access key and credentials', { ...ACCESS_KEY, credentials: 'chain' }],
    ['an unknown source', { credentials: 'sso' }],
    ['a profile of no file', { credentials: 'imds', profile: 'guard' }],
    ['a role without credentials', { api_key: 'k', role_arn: ROLE }],
    ['a role that is a user', { credentials: 'env', role_arn: 'arn:aws:iam::123456789012:user/x' }],
    ['a session without a role', { credentials: 'env', role_session_name: 'weir-1' }],
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

  test('waits as long as timeout says', () => {
    const config = bedrock.configSchema.parse({ ...BASE, api_key: 'k', timeout: 77 })
    expect(bedrock.create('guard', config, { postJson }).timeoutMs).toBe(77)
  })
})
