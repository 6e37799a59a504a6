import { describe, expect, test } from 'vitest'
import { runRemoteScan } from '../../../../src/guardrail/run-scan.ts'
import { webhook } from '../../../../src/guardrail/webhook/webhook.ts'
import { openGuardHttp } from '../../../support/guard-http.ts'
import type { StubFault } from '../../../support/judging-server.ts'
import type { StubDialect } from '../../../support/webhook-stub.ts'
import { input, output } from '../segments.ts'
import { ANSWER, CONVERSATION, CUSTOM, clean, failure, speaking, verdict } from './speaking.ts'

const KEY = 'webhook-key'
const TEXT = `\${text}`
const NO_NETWORK = { postJson: () => Promise.reject(new Error('no network here')) }

describe.each<StubDialect>(['generic', 'agentgateway', 'litellm', 'portkey', 'custom'])('%s', dialect => {
  test('takes what is sent, for both sides, and is clean or flagged', async () => {
    await using guard = await speaking(dialect)
    expect(await guard.scan(CONVERSATION)).toMatchObject(clean)
    expect(await guard.scan(ANSWER)).toMatchObject(clean)
    expect(await guard.scan(input('fine', 'now FLAG-ME'))).toMatchObject(verdict({ kind: 'flagged' }))
    expect(await guard.scan(output('fine', 'now FLAG-ME'))).toMatchObject(verdict({ kind: 'flagged' }))
  })

  test('is not asked about nothing', async () => {
    await using guard = await speaking(dialect)
    expect(await guard.scan(input('', ' \n'))).toMatchObject(clean)
    expect(guard.stub.requests).toEqual([])
  })

  test('gets a long text whole, in several requests that each fit', async () => {
    await using guard = await speaking(dialect, { max_chars: 500 })
    const words = Array.from({ length: 400 }, (_, index) => `word${index}`)
    expect(await guard.scan(input(words.join(' ')))).toMatchObject(clean)
    const sent = JSON.stringify(guard.stub.requests.map(({ json }) => json))
    expect(guard.stub.requests.length).toBeGreaterThan(5)
    expect(words.filter(word => !sent.includes(word))).toEqual([])
    expect(await guard.scan(input(`${'x '.repeat(2000)}FLAG-ME`))).toMatchObject(verdict({ kind: 'flagged' }))
  })

  test('gets at most twenty requests', async () => {
    await using guard = await speaking(dialect, { max_chars: 500 })
    expect(await guard.scan(input('x '.repeat(6000)))).toMatchObject(failure('over-limit'))
    expect(guard.stub.requests).toEqual([])
  })

  test.each<[string, StubFault, string]>([
    ['an empty object', { kind: 'body', body: '{}' }, 'bad-response'],
    ['null', { kind: 'body', body: 'null' }, 'bad-response'],
    ['a list', { kind: 'body', body: '[{"flagged":false,"verdict":true,"action":"NONE"}]' }, 'bad-response'],
    [
      'nulls',
      {
        kind: 'body',
        body: '{"allowed":null,"flagged":null,"verdict":null,"action":null,"result":{"decision":null}}',
      },
      'bad-response',
    ],
    [
      'strings for booleans',
      {
        kind: 'body',
        body: '{"allowed":"true","verdict":"true","action":"pass","result":{"decision":true}}',
      },
      'bad-response',
    ],
    ['truncated JSON', { kind: 'body', body: '{"allowed":tr' }, 'bad-response'],
    ['not JSON', { kind: 'body', body: '<html>Bad gateway</html>' }, 'bad-response'],
    ['401', { kind: 'status', status: 401 }, 'bad-response'],
    ['500', { kind: 'status', status: 500 }, 'bad-response'],
    ['429', { kind: 'status', status: 429 }, 'rate-limited'],
    ['a redirect', { kind: 'redirect', location: 'http://127.0.0.1:1/' }, 'bad-response'],
    ['a reset', { kind: 'reset' }, 'unreachable'],
  ])('%s is no verdict', async (_, fault, reason) => {
    await using guard = await speaking(dialect)
    guard.stub.failNext(fault)
    expect(await guard.scan(input('hi'))).toMatchObject(failure(reason))
  })
})

describe('key, time and config', () => {
  test('the key is sent as a Bearer token, or in a header of its own', async () => {
    const bearer = { key: { header: 'authorization', value: `Bearer ${KEY}` } }
    await using standard = await speaking('generic', { api_key: KEY }, bearer)
    expect(await standard.scan(input('hi'))).toMatchObject(clean)
    const own = { key: { header: 'x-guard', value: KEY } }
    await using other = await speaking('generic', { api_key: KEY, api_key_header: 'x-guard' }, own)
    expect(await other.scan(input('hi'))).toMatchObject(clean)
  })

  test('more headers are sent beside the key, and those that nobody can send are refused unquoted', async () => {
    const headers = { 'x-tenant': 'team a', authorization: 'Basic dGVhbTprZXk=' }
    await using guard = await speaking(
      'generic',
      { headers },
      { key: { header: 'x-tenant', value: 'team a' } },
    )
    expect(await guard.scan(input('hi'))).toMatchObject(clean)
    expect(guard.stub.requests[0]?.headers).toMatchObject({ ...headers, 'content-type': 'application/json' })
    const parsed = webhook.configSchema.parse({
      kind: 'webhook',
      dialect: 'generic',
      url: 'https://guard.example/',
      headers: { 'x-a': 'fine', 'x-b': 'secret\nx-evil: 1' },
    })
    const create = () => webhook.create('guard', parsed, NO_NETWORK)
    expect(create).toThrow(
      expect.objectContaining({
        code: 'bad-config',
        problems: [{ path: 'guardrails.guard.headers.x-b', message: expect.not.stringContaining('secret') }],
      }),
    )
  })

  test('no failure quotes the key or the text', async () => {
    const thrown: unknown[] = []
    await using guard = await speaking('generic')
    const client = openGuardHttp()
    const config = { kind: 'webhook', dialect: 'generic', url: `${guard.stub.origin}/judge`, api_key: KEY }
    const guardrail = webhook.create('guard', webhook.configSchema.parse(config), client)
    const faults: readonly StubFault[] = [
      { kind: 'status', status: 500 },
      { kind: 'body', body: 'my text' },
      { kind: 'body', body: '{"flagged":"my text"}' },
      { kind: 'reset' },
    ]
    for (const fault of faults) {
      guard.stub.failNext(fault)
      await runRemoteScan(
        guardrail,
        input('my text'),
        new AbortController().signal,
        () => 0,
        error => thrown.push(error),
      )
    }
    await client.close()
    expect(thrown).toHaveLength(4)
    expect(thrown.map(error => `${error} ${JSON.stringify(error)}`).join()).not.toMatch(/webhook-key|my text/)
  })

  test('a key that no header can carry is refused at the start, and not quoted', () => {
    for (const key of ['secret\n', 'ключ', 'two words']) {
      const config = webhook.configSchema.parse({
        kind: 'webhook',
        dialect: 'generic',
        url: 'https://guard.example/',
        api_key: key,
      })
      const create = () => webhook.create('guard', config, NO_NETWORK)
      expect(create).toThrow(expect.objectContaining({ code: 'bad-config' }))
      expect(create).not.toThrow(key.trim())
    }
  })

  test('a service that never answers is a timeout, and its connection is given up', async () => {
    await using guard = await speaking('generic', { timeout: 20 })
    guard.stub.failNext({ kind: 'hang' })
    expect(await guard.scan(input('hi'))).toMatchObject(failure('timeout'))
    await guard.stub.hungUp
  })

  test('an abort ends the request', async () => {
    await using guard = await speaking('generic')
    const controller = new AbortController()
    guard.stub.failNext({ kind: 'hang' })
    const outcome = guard.scan(input('hi'), controller.signal)
    await guard.stub.waitForRequests(1)
    controller.abort()
    expect(await outcome).toMatchObject(failure('cancelled'))
    await guard.stub.hungUp
  })

  const { request, response } = CUSTOM
  const base = { kind: 'webhook', dialect: 'generic', url: 'https://guard.example/' }
  const templated = { ...base, dialect: 'template', request, response }
  test.each<[string, object]>([
    ['no dialect', { ...base, dialect: undefined }],
    ['no URL', { ...base, url: undefined }],
    ['another protocol', { ...base, url: 'ftp://guard.example/' }],
    ['credentials in the URL', { ...base, url: 'https://user:pass@guard.example/' }],
    ['an unknown key', { ...base, apiKey: 'x' }],
    ['a header of the connection', { ...base, headers: { upgrade: 'h2c' } }],
    ['an empty header', { ...base, headers: { 'x-a': '' } }],
    ['the header of the key', { ...base, api_key: 'k', headers: { authorization: 'k' } }],
    ['a header of the client’s own', { ...base, api_key_header: 'content-type' }],
    ['a header in capitals', { ...base, api_key_header: 'X-Key' }],
    ['a request without template', { ...base, request }],
    ['parameters without litellm', { ...base, params: {} }],
    ['a reference in parameters', { ...base, dialect: 'litellm', params: { key: '$env://KEY' } }],
    ['a template without a request', { ...templated, request: undefined }],
    ['a template without a response', { ...templated, response: undefined }],
    ['a template without the text', { ...templated, request: { side: `\${side}` } }],
    ['a text in a key only', { ...templated, request: { [TEXT]: 'x' } }],
    ['an unknown placeholder', { ...templated, request: { text: `\${text}`, model: `\${model}` } }],
    ['messages inside of a text', { ...templated, request: { text: `x \${messages}` } }],
    ['a reference in a template', { ...templated, request: { text: `\${text}`, key: '$env://KEY' } }],
    ['a number that JSON lacks', { ...templated, request: { text: `\${text}`, n: Number.NaN } }],
    ['no pointer', { ...templated, response: { flagged: 'result' } }],
    ['a response that decides nothing', { ...templated, response: { score: '/score' } }],
    [
      'a response that decides twice',
      { ...templated, response: { flagged: '/f', score: '/s', threshold: 0.5 } },
    ],
    ['a value that is both', { ...templated, response: { flagged: '/f', clean_values: [true] } }],
  ])('%s is refused', (_, config) => {
    expect(webhook.configSchema.safeParse(templated).success).toBe(true)
    expect(webhook.configSchema.safeParse(config).success).toBe(false)
  })
})
