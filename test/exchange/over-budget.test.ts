import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { BodyMode } from '../../src/exchange/events.ts'
import type { ExchangeInit } from '../../src/exchange/host.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import {
  CHAT_HEADERS,
  chatCompletion,
  chatEvents,
  chatRequest,
  JSON_ANSWER,
  readChatStream,
  STREAM_ANSWER,
} from '../support/chat.ts'
import { EnvoyModel } from '../support/envoy-model.ts'
import {
  CLEAN,
  flagWord,
  flagWordAsItGrows,
  policy,
  policySet,
  remoteGuardrail,
  rule,
} from '../support/policies.ts'

const REFUSAL = 'Response blocked by policy'
const closed = rule(remoteGuardrail())
const open = rule(remoteGuardrail(), 'block', 'fail-open')
const onlyWatching = rule(remoteGuardrail(), 'alert', 'fail-open')
const SPENT = { kind: 'over-budget' } as const
const request = chatRequest('a long question', { stream: true })
const head = request.slice(0, 20)
const rest = request.slice(20)

function begun(
  overrides: Partial<Policy>,
  mode: BodyMode = 'full-duplex',
  init: Partial<ExchangeInit> = {},
): EnvoyModel {
  const envoy = new EnvoyModel(policySet(policy(overrides)), { mode, ...init })
  envoy.headers('request', CHAT_HEADERS)
  return envoy
}

/** The request has gone; the answer begins. */
function answering(overrides: Partial<Policy>, headers: Record<string, string>, mode?: BodyMode): EnvoyModel {
  const envoy = begun(overrides, mode)
  envoy.body('request', request, 'end')
  envoy.headers('response', headers)
  return envoy
}

const text = (envoy: EnvoyModel): string => Buffer.from(envoy.localReply?.body ?? []).toString()
const failedFor = { outcome: 'failure', reason: 'over-budget' }

describe('a request that there is no room for', () => {
  test.each(ENVOY_MODES)('is denied as an error that may pass, in the API of its client (%s)', mode => {
    const envoy = begun({ inputRules: [closed] }, mode)
    if (mode !== 'buffered') envoy.body('request', head)
    envoy.step(SPENT)
    expect(envoy.localReply).toMatchObject({ status: 503, headers: { 'x-should-retry': 'false' } })
    expect(JSON.parse(text(envoy))).toMatchObject({ error: { code: 'unavailable' } })
    expect(envoy.records).toMatchObject([
      {
        phase: 'request',
        effective: 'denied',
        because: 'failed-closed',
        rules: [failedFor],
        bytesReleased: 0,
      },
    ])
    expect([envoy.scans, envoy.keptBytes, envoy.request.bytes.length]).toEqual([[], 0, 0])
  })

  test.each(ENVOY_MODES)('passes whole and in order where every rule forgives it (%s)', mode => {
    const envoy = begun({ inputRules: [open] }, mode)
    if (mode === 'buffered') {
      envoy.step(SPENT)
      envoy.body('request', request, 'end')
    } else {
      envoy.body('request', head)
      envoy.step(SPENT)
      expect(envoy.keptBytes).toBe(0)
      envoy.body('request', rest, 'end')
    }
    expect(envoy.request.bytes.toString()).toBe(request)
    expect(envoy.request.endOut).toBe(true)
    expect(envoy.records).toMatchObject([
      { phase: 'request', effective: 'released', because: 'failed-open', rules: [failedFor] },
    ])
    expect(envoy.scans).toEqual([])
  })

  test('is denied where one of its rules does not forgive it', () => {
    const envoy = begun({ inputRules: [open, closed] })
    envoy.body('request', head)
    envoy.step(SPENT)
    expect(envoy.localReply).toMatchObject({ status: 503 })
  })

  test('is judged all the same once its body is here', () => {
    const envoy = begun({ inputRules: [closed] })
    envoy.body('request', request, 'end')
    envoy.step(SPENT)
    expect(envoy.canWait).toBe(true)
    envoy.answerScan(CLEAN)
    expect(envoy.request.bytes.toString()).toBe(request)
  })

  const gzipped = gzipSync(chatRequest('x'.repeat(10_000)))
  test.each([
    [9_999, 503],
    [11_000, undefined],
  ])('is not inflated beyond it: %i bytes of room', (roomBytes, status) => {
    const envoy = new EnvoyModel(policySet(policy({ inputRules: [closed] })), {
      mode: 'full-duplex',
      roomBytes: () => roomBytes,
    })
    envoy.headers('request', { ...CHAT_HEADERS, 'content-encoding': 'gzip' })
    envoy.body('request', gzipped, 'end')
    expect(envoy.localReply?.status).toBe(status)
    if (status === undefined) expect(envoy.keptBytes).toBeGreaterThan(10_000 + gzipped.length)
  })

  test('that is only copied loses its copy, and nothing else', () => {
    const envoy = begun({ outputRules: [closed] })
    envoy.body('request', head)
    expect(envoy.keptBytes).toBe(head.length)
    envoy.step(SPENT)
    expect(envoy.keptBytes).toBe(0)
    envoy.body('request', rest.slice(0, 5))
    expect(envoy.keptBytes).toBe(0)
    envoy.body('request', rest.slice(5), 'end')
    expect(envoy.request.bytes.toString()).toBe(request)
    envoy.headers('response', JSON_ANSWER)
    envoy.body('response', chatCompletion('fine'), 'end')
    envoy.answerScan(CLEAN)
    expect(envoy.response.bytes.toString()).toBe(chatCompletion('fine'))
  })

  test('changes nothing where nothing is kept', () => {
    const envoy = begun({ inputRules: [open] })
    envoy.step(SPENT)
    envoy.step(SPENT)
    envoy.body('request', request, 'end')
    expect(envoy.request.bytes.toString()).toBe(request)
    expect(envoy.records).toHaveLength(1)
  })
})

describe('an answer that waits for a parallel check and finds no room', () => {
  const waiting = (parallel: typeof closed): EnvoyModel => {
    const envoy = answering({ parallelRules: [parallel] }, JSON_ANSWER)
    envoy.body('response', chatCompletion('fine').slice(0, 50))
    expect(envoy.keptBytes).toBe(50 + request.length)
    envoy.step(SPENT)
    return envoy
  }

  test('is denied', () => {
    const envoy = waiting(closed)
    expect(envoy.localReply).toBeDefined()
    expect(envoy.response.bytes.length).toBe(0)
    expect(envoy.records).toMatchObject([{ phase: 'request', effective: 'denied', rules: [failedFor] }])
  })

  test('goes on where that is forgiven', () => {
    const envoy = waiting(open)
    envoy.body('response', chatCompletion('fine').slice(50), 'end')
    expect(envoy.response.bytes.toString()).toBe(chatCompletion('fine'))
    expect(envoy.records).toMatchObject([{ phase: 'request', because: 'failed-open', rules: [failedFor] }])
  })
})

describe('a JSON answer that there is no room for', () => {
  const answer = chatCompletion('a long answer')

  test.each(['full-duplex', 'streamed'] as const)('is refused (%s)', mode => {
    const envoy = begun({ outputRules: [closed] }, mode)
    envoy.body('request', chatRequest('a question'), 'end')
    envoy.headers('response', JSON_ANSWER)
    envoy.body('response', answer.slice(0, 40))
    envoy.step(SPENT)
    envoy.body('response', answer.slice(40), 'end')
    expect(envoy.records.at(-1)).toMatchObject({ effective: 'denied', rules: [failedFor] })
    const out = `${text(envoy)}${envoy.response.bytes}`
    expect(JSON.parse(out)).toMatchObject({ choices: [{ message: { content: REFUSAL } }] })
    if (envoy.localReply === undefined) expect(envoy.response.owed).toEqual([])
  })

  test('is cut where the place for a refusal would come with it (buffered)', () => {
    const envoy = answering({ outputRules: [closed] }, JSON_ANSWER, 'buffered')
    envoy.step(SPENT)
    expect(envoy.ended).toMatchObject({ status: 'unavailable' })
    expect(envoy.records.at(-1)).toMatchObject({ effective: 'denied', rules: [failedFor] })
  })

  test.each(ENVOY_MODES)('passes whole where every rule forgives it (%s)', mode => {
    const envoy = answering({ outputRules: [open] }, JSON_ANSWER, mode)
    if (mode === 'buffered') envoy.step(SPENT)
    else envoy.body('response', answer.slice(0, 40))
    if (mode !== 'buffered') envoy.step(SPENT)
    envoy.body('response', mode === 'buffered' ? answer : answer.slice(40), 'end')
    expect(envoy.response.bytes.toString()).toBe(answer)
    expect(envoy.records.at(-1)).toMatchObject({ because: 'failed-open', rules: [failedFor] })
  })

  test('is refused while nothing tells yet what it is', () => {
    const envoy = answering({ outputRules: [closed] }, { ':status': '200' })
    envoy.body('response', ' ')
    expect(envoy.keptBytes).toBe(1)
    envoy.step(SPENT)
    expect(text(envoy)).toContain(REFUSAL)
  })

  test('is judged once it is whole', () => {
    const envoy = answering({ outputRules: [closed] }, JSON_ANSWER)
    envoy.body('response', answer, 'end')
    expect(envoy.canWait).toBe(true)
    envoy.step(SPENT)
    envoy.answerScan(CLEAN)
    expect(envoy.response.bytes.toString()).toBe(answer)
  })
})

describe('an event stream that there is no room for', () => {
  const events = chatEvents('fine ', 'rest')

  test.each(['full-duplex', 'streamed'] as const)(
    'is refused in protocol, and nothing is kept (%s)',
    mode => {
      const envoy = answering({ outputRules: [closed] }, STREAM_ANSWER, mode)
      for (const event of events.slice(0, 2)) envoy.body('response', event)
      envoy.step(SPENT)
      for (const event of events.slice(2)) envoy.body('response', event)
      envoy.body('response', '', 'end')
      expect(readChatStream(envoy.response.bytes)).toMatchObject({ text: REFUSAL, done: 1 })
      expect(envoy.records.at(-1)).toMatchObject({ effective: 'denied', rules: [failedFor] })
      expect([envoy.keptBytes, envoy.scans]).toEqual([0, []])
    },
  )

  test('is cut where the place for a refusal would come with it (buffered)', () => {
    const envoy = answering({ outputRules: [closed] }, STREAM_ANSWER, 'buffered')
    envoy.step(SPENT)
    expect(envoy.ended).toMatchObject({ status: 'unavailable' })
    expect(envoy.records.at(-1)).toMatchObject({ effective: 'denied', rules: [failedFor] })
  })

  test.each(ENVOY_MODES)('passes whole and in order where every rule forgives it (%s)', mode => {
    const envoy = answering({ outputRules: [open] }, STREAM_ANSWER, mode)
    if (mode === 'buffered') envoy.step(SPENT)
    else for (const event of events.slice(0, 2)) envoy.body('response', event)
    if (mode !== 'buffered') envoy.step(SPENT)
    envoy.body('response', mode === 'buffered' ? events.join('') : events.slice(2).join(''), 'end')
    expect(envoy.response.bytes.toString()).toBe(events.join(''))
    expect([envoy.keptBytes, envoy.scans, envoy.response.owed]).toEqual([0, [], []])
    expect(envoy.records.at(-1)).toMatchObject({ effective: 'released', because: 'failed-open' })
  })

  describe('although all of it is here, and its verdict on its way', () => {
    const whole = (one: typeof closed): EnvoyModel => {
      const envoy = answering({ outputRules: [one] }, STREAM_ANSWER)
      envoy.body('response', events.join(''))
      expect(envoy.scans).toHaveLength(1)
      expect(envoy.canWait).toBe(true)
      envoy.step(SPENT)
      expect(envoy.keptBytes).toBe(0)
      // It comes too late.
      envoy.answerScan(CLEAN)
      envoy.body('response', '', 'end')
      return envoy
    }

    test('is refused', () => {
      expect(readChatStream(whole(closed).response.bytes)).toMatchObject({ text: REFUSAL, done: 1 })
    })

    test('passes where that is forgiven', () => {
      expect(whole(open).response.bytes.toString()).toBe(events.join(''))
    })
  })

  test('that holds nothing goes on: before its first byte, and when all was cleared', () => {
    const windowed = { ...policy().stream, delivery: 'window' as const }
    const rules = { outputRules: [rule(flagWordAsItGrows('secret'))], stream: windowed }
    const envoy = answering(rules, STREAM_ANSWER)
    // What leads the first text waits for it.
    for (const piece of [events.slice(0, 2).join(''), ...events.slice(2)]) {
      envoy.step(SPENT)
      envoy.body('response', piece)
    }
    envoy.body('response', '', 'end')
    expect(envoy.response.bytes.toString()).toBe(events.join(''))
    expect(envoy.records.at(-1)).toMatchObject({ effective: 'released', because: 'clean' })
  })

  test('gives up first what rules that only watch were to see', () => {
    const envoy = answering({ outputRules: [rule(flagWordAsItGrows('secret')), onlyWatching] }, STREAM_ANSWER)
    for (const event of events.slice(0, 2)) envoy.body('response', event)
    envoy.step(SPENT)
    expect(envoy.keptBytes).toBe(Buffer.byteLength(events.slice(0, 2).join('')))
    for (const event of events.slice(2)) envoy.body('response', event)
    envoy.body('response', '', 'end')
    expect(envoy.response.bytes.toString()).toBe(events.join(''))
    expect(envoy.records.at(-1)?.rules).toMatchObject([{ outcome: 'clean' }, failedFor])
  })
})

test('a copy of a live answer is dropped, and the record says why nobody judged it', () => {
  const envoy = answering({ outputRules: [onlyWatching] }, STREAM_ANSWER)
  const events = chatEvents('fine')
  envoy.body('response', events[0]!)
  expect(envoy.keptBytes).toBe(events[0]!.length)
  envoy.step(SPENT)
  expect(envoy.keptBytes).toBe(0)
  for (const event of events.slice(1)) envoy.body('response', event)
  envoy.body('response', '', 'end')
  expect(envoy.response.bytes.toString()).toBe(events.join(''))
  expect(envoy.records).toMatchObject([{ effective: 'released', because: 'failed-open', rules: [failedFor] }])
})

describe('what is kept', () => {
  test('of a request that has gone on are its texts, where answers are judged by them', () => {
    const plain = answering({ inputRules: [rule(flagWord('bad'))], outputRules: [closed] }, JSON_ANSWER)
    expect(plain.keptBytes).toBe(0)
    const grounded = { ...closed, outputContext: 'conversation' } as const
    const kept = answering({ inputRules: [rule(flagWord('bad'))], outputRules: [grounded] }, JSON_ANSWER)
    expect(kept.keptBytes).toBe(request.length)
    kept.body('response', chatCompletion('fine'), 'end')
    expect(kept.scans[0]?.subject).toMatchObject({ conversation: [{ text: 'a long question' }] })
  })

  test('are the texts that a rule which only watches still looks at', () => {
    const envoy = begun({ inputRules: [onlyWatching], outputRules: [closed] })
    envoy.body('request', request, 'end')
    expect(envoy.request.bytes.toString()).toBe(request)
    expect(envoy.keptBytes).toBe(request.length)
    envoy.answerScan(CLEAN)
    expect(envoy.keptBytes).toBe(0)
  })
})
