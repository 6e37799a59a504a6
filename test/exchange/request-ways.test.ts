import { describe, expect, test } from 'vitest'
import type { BodyMode } from '../../src/exchange/events.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import { CHAT_HEADERS, chatCompletion, chatRequest, JSON_ANSWER } from '../support/chat.ts'
import { EnvoyModel } from '../support/envoy-model.ts'
import { flagWord, policy, policySet, remoteGuardrail, rule } from '../support/policies.ts'

/** Doors that a request must not find open, and the account of what is kept of it, one by one. */

const blocking = { inputRules: [rule(flagWord('secret'))] }
const parallel = { parallelRules: [rule(remoteGuardrail())] }
const watching = { outputRules: [rule(flagWord('secret'))] }
/** Takes long to read, for its keys that no other object has. */
const HEAVY = chatRequest('a secret', {
  metadata: Object.fromEntries(Array.from({ length: 40_000 }, (_, index) => [`k${index}`, 0])),
})

function exchange(
  mode: BodyMode,
  overrides: Partial<Policy>,
  options: { observed?: boolean } = {},
): EnvoyModel {
  return new EnvoyModel(policySet(policy(overrides)), { mode, ...options })
}

function asked(
  mode: BodyMode,
  overrides: Partial<Policy>,
  body: string,
  headers: Record<string, string> = {},
): EnvoyModel {
  const envoy = exchange(mode, overrides)
  envoy.headers('request', { ...CHAT_HEADERS, ...headers })
  envoy.body('request', body, 'end')
  return envoy
}

const image = (text: string): string =>
  JSON.stringify({
    model: 'm',
    messages: [
      { role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:,' } }] },
      { role: 'user', content: text },
    ],
  })

describe.each(ENVOY_MODES)('a request (%s)', mode => {
  test('that wants another protocol is refused: what follows has no end to judge it at', () => {
    const envoy = exchange(mode, blocking)
    envoy.headers('request', { ...CHAT_HEADERS, upgrade: 'websocket' })
    expect(envoy.localReply?.status).toBe(400)
    expect(envoy.request.headersOut).toBe(false)
    expect(envoy.records).toMatchObject([{ effective: 'denied', because: 'unsupported' }])
  })

  test('that is denied gets the deny_code that its policy names', () => {
    const envoy = asked(mode, { ...blocking, denyCode: 451 }, chatRequest('a secret'))
    expect([envoy.localReply?.status, envoy.request.bytes.length]).toEqual([451, 0])
  })

  test('with parts that no guard can read obeys uninspectable: deny, whatever its text says', () => {
    const envoy = asked(mode, { ...blocking, uninspectable: 'deny' }, image('hello'))
    expect([envoy.request.bytes.length, envoy.localReply?.status]).toEqual([0, 200])
    expect(envoy.records).toMatchObject([{ effective: 'denied', because: 'uninspectable', uninspectable: 1 }])
    const passing = asked(mode, blocking, image('hello'))
    expect(passing.request.bytes.toString()).toBe(image('hello'))
    expect(passing.counts).toEqual(['uninspectable'])
  })

  test('without text is recorded with fail_mode warn, and only counted with skip', () => {
    const envoy = asked(mode, { ...blocking, failMode: 'warn' }, JSON.stringify({ model: 'm', messages: [] }))
    expect(envoy.request.endOut).toBe(true)
    expect(envoy.records).toMatchObject([{ effective: 'released', because: 'unsupported' }])
    const silent = asked(
      mode,
      { ...blocking, failMode: 'skip' },
      JSON.stringify({ model: 'm', messages: [] }),
    )
    expect([silent.request.endOut, silent.records, silent.counts]).toEqual([true, [], ['unsupported']])
  })

  test('of no body at all leaves nothing that its answer were judged by', () => {
    const envoy = asked(mode, { ...blocking, ...watching }, '')
    expect(envoy.counts).toEqual(['unsupported'])
    if (mode !== 'full-duplex') {
      expect(envoy.ended?.status).toBe('ok')
      return
    }
    envoy.headers('response', JSON_ANSWER)
    envoy.body('response', chatCompletion('a secret'), 'end')
    expect(envoy.response.bytes.toString()).toBe(chatCompletion('a secret'))
  })

  test('that Envoy only shows is not waited for by its answer', () => {
    const envoy = exchange(mode, { ...parallel, ...watching }, { observed: true })
    envoy.headers('request', CHAT_HEADERS)
    envoy.request.owed.length = 0
    envoy.body('request', chatRequest('hello'), 'end')
    expect(envoy.scans.map(({ lifetime }) => lifetime)).toEqual(['shadow'])
    envoy.headers('response', JSON_ANSWER)
    envoy.response.owed.length = 0
    envoy.body('response', chatCompletion('fine'), 'end')
    expect(envoy.records).toMatchObject([{ phase: 'response', because: 'clean' }])
  })

  test('is kept, in the account, for as long as a guard looks at it', () => {
    const envoy = exchange(mode, parallel, { observed: true })
    envoy.headers('request', CHAT_HEADERS)
    envoy.request.owed.length = 0
    const body = chatRequest('hello')
    envoy.body('request', body, 'end')
    expect(envoy.keptBytes).toBe(body.length)
    envoy.answerScan({ kind: 'verdict', verdict: { kind: 'clean' }, ms: 1 })
    expect(envoy.keptBytes).toBe(0)
  })
})

test('no rules at all never end a full-duplex call early: what Envoy has sent would be lost', () => {
  const envoy = exchange('full-duplex', {})
  envoy.headers('request', CHAT_HEADERS)
  expect(envoy.ended).toBeUndefined()
  envoy.body('request', 'as it came', 'end')
  expect([envoy.request.bytes.toString(), envoy.ended]).toEqual(['as it came', undefined])
})

test('nor does a full-duplex request whose answer could be left to Envoy', () => {
  const envoy = new EnvoyModel(policySet(policy({})), { mode: 'full-duplex', responseMode: 'buffered' })
  envoy.headers('request', CHAT_HEADERS)
  expect(envoy.ended).toBeUndefined()
  envoy.body('request', 'as it came', 'end')
  expect([envoy.request.bytes.toString(), envoy.ended?.status]).toEqual(['as it came', 'ok'])
})

test('a BUFFERED request is judged with its one message, although trailers follow', () => {
  const envoy = exchange('buffered', blocking)
  envoy.headers('request', CHAT_HEADERS)
  envoy.body('request', chatRequest('a secret'))
  expect(envoy.localReply?.status).toBe(200)
  expect(envoy.records).toMatchObject([{ effective: 'denied', because: 'flagged' }])
})

describe('a heavy request that goes on at once', () => {
  function sent(overrides: Partial<Policy>): EnvoyModel {
    const envoy = exchange('full-duplex', overrides)
    envoy.holdsReads = true
    envoy.headers('request', CHAT_HEADERS)
    envoy.body('request', HEAVY, 'end')
    expect(envoy.request.bytes.toString()).toBe(HEAVY)
    return envoy
  }

  test('counts until it was read, and its texts no longer where nobody looks at them', () => {
    const envoy = sent(watching)
    expect(envoy.keptBytes).toBe(HEAVY.length)
    envoy.answerRead()
    expect(envoy.keptBytes).toBe(0)
  })

  test('counts for as long as a parallel rule judges it', () => {
    const envoy = sent(parallel)
    envoy.answerRead()
    expect(envoy.keptBytes).toBe(HEAVY.length)
  })

  test('is not judged any more once an answer went on that had not to wait', () => {
    const envoy = sent(parallel)
    envoy.headers('response', { ':status': '500' })
    expect(envoy.records).toMatchObject([{ effective: 'released', because: 'cancelled' }])
    envoy.answerRead()
    expect([envoy.scans.length, envoy.records.length, envoy.ended]).toEqual([0, 1, undefined])
  })

  test('that was read too late and is forgiven takes nothing more: Envoy may have the rest', () => {
    const envoy = exchange('streamed', { parallelRules: [rule(remoteGuardrail(), 'block', 'fail-open')] })
    envoy.holdsReads = true
    envoy.headers('request', CHAT_HEADERS)
    envoy.body('request', HEAVY, 'end')
    envoy.answerRead({ kind: 'fault', reason: 'timeout' })
    expect(envoy.records).toMatchObject([{ effective: 'released', because: 'failed-open' }])
    expect(envoy.ended?.status).toBe('ok')
  })
})

test('a copy that a parallel rule waits for is never dropped for want of room: the request is refused', () => {
  const envoy = exchange('full-duplex', parallel)
  envoy.headers('request', CHAT_HEADERS)
  envoy.body('request', chatRequest('a secret').slice(0, 20))
  envoy.step({ kind: 'over-budget' })
  expect(envoy.localReply?.status).toBe(503)
  expect(envoy.records).toMatchObject([{ effective: 'denied', because: 'failed-closed' }])
})

test.each([
  ['full-duplex', true],
  ['streamed', false],
  ['buffered', false],
] as const)('a verdict that is awaited lets Envoy wait only where it has no timer (%s)', (mode, canWait) => {
  const held = asked(mode, { inputRules: [rule(remoteGuardrail())] }, chatRequest('hello'))
  const going = asked(mode, parallel, chatRequest('hello'))
  expect([held.canWait, going.canWait]).toEqual([canWait, canWait])
})
