import { describe, expect, test } from 'vitest'
import { lakera } from '../../../../src/guardrail/lakera/lakera.ts'
import { useRig } from '../rig.ts'
import { lakeraService } from './rig.ts'

const rig = useRig(lakeraService)
const parse = (config: object) => lakera.configSchema.safeParse({ kind: 'lakera', ...config })
const SELF_HOSTED = 'http://lakera:8000/v2/guard'

test('has the service’s defaults', () => {
  expect(parse({ api_key: 'k' }).data).toMatchObject({
    kind: 'lakera',
    lakera_endpoint: 'https://api.lakera.ai/v2/guard',
    max_chars: 100_000,
    timeout: 5000,
    ssl_verify: true,
  })
  expect(parse({ api_key: 'k' }).data).not.toHaveProperty('metadata')
  expect(rig.guardrail({ timeout: 77 }).timeoutMs).toBe(77)
})

describe('the key', () => {
  test.each([
    undefined,
    'https://api.lakera.ai/v2/guard',
    'https://API.Lakera.AI/v2/guard',
    'https://api.lakera.ai./v2/guard',
    'https://eu-west-1.api.lakera.ai/v2/guard',
    'https://lakera.ai/v2/guard',
  ])('is required at %s', lakera_endpoint => {
    const given = lakera_endpoint === undefined ? {} : { lakera_endpoint }
    expect(parse(given).error?.issues).toMatchObject([{ path: ['api_key'] }])
    expect(parse({ ...given, api_key: 'k' }).success).toBe(true)
  })

  test.each([SELF_HOSTED, 'https://notlakera.ai/v2/guard', 'https://lakera.ai.example.com/v2/guard'])(
    'is not needed at %s, and allowed',
    lakera_endpoint => {
      expect(parse({ lakera_endpoint }).success).toBe(true)
      expect(parse({ lakera_endpoint, api_key: 'k' }).success).toBe(true)
    },
  )

  test('that no header can carry is refused at the start, and not quoted', () => {
    for (const key of ['secret\n', 'ключ', 'two words']) {
      expect(() => rig.guardrail({ api_key: key })).toThrow(expect.objectContaining({ code: 'bad-config' }))
      expect(() => rig.guardrail({ api_key: key })).not.toThrow(key.trim())
    }
  })
})

const tags = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`tag-${n}`, 'x']))

test.each<[string, object]>([
  ['an empty key', { api_key: '' }],
  ['a timeout of 0', { timeout: 0 }],
  ['a timeout that no timer can hold', { timeout: 2 ** 31 }],
  ['a fractional timeout', { timeout: 1.5 }],
  ['an endpoint that is no URL', { lakera_endpoint: 'api.lakera.ai' }],
  ['another protocol', { lakera_endpoint: 'ftp://api.lakera.ai/' }],
  ['credentials in the endpoint', { lakera_endpoint: 'https://user:pass@api.lakera.ai/' }],
  ['an unknown key', { apiKey: 'x' }],
  ['requests too small to hold a sentence', { max_chars: 999 }],
  ['a tag that is no text', { metadata: { team: 7 } }],
  ['a tag whose name is a sentence', { metadata: { 'my team': 'x' } }],
  ['a tag that is too long', { metadata: { team: 'x'.repeat(257) } }],
  ['too many tags', { metadata: tags(17) }],
  ['the tag that is Weir’s own', { metadata: { internal_request_id: 'x' } }],
])('%s is refused', (_, config) => {
  expect(parse({ lakera_endpoint: SELF_HOSTED, ...config }).success).toBe(false)
})

test('as many and as long tags as the limits say are taken', () => {
  const metadata = { ...tags(15), team: 'x'.repeat(256) }
  expect(parse({ api_key: 'k', metadata }).data).toMatchObject({ metadata })
})
