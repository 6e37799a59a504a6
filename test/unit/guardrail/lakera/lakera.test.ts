import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Outcome, ScanSubject } from '../../../../src/guardrail/guardrail.ts'
import type { HttpClient } from '../../../../src/guardrail/http-client.ts'
import { createHttpClient } from '../../../../src/guardrail/http-client.ts'
import { lakera } from '../../../../src/guardrail/lakera/lakera.ts'
import { runRemoteScan } from '../../../../src/guardrail/run-scan.ts'
import type { LakeraStub, LakeraStubFault } from '../../../support/lakera-stub.ts'
import { flaggedNull, garbage, startLakeraStub, truncatedJson } from '../../../support/lakera-stub.ts'
import { input, output, segment } from '../segments.ts'

const KEY = 'lakera-key'

let client: HttpClient
let stub: LakeraStub

beforeEach(async () => {
  client = createHttpClient()
  stub = await startLakeraStub({ apiKey: KEY, projects: ['project-1'] })
})

afterEach(async () => {
  await client.close()
  await stub.close()
})

function guardrail(config: object = {}) {
  const parsed = lakera.configSchema.parse({
    kind: 'lakera',
    api_key: KEY,
    lakera_endpoint: stub.url,
    ...config,
  })
  return lakera.create('guard', parsed, client)
}

function scan(subject: ScanSubject, config: object = {}): Promise<Outcome> {
  return runRemoteScan(guardrail(config), subject, new AbortController().signal, () => 0)
}

const verdict = (value: object) => ({ kind: 'verdict', verdict: value })
const failure = (reason: string) => ({ kind: 'failure', reason })

describe('what is sent', () => {
  test('the whole conversation with its roles, the breakdown asked for, and the project', async () => {
    const subject: ScanSubject = {
      side: 'input',
      segments: [
        segment('Be a bank.', { message: 0, role: 'system' }),
        segment('Be brief.', { message: 1, role: 'developer' }),
        segment('one', { message: 2 }),
        segment('two', { message: 2 }),
        segment('{"q":1}', { message: 3, role: 'assistant', kind: 'tool-call' }),
        segment('42', { message: 4, role: 'tool', kind: 'tool-result' }),
        segment('thanks', { message: 5 }),
      ],
    }
    expect(await scan(subject, { project_id: 'project-1' })).toMatchObject(verdict({ kind: 'clean' }))
    expect(stub.requests).toEqual([
      {
        messages: [
          { role: 'system', content: 'Be a bank.' },
          { role: 'developer', content: 'Be brief.' },
          { role: 'user', content: 'one\ntwo' },
          { role: 'assistant', content: '{"q":1}' },
          { role: 'tool', content: '42' },
          { role: 'user', content: 'thanks' },
        ],
        breakdown: true,
        project_id: 'project-1',
      },
    ])
  })

  test('no project unless one is configured', async () => {
    await scan(input('hi'))
    expect(Object.keys(stub.requests[0] ?? {})).toEqual(['messages', 'breakdown'])
  })

  test('of an answer one assistant message per choice', async () => {
    const subject: ScanSubject = {
      side: 'output',
      conversation: [],
      segments: [
        segment('thinking', { message: 0, role: 'assistant', kind: 'reasoning' }),
        segment('other', { message: 1, role: 'assistant' }),
        segment('answer', { message: 0, role: 'assistant' }),
      ],
      final: true,
    }
    expect(await scan(subject)).toMatchObject(verdict({ kind: 'clean' }))
    expect(stub.requests[0]?.messages).toEqual([
      { role: 'assistant', content: 'thinking\nanswer' },
      { role: 'assistant', content: 'other' },
    ])
  })

  test('of an answer behind what was asked, where the rule wants to see it', async () => {
    const subject: ScanSubject = {
      side: 'output',
      conversation: [segment('a question')],
      segments: [segment('an answer')],
      final: true,
    }
    expect(await scan(subject)).toMatchObject(verdict({ kind: 'clean' }))
    expect(stub.requests[0]?.messages).toEqual([
      { role: 'user', content: 'a question' },
      { role: 'assistant', content: 'an answer' },
    ])
  })

  test('blank texts are left out, and nothing is asked when all are', async () => {
    await scan(input('', 'hi', ' \n'))
    expect(stub.requests[0]?.messages).toEqual([{ role: 'user', content: 'hi' }])
    expect(await scan(input('', ' \n'))).toMatchObject(verdict({ kind: 'clean' }))
    expect(stub.requests).toHaveLength(1)
  })

  test('no Authorization without a key, as a self-hosted service wants it', async () => {
    const selfHosted = await startLakeraStub()
    const config = { api_key: undefined, lakera_endpoint: selfHosted.url }
    expect(await scan(input('hi'), config)).toMatchObject(verdict({ kind: 'clean' }))
    expect(await scan(input('hi'), { lakera_endpoint: selfHosted.url })).toMatchObject(
      failure('bad-response'),
    )
    await selfHosted.close()
  })
})

describe('what is answered', () => {
  test('a flagged text comes with what was detected and the id of the check', async () => {
    expect(await scan(input('hello', 'FLAG-ME now, PII-ME too'))).toMatchObject(
      verdict({
        kind: 'flagged',
        findings: [
          { detector: 'prompt_attack', level: 'l1_confident' },
          { detector: 'pii/email', level: 'l1_confident' },
        ],
        requestId: expect.stringMatching(/^[\da-f-]{36}$/),
      }),
    )
  })

  test('an injection in an older assistant turn flags the request', async () => {
    const old = segment('FLAG-ME', { message: 0, role: 'assistant' })
    const subject: ScanSubject = { side: 'input', segments: [old, segment('go on', { message: 1 })] }
    expect(await scan(subject)).toMatchObject(verdict({ kind: 'flagged' }))
  })

  test('each choice of an answer counts', async () => {
    expect(await scan(output('fine', 'FLAG-ME'))).toMatchObject(verdict({ kind: 'flagged' }))
  })

  test.each<[string, unknown, object]>([
    ['only flagged', { flagged: true }, { kind: 'flagged', findings: [{ detector: 'lakera' }] }],
    ['not flagged, nothing else', { flagged: false }, { kind: 'clean' }],
    ['nulls', { flagged: true, breakdown: null, metadata: null }, { findings: [{ detector: 'lakera' }] }],
    [
      'null id',
      { flagged: false, metadata: { request_uuid: null } },
      { kind: 'clean', requestId: undefined },
    ],
    [
      'detected, not flagged',
      { flagged: false, breakdown: [{ detector_type: 'pii/x', detected: true }] },
      { kind: 'clean' },
    ],
    [
      'flagged, none detected',
      { flagged: true, breakdown: [{ detector_type: 'pii/x', detected: false }] },
      { findings: [{ detector: 'lakera' }] },
    ],
    [
      'a breakdown that is no list',
      { flagged: true, breakdown: 'pii' },
      { findings: [{ detector: 'lakera' }] },
    ],
    [
      'entries that are no entries',
      { flagged: true, breakdown: [null, 1, { detected: true, detector_type: 'a', result: 5 }] },
      { findings: [{ detector: 'a' }] },
    ],
    [
      'a detector without a type',
      { flagged: true, breakdown: [{ detected: true, result: null }] },
      { findings: [{ detector: 'lakera' }] },
    ],
    [
      'a detector that is a sentence',
      { flagged: true, breakdown: [{ detected: true, detector_type: 'my card is 4111' }] },
      { findings: [{ detector: 'lakera' }] },
    ],
    [
      'the same twice',
      { flagged: true, breakdown: [1, 2].map(() => ({ detected: true, detector_type: 'a', result: 'l1' })) },
      { findings: [{ detector: 'a', level: 'l1' }] },
    ],
  ])('%s', async (_, answer, expected) => {
    stub.failNext({ kind: 'body', body: JSON.stringify(answer) })
    expect(await scan(input('hi'))).toMatchObject(verdict(expected))
  })

  test.each<[string, LakeraStubFault, string]>([
    ['flagged: null', flaggedNull, 'bad-response'],
    ['flagged: "true"', { kind: 'body', body: '{"flagged":"true"}' }, 'bad-response'],
    ['flagged: 1', { kind: 'body', body: '{"flagged":1}' }, 'bad-response'],
    ['no flagged', { kind: 'body', body: '{"breakdown":[]}' }, 'bad-response'],
    ['a list', { kind: 'body', body: '[{"flagged":false}]' }, 'bad-response'],
    ['null', { kind: 'body', body: 'null' }, 'bad-response'],
    ['not JSON', garbage, 'bad-response'],
    ['truncated JSON', truncatedJson, 'bad-response'],
    ['500', { kind: 'status', status: 500 }, 'bad-response'],
    ['401', { kind: 'status', status: 401 }, 'bad-response'],
    ['429', { kind: 'status', status: 429, retryAfterSec: 1 }, 'rate-limited'],
    ['a redirect', { kind: 'redirect', location: 'http://127.0.0.1:1/' }, 'bad-response'],
    ['a reset', { kind: 'reset' }, 'unreachable'],
  ])('%s is no verdict', async (_, fault, reason) => {
    stub.failNext(fault)
    expect(await scan(input('hi'))).toMatchObject(failure(reason))
  })

  test('an unknown project and a wrong key are no verdict', async () => {
    expect(await scan(input('hi'), { project_id: 'project-2' })).toMatchObject(failure('bad-response'))
    expect(await scan(input('hi'), { api_key: 'other' })).toMatchObject(failure('bad-response'))
  })

  test('a service that never answers is a timeout', async () => {
    stub.failNext({ kind: 'hang' })
    expect(await scan(input('hi'), { timeout: 20 })).toMatchObject(failure('timeout'))
  })

  test('a slow answer is waited for', async () => {
    const gate = Promise.withResolvers<void>()
    stub.failNext({ kind: 'gate', until: gate.promise })
    const outcome = scan(input('FLAG-ME'))
    await stub.waitForRequests(1)
    gate.resolve()
    expect(await outcome).toMatchObject(verdict({ kind: 'flagged' }))
  })
})

describe('the config', () => {
  const parse = (config: object) => lakera.configSchema.safeParse({ kind: 'lakera', ...config })

  test('has the service’s defaults', () => {
    expect(parse({}).data).toEqual({
      kind: 'lakera',
      lakera_endpoint: 'https://api.lakera.ai/v2/guard',
      timeout: 5000,
      ssl_verify: true,
    })
    expect(guardrail({ timeout: 77 }).timeoutMs).toBe(77)
  })

  test.each<[string, object]>([
    ['an empty key', { api_key: '' }],
    ['a timeout of 0', { timeout: 0 }],
    ['a timeout that no timer can hold', { timeout: 2 ** 31 }],
    ['a fractional timeout', { timeout: 1.5 }],
    ['an endpoint that is no URL', { lakera_endpoint: 'api.lakera.ai' }],
    ['another protocol', { lakera_endpoint: 'ftp://api.lakera.ai/' }],
    ['credentials in the endpoint', { lakera_endpoint: 'https://user:pass@api.lakera.ai/' }],
    ['an unknown key', { apiKey: 'x' }],
  ])('%s is refused', (_, config) => {
    expect(parse(config).success).toBe(false)
  })

  test('a key that no header can carry is refused at the start, and not quoted', () => {
    for (const key of ['secret\n', 'ключ', 'two words']) {
      expect(() => guardrail({ api_key: key })).toThrow(expect.objectContaining({ code: 'bad-config' }))
      expect(() => guardrail({ api_key: key })).not.toThrow(key.trim())
    }
  })

  test('ssl_verify decides on the certificate, for this guardrail only', () => {
    const trusts: unknown[] = []
    for (const ssl_verify of [true, false]) {
      const config = lakera.configSchema.parse({ kind: 'lakera', ssl_verify })
      const postJson = async (post: { tls?: string }) => {
        trusts.push(post.tls)
        return { status: 200, headers: {}, json: { flagged: false } }
      }
      void lakera.create('guard', config, { postJson }).scan(input('hi'), new AbortController().signal)
    }
    expect(trusts).toEqual(['verified', 'unverified'])
  })
})
