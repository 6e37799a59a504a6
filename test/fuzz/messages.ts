import fc from 'fast-check'
import { contentCodings } from '../../src/coding/codings.ts'
import { WeirError } from '../../src/errors.ts'
import type { Effect, ExchangeEvent, Reply, Side } from '../../src/exchange/events.ts'
import { Exchange } from '../../src/exchange/exchange.ts'
import { decodeProcessingRequest } from '../../src/extproc/decode.ts'
import { encodeReply } from '../../src/extproc/encode.ts'
import type { Outcome } from '../../src/guardrail/guardrail.ts'
import { runLocalScan } from '../../src/guardrail/run-scan.ts'
import {
  CHAT_HEADERS,
  chatCompletion,
  chatEvents,
  chatRequest,
  JSON_ANSWER,
  STREAM_ANSWER,
} from '../support/chat.ts'
import { policySet } from '../support/policies.ts'
import { loadProtos } from '../support/wire.ts'
import { nearly } from './bytes.ts'
import { must, mustEqual, orRefused } from './require.ts'
import { enforces, MARK, policyOf, type Scene, scene, verdictOn } from './scene.ts'
import { fuzzTarget } from './target.ts'
import { message as anyMessage } from './wire.ts'

const Request = loadProtos().lookupType('envoy.service.ext_proc.v3.ProcessingRequest')
const encode = (fields: object): Buffer => Buffer.from(Request.encode(Request.fromObject(fields)).finish())
const headers = (side: Side, given: Record<string, string>, endOfStream: boolean): Buffer => {
  const list = Object.entries(given).map(([key, value]) => ({ key, raw_value: Buffer.from(value) }))
  return encode({ [`${side}_headers`]: { headers: { headers: list }, end_of_stream: endOfStream } })
}
const body = (side: Side, bytes: Buffer, endOfStream: boolean): Buffer =>
  encode({ [`${side}_body`]: { body: bytes, end_of_stream: endOfStream } })

const BODIES: Readonly<Record<Side, readonly string[]>> = {
  request: [
    chatRequest('hello'),
    chatRequest(MARK),
    chatRequest(`a ${MARK}`, { stream: true }),
    '',
    '{"messages"',
  ],
  response: [
    chatCompletion('hello'),
    chatCompletion(MARK),
    ...chatEvents('one ', MARK),
    chatEvents(MARK).join(''),
    '',
  ],
}
const ends = fc.boolean()
const toldMessage: fc.Arbitrary<Buffer> = fc.oneof(
  ends.map(end => headers('request', CHAT_HEADERS, end)),
  fc
    .tuple(fc.constantFrom(JSON_ANSWER, STREAM_ANSWER, { ':status': '503' }, { ':status': '200' }), ends)
    .map(([given, end]) => headers('response', given, end)),
  ...(['request', 'response'] as const).flatMap(side => [
    fc
      .tuple(fc.constantFrom(...BODIES[side]), fc.constantFrom(1, 1, 0.5), ends)
      .map(([text, share, end]) => body(side, Buffer.from(text.slice(0, text.length * share)), end)),
    fc.constant(encode({ [`${side}_trailers`]: {} })),
  ]),
)

type Step =
  | { readonly kind: 'message'; readonly bytes: Buffer }
  | { readonly kind: 'verdict'; readonly fails: boolean }
  | { readonly kind: 'heartbeat-due' | 'window-due' | 'deadline' | 'over-budget' | 'closed' }
const chaos: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('message'), bytes: toldMessage }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('message'), bytes: nearly(fc.oneof(toldMessage, anyMessage)) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('verdict'), fails: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('heartbeat-due', 'window-due', 'deadline', 'over-budget', 'closed'),
    }),
  },
)
const told: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('message'), bytes: toldMessage }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('verdict'), fails: fc.boolean() }) },
)

/** What Envoy has asked about on one side, and what it was told. */
class Account {
  readonly asked = { headers: 0, body: 0, trailers: 0 }
  readonly answered = { headers: 0, body: 0, trailers: 0 }
  readonly out: Uint8Array[] = []
}

/** An exchange with the account of its call: more is never answered than was asked. */
class Ledger {
  readonly request = new Account()
  readonly response = new Account()
  readonly effects: Effect[] = []
  readonly #scene: Scene['init']
  readonly #exchange: Exchange
  readonly #scans: Extract<Effect, { kind: 'scan' }>[] = []
  #isOver = false

  constructor(scene: Pick<Scene, 'init' | 'policy'>) {
    this.#scene = scene.init
    this.#exchange = new Exchange({
      stamp: { id: '0123456789abcdef0123456789abcdef', startedAtSec: 1_760_000_000 },
      policies: policySet(scene.policy),
      codings: contentCodings,
      roomBytes: () => Number.POSITIVE_INFINITY,
      policyName: undefined,
      ...scene.init,
    })
  }

  /** False when the call ends with an error, as on a message that is none. */
  take(step: Step): boolean {
    if (step.kind === 'verdict') {
      const scan = this.#scans.shift()
      if (scan === undefined) return true
      const outcome: Outcome = step.fails
        ? { kind: 'failure', reason: 'timeout', ms: 0 }
        : { kind: 'verdict', verdict: verdictOn(scan.subject.segments), ms: 0 }
      const outcomes = scan.rules.map(rule => ({ rule, outcome }))
      return this.#step({ kind: 'scan-end', scan: scan.scan, outcomes })
    }
    if (step.kind !== 'message') return this.#step({ kind: step.kind })
    const decoded = orRefused('bad-message', () => decodeProcessingRequest(step.bytes))
    if (decoded instanceof WeirError) return false
    if (decoded.event === undefined) return true
    const { asked } = this[decoded.event.side]
    asked[decoded.event.kind] += 1
    return this.#step(decoded.event)
  }

  #step(event: ExchangeEvent): boolean {
    const inbox = [event]
    for (let next = inbox.shift(); next !== undefined; next = inbox.shift()) {
      const one = next
      // What is broken inside headers shows when they are read.
      const effects = orRefused('bad-message', () => this.#exchange.step(one))
      if (effects instanceof WeirError) return false
      for (const effect of effects) {
        this.effects.push(effect)
        const followUp = this.#perform(effect)
        if (followUp) inbox.push(followUp)
      }
    }
    must(this.#exchange.keptBytes >= 0, 'less than nothing is kept')
    return true
  }

  #perform(effect: Effect): ExchangeEvent | undefined {
    if (effect.kind === 'reply') this.#answer(effect.reply)
    else if (effect.kind === 'end') this.#isOver = true
    else if (effect.kind === 'scan') {
      const outcomes = effect.rules.flatMap(rule =>
        rule.guardrail.locality === 'local'
          ? [{ rule, outcome: runLocalScan(rule.guardrail, effect.subject, () => 0) }]
          : [],
      )
      if (outcomes.length === effect.rules.length) return { kind: 'scan-end', scan: effect.scan, outcomes }
      this.#scans.push(effect)
    }
    return undefined
  }

  #answer(reply: Reply): void {
    must(!this.#isOver, 'a reply after the last word')
    must(!this.#scene.observed, 'a reply that nobody takes')
    must(encodeReply(reply).byteLength > 0, 'a reply without bytes')
    if (reply.kind === 'local') {
      this.#isOver = true
      must(!Buffer.from(reply.body).includes(MARK), 'a refusal that tells what was flagged')
      return
    }
    const account = this[reply.side]
    const { asked, answered } = account
    if (reply.kind === 'streamed-body') {
      must(answered.headers > 0 && asked.body > 0, 'body bytes before their time')
      account.out.push(reply.body)
      return
    }
    answered[reply.kind] += 1
    must(answered[reply.kind] <= asked[reply.kind], `more ${reply.kind} replies than are owed`)
    if (reply.kind === 'body' && reply.replace) account.out.push(reply.replace)
  }
}

function play(scene: Pick<Scene, 'init' | 'policy'>, steps: readonly Step[]): Ledger {
  const ledger = new Ledger(scene)
  for (const step of steps) if (!ledger.take(step)) break
  return ledger
}

function played(init: Scene['init'], policy: Scene['policy'], steps: readonly Step[]): Ledger {
  const ledger = play({ init, policy }, steps)
  mustEqual(play({ init, policy }, steps).effects, ledger.effects, 'two runs differ')
  return ledger
}

const begin = { init: scene.map(({ init }) => init), policy: policyOf }

/** Any messages at all, broken ones too, in any order: never a throw, never more than is owed. */
export const messages = fuzzTarget(
  'messages',
  200,
  fc.record({ ...begin, steps: fc.array(chaos, { maxLength: 14 }) }),
  ({ init, policy, steps }) => {
    played(init, policy, steps)
  },
)

/** Whole messages of one chat exchange in any order, repeated, after the end: nothing flagged goes to the upstream. */
export const disorder = fuzzTarget(
  'disorder',
  200,
  fc.record({ ...begin, steps: fc.array(told, { maxLength: 14 }) }),
  ({ init, policy, steps }) => {
    const { request } = played(init, policy, steps)
    const isOut = enforces(policy.inputRules) && Buffer.concat(request.out).includes(MARK)
    must(init.observed || !isOut, 'the upstream got what was flagged')
  },
)
