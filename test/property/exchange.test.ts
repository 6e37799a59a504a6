import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { BodyMode } from '../../src/exchange/events.ts'
import type { Outcome } from '../../src/guardrail/guardrail.ts'
import type { Policy } from '../../src/policy/policy.ts'
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
import { flagWord, policy, policySet, remoteGuardrail, rule } from '../support/policies.ts'

const mode = fc.constantFrom<BodyMode>('full-duplex', 'streamed', 'buffered')
const words = fc.array(fc.constantFrom('fine ', 'sec', 'ret ', 'é', '😀', 'a secret '), { maxLength: 12 })

/** The bytes cut into chunks at the given places, as a network may cut them: anywhere, also inside characters. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [...new Set(places.map(place => place % (bytes.length + 1)))].sort((a, b) => a - b)
  return [...at, bytes.length].map((end, index) => bytes.subarray(index === 0 ? 0 : at[index - 1], end))
}

function feed(
  envoy: EnvoyModel,
  side: 'request' | 'response',
  how: BodyMode,
  chunks: readonly Buffer[],
): void {
  if (how === 'buffered') {
    envoy.body(side, Buffer.concat(chunks), 'end')
    return
  }
  chunks.forEach((chunk, index) => {
    envoy.body(side, chunk, index === chunks.length - 1 ? 'end' : 'more')
  })
}

function openExchange(
  how: BodyMode,
  overrides: Partial<Policy>,
  localScans: 'at-once' | 'late' = 'at-once',
): EnvoyModel {
  const envoy = new EnvoyModel(policySet(policy(overrides)), { mode: how, localScans })
  envoy.headers('request', CHAT_HEADERS)
  envoy.body('request', chatRequest('hello', { stream: true }), 'end')
  return envoy
}

/** What the client is left with: our answer, or what went through. */
const received = (envoy: EnvoyModel): Buffer => Buffer.from(envoy.localReply?.body ?? envoy.response.bytes)

describe('for any cut of the bytes', () => {
  test('a stream is released byte for byte or refused with nothing of it, by its text alone', () => {
    fc.assert(
      fc.property(mode, words, fc.array(fc.nat(), { maxLength: 20 }), (how, tokens, places) => {
        const stream = Buffer.from(chatEvents(...tokens).join(''))
        const envoy = openExchange(how, { outputRules: [rule(flagWord('secret'))] })
        envoy.headers('response', STREAM_ANSWER)
        feed(envoy, 'response', how, cut(stream, places))
        const flagged = tokens.join('').includes('secret')
        if (flagged) {
          expect(readChatStream(received(envoy)).text).toBe('Response blocked by policy')
          expect(received(envoy).includes('chatcmpl-up1')).toBe(false)
        } else {
          expect(received(envoy).equals(stream)).toBe(true)
        }
        expect(envoy.records.filter(record => record.phase === 'response')).toHaveLength(1)
        if (!envoy.localReply) expect(envoy.response.owed).toEqual([])
      }),
      { numRuns: 300 },
    )
  })

  test('a JSON answer and a request get the same decision', () => {
    fc.assert(
      fc.property(mode, words, fc.array(fc.nat(), { maxLength: 8 }), (how, tokens, places) => {
        const text = tokens.join('')
        const flagged = text.includes('secret')
        const answer = Buffer.from(chatCompletion(text))
        const envoy = openExchange(how, { outputRules: [rule(flagWord('secret'))] })
        envoy.headers('response', JSON_ANSWER)
        feed(envoy, 'response', how, cut(answer, places))
        expect(received(envoy).equals(answer)).toBe(!flagged)
        expect(received(envoy).includes('secret')).toBe(false)

        const request = Buffer.from(chatRequest(text))
        const inbound = new EnvoyModel(policySet(policy({ inputRules: [rule(flagWord('secret'))] })), {
          mode: how,
        })
        inbound.headers('request', CHAT_HEADERS)
        feed(inbound, 'request', how, cut(request, places))
        expect(inbound.request.bytes.equals(flagged ? Buffer.alloc(0) : request)).toBe(true)
        expect(inbound.localReply !== undefined).toBe(flagged)
      }),
      { numRuns: 300 },
    )
  })
})

const outcome = fc.constantFrom<Outcome>(
  { kind: 'verdict', verdict: { kind: 'clean' }, ms: 1 },
  { kind: 'verdict', verdict: { kind: 'flagged', findings: [{ detector: 'd' }] }, ms: 1 },
  { kind: 'failure', reason: 'timeout', ms: 1 },
  { kind: 'failure', reason: 'bad-response', ms: 1 },
)

/** Guardrails whose scans end when the test says so: large local ones, remote ones, and both, of which these wait. */
const judging = fc.constantFrom(
  [flagWord('never')],
  [remoteGuardrail()],
  [flagWord('never'), remoteGuardrail()],
)

/** One thing that can happen next to a held stream. */
const happening = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('chunk' as const), size: fc.integer({ min: 1, max: 300 }) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('verdict' as const), outcome, which: fc.nat() }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom('heartbeat-due' as const, 'window-due' as const) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('end', 'trailers', 'closed', 'deadline') }) },
)

describe('for any order of chunks, verdicts, timers and ends', () => {
  test('bytes are released in order and only after a verdict, a denial is the last word, and nothing hangs', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<BodyMode>('full-duplex', 'streamed'),
        fc.array(happening, { minLength: 1, maxLength: 40 }),
        fc.constantFrom('block', 'alert'),
        fc.boolean(),
        fc.integer({ min: 200, max: 3000 }),
        fc.constantFrom('window', 'withhold'),
        judging,
        (how, happenings, action, failOpen, maxHeldBytes, delivery, guardrails) => {
          const rules = guardrails.map(guardrail => ({ guardrail, action, failOpen }) as const)
          const stream = { ...policy().stream, maxHeldBytes, delivery }
          const envoy = openExchange(how, { outputRules: rules, stream }, 'late')
          envoy.headers('response', STREAM_ANSWER)
          const upstream = Buffer.from(
            chatEvents(...Array.from({ length: 30 }, (_, i) => `token${i} `)).join(''),
          )
          let sent = 0
          let closed = false
          // A policy that fails open may release what no verdict cleared: an event that is too large, a timeout.
          let cleared: boolean = failOpen
          for (const next of happenings) {
            if (envoy.ended || envoy.localReply) break
            if (next.kind === 'chunk' && !envoy.response.endIn) {
              envoy.body('response', upstream.subarray(sent, sent + next.size))
              sent += next.size
            } else if (next.kind === 'verdict' && envoy.scans.length > 0) {
              const isAsked = envoy.scans[next.which % envoy.scans.length]!.rules.includes(rules.at(-1)!)
              cleared ||= isAsked && next.outcome.kind === 'verdict' && allows(next.outcome, action)
              envoy.answerScan(next.outcome, next.which)
            } else if (next.kind === 'end' && !envoy.response.endIn) envoy.body('response', '', 'end')
            else if (next.kind === 'trailers' && !envoy.response.endIn) envoy.trailers('response')
            else if (next.kind === 'heartbeat-due' || next.kind === 'deadline')
              envoy.step({ kind: next.kind })
            else if (next.kind === 'closed') {
              envoy.step({ kind: 'closed' })
              closed = true
              break
            }
            checkBytes(envoy, upstream, cleared)
          }
          if (!closed && !envoy.response.endIn && envoy.ended === undefined) envoy.body('response', '', 'end')
          while (envoy.scans.length > 0) envoy.answerScan({ kind: 'failure', reason: 'timeout', ms: 1 })
          expect(envoy.records.filter(record => record.phase === 'response').length).toBeLessThanOrEqual(1)
          if (!closed && envoy.ended?.status !== 'unavailable') expect(envoy.response.owed).toEqual([])
        },
      ),
      { numRuns: 1000 },
    )
  })
})

/** One thing that can happen next to a request on which rules look before and during the call. */
const requestHappening = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('chunk' as const), size: fc.integer({ min: 1, max: 90 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('verdict' as const), outcome, which: fc.nat() }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('response' as const), status: fc.constantFrom('200', '401') }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('end' as const, 'deadline' as const) }) },
)

test('for any order of chunks, verdicts and answers a request has exactly one record', () => {
  fc.assert(
    fc.property(
      fc.constantFrom<BodyMode>('full-duplex', 'streamed'),
      fc.array(requestHappening, { maxLength: 12 }),
      fc.subarray(['inputRules', 'parallelRules'] as const, { minLength: 1 }),
      fc.boolean(),
      judging,
      (how, happenings, kinds, failOpen, guardrails) => {
        const rules = guardrails.map(guardrail => ({ guardrail, action: 'block', failOpen }) as const)
        const overrides = Object.fromEntries(kinds.map(kind => [kind, rules]))
        const envoy = new EnvoyModel(policySet(policy(overrides)), { mode: how, localScans: 'late' })
        envoy.headers('request', CHAT_HEADERS)
        const request = Buffer.from(chatRequest('hello'))
        let sent = 0
        let isAnswered = false
        for (const next of happenings) {
          if (envoy.ended || envoy.localReply) break
          if (next.kind === 'chunk' && !envoy.request.endIn) {
            envoy.body('request', request.subarray(sent, sent + next.size))
            sent += next.size
          } else if (next.kind === 'end' && !envoy.request.endIn) {
            envoy.body('request', request.subarray(sent), 'end')
          } else if (next.kind === 'verdict' && envoy.scans.length > 0)
            envoy.answerScan(next.outcome, next.which)
          else if (next.kind === 'deadline') envoy.step({ kind: 'deadline' })
          else if (next.kind === 'response' && !isAnswered) {
            isAnswered = true
            envoy.headers('response', { ...JSON_ANSWER, ':status': next.status })
          }
          expect(envoy.records.length).toBeLessThanOrEqual(1)
        }
        envoy.step({ kind: 'closed' })
        expect(envoy.records).toMatchObject([{ phase: 'request' }])
      },
    ),
    { numRuns: 1000 },
  )
})

function allows(outcome: Extract<Outcome, { kind: 'verdict' }>, action: string): boolean {
  return outcome.verdict.kind === 'clean' || action === 'alert'
}

/** What went out is a prefix of the upstream's bytes, then at most one refusal. */
function checkBytes(envoy: EnvoyModel, upstream: Buffer, cleared: boolean): void {
  const out = envoy.response.bytes.toString().replaceAll(':\n\n', '')
  const denied = envoy.records.some(record => record.phase === 'response' && record.effective === 'denied')
  let common = 0
  const all = upstream.toString()
  while (common < out.length && out[common] === all[common]) common += 1
  if (!denied) expect(common).toBe(out.length)
  // Events without text have nothing to be cleared of.
  if (!cleared) expect(out).not.toContain('token')
  expect((out.match(/\[DONE\]/g) ?? []).length).toBeLessThanOrEqual(1)
}
