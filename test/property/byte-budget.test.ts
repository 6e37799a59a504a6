import fc from 'fast-check'
import { expect, test } from 'vitest'
import { contentCodings } from '../../src/coding/codings.ts'
import type { Side } from '../../src/exchange/events.ts'
import { ByteLedger } from '../../src/extproc/byte-ledger.ts'
import { Call } from '../../src/extproc/call.ts'
import type { CallDeps } from '../../src/extproc/call-deps.ts'
import { ShadowScans } from '../../src/extproc/shadow-scans.ts'
import type { FailureStatus, Rpc } from '../../src/grpc/rpc.ts'
import type { RemoteGuardrail, Verdict } from '../../src/guardrail/guardrail.ts'
import type { Policy, Rule } from '../../src/policy/policy.ts'
import {
  CHAT_HEADERS,
  chatCompletion,
  chatEvents,
  chatRequest,
  JSON_ANSWER,
  STREAM_ANSWER,
} from '../support/chat.ts'
import { policy, policySet } from '../support/policies.ts'
import { RecordingTelemetry } from '../support/weir.ts'
import { loadProtos } from '../support/wire.ts'

const BUDGET_BYTES = 40_000
const OWN_SHARE_BYTES = 4096
const MESSAGE_BYTES = 5000

const Request = loadProtos().lookupType('envoy.service.ext_proc.v3.ProcessingRequest')
const encode = (fields: object): Buffer => Buffer.from(Request.encode(Request.fromObject(fields)).finish())
const headersOf = (side: Side, given: Record<string, string>): object => {
  const list = Object.entries(given).map(([key, value]) => ({ key, raw_value: Buffer.from(value) }))
  return { [`${side}_headers`]: { headers: { headers: list } } }
}
const modes = { request_body_mode: 'FULL_DUPLEX_STREAMED', response_body_mode: 'FULL_DUPLEX_STREAMED' }

/** All that Envoy sends of one exchange, in pieces. */
function messagesOf(shape: 'json' | 'event-stream', words: number): Buffer[] {
  const said = 'word '.repeat(words)
  const bodies: readonly (readonly [Side, string])[] = [
    ['request', chatRequest(said, { stream: shape === 'event-stream' })],
    ['response', shape === 'json' ? chatCompletion(said) : chatEvents(...said.match(/.{1,1500}/g)!).join('')],
  ]
  return bodies.flatMap(([side, text]) => {
    const given = side === 'request' ? CHAT_HEADERS : shape === 'json' ? JSON_ANSWER : STREAM_ANSWER
    const pieces = text.match(new RegExp(`[^]{1,${MESSAGE_BYTES}}`, 'g')) ?? []
    return [
      encode({ ...headersOf(side, given), ...(side === 'request' && { protocol_config: modes }) }),
      ...pieces.map((piece, index) =>
        encode({
          [`${side}_body`]: { body: Buffer.from(piece), end_of_stream: index === pieces.length - 1 },
        }),
      ),
    ]
  })
}

/** A transport that takes what Envoy sends whether or not it is paused, as far as one window goes. */
class Peer implements Rpc {
  readonly unsent: Buffer[]
  readonly #waiting: Buffer[] = []
  #reading: 'flowing' | 'paused' = 'flowing'
  #taking: 'all' | 'nothing' = 'all'
  #unwritten = 0
  end_: 'open' | 'ok' | FailureStatus = 'open'
  listener: Call | undefined
  /** Of a message that is not complete. */
  underWay = 0

  constructor(messages: Buffer[]) {
    this.unsent = messages
  }
  get isPaused(): boolean {
    return this.#reading === 'paused'
  }
  get isFull(): boolean {
    return this.#unwritten > 0
  }
  get waitingBytes(): number {
    return this.underWay + this.#waiting.reduce((sum, { byteLength }) => sum + byteLength, 0)
  }
  get unsentBytes(): number {
    return this.#unwritten
  }
  metadata(): undefined {
    return undefined
  }
  write(message: Buffer): 'more' | 'full' {
    if (this.#taking === 'all') return 'more'
    this.#unwritten += message.byteLength
    return 'full'
  }
  pause(): void {
    this.#reading = 'paused'
  }
  resume(): void {
    this.#reading = 'flowing'
    this.#tell()
  }
  end(): void {
    this.end_ = 'ok'
  }
  fail(code: FailureStatus): void {
    this.end_ = code
  }
  /** One message comes, if there is one and flow control lets it. */
  deliver(): void {
    if (this.end_ !== 'open' || this.#waiting.length > 1) return
    const next = this.unsent.shift()
    if (next === undefined) return
    this.#waiting.push(next)
    if (this.isPaused) this.listener?.onWaiting()
    else this.#tell()
  }
  clog(): void {
    this.#taking = 'nothing'
  }
  drain(): void {
    this.#taking = 'all'
    if (this.#unwritten === 0) return
    this.#unwritten = 0
    this.listener?.onDrain()
  }
  #tell(): void {
    while (!this.isPaused && this.end_ === 'open') {
      const next = this.#waiting.shift()
      if (next === undefined) return
      this.listener?.onMessage(next)
    }
  }
}

/** A guard service that answers when the test says so. */
class Guard implements RemoteGuardrail {
  readonly name = 'guard'
  readonly locality = 'remote'
  readonly timeoutMs = 600_000
  readonly asked: (() => void)[] = []

  scan(_subject: unknown, signal: AbortSignal): Promise<Verdict> {
    return new Promise((resolve, reject) => {
      const answer = (): void => resolve({ kind: 'clean' })
      this.asked.push(answer)
      signal.addEventListener('abort', () => {
        this.asked.splice(this.asked.indexOf(answer), 1)
        reject(signal.reason)
      })
    })
  }
  answer(index: number): void {
    const [one] = this.asked.splice(index % Math.max(1, this.asked.length), 1)
    one?.()
  }
}

const depsOf = (one: Policy, ledger: ByteLedger, telemetry: RecordingTelemetry): CallDeps => ({
  telemetry,
  pin: () => ({ policies: policySet(one), release() {} }),
  reader: { read: () => () => {} },
  codings: contentCodings,
  shadows: new ShadowScans(1000),
  ledger,
  clock: () => 0,
  unixSeconds: () => 0,
  newId: () => '0123456789abcdef0123456789abcdef',
})

const settled = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
const act = fc.record({
  kind: fc.constantFrom('deliver', 'deliver', 'deliver', 'deliver', 'answer', 'clog', 'drain', 'cancel'),
  which: fc.nat(11),
})
const exchange = fc.record({
  shape: fc.constantFrom('json' as const, 'event-stream' as const),
  words: fc.integer({ min: 1, max: 4000 }),
})
const ruleOf = fc.record({
  action: fc.constantFrom('block' as const, 'alert' as const),
  failOpen: fc.boolean(),
})

test('whatever clients, services and Envoy do: memory is bounded, none waits for another, none leaks', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(exchange, { minLength: 2, maxLength: 12 }),
      fc.array(act, { maxLength: 120 }),
      ruleOf,
      fc.subarray(['inputRules', 'parallelRules', 'outputRules'] as const, { minLength: 1 }),
      fc.constantFrom('window' as const, 'withhold' as const),
      async (exchanges, acts, { action, failOpen }, sides, delivery) => {
        const guard = new Guard()
        const rules: Rule[] = [{ guardrail: guard, action, failOpen }]
        const telemetry = new RecordingTelemetry()
        const ledger = new ByteLedger(BUDGET_BYTES)
        const one = policy({
          ...Object.fromEntries(sides.map(side => [side, rules])),
          stream: { ...policy().stream, delivery },
        })
        const deps = depsOf(one, ledger, telemetry)
        const peers = exchanges.map(({ shape, words }) => {
          const peer = new Peer(messagesOf(shape, words))
          peer.listener = new Call(peer, deps, () => {})
          return peer
        })
        const isOver = ({ end_, unsent, waitingBytes, unsentBytes }: Peer): boolean =>
          end_ !== 'open' || (unsent.length === 0 && waitingBytes + unsentBytes === 0)
        // What is over the budget must pass, and one message is here before anybody can ask.
        const bound = BUDGET_BYTES * 1.25 + peers.length * (OWN_SHARE_BYTES + MESSAGE_BYTES)
        const check = (): void => {
          expect(ledger.bytes).toBeGreaterThanOrEqual(0)
          expect(ledger.bytes).toBeLessThanOrEqual(bound)
          const stuck = peers.filter(peer => !isOver(peer))
          const canMove = stuck.some(({ isPaused, isFull }) => !isPaused || isFull) || guard.asked.length > 0
          if (stuck.length > 0) expect(canMove).toBe(true)
        }
        for (const { kind, which } of acts) {
          const peer = peers[which % peers.length]!
          if (kind === 'answer') guard.answer(which)
          else if (kind === 'cancel' && which === 0) {
            if (peer.end_ === 'open') peer.listener?.onCancel()
          } else if (kind === 'deliver' || kind === 'clog' || kind === 'drain') peer[kind]()
          await settled()
          check()
        }
        for (let round = 0; round < 400 && !peers.every(isOver); round++) {
          for (const peer of peers) {
            peer.drain()
            peer.deliver()
          }
          guard.answer(round)
          await settled()
          check()
        }
        expect(peers.filter(peer => !isOver(peer))).toEqual([])
        for (const peer of peers) if (peer.end_ === 'open') peer.listener?.onCancel()
        // Copies that outlive their call are judged as well.
        while (guard.asked.length > 0) {
          guard.answer(0)
          await settled()
        }
        await settled()
        expect(ledger.bytes).toBe(0)
        expect(telemetry.faults).toEqual([])
      },
    ),
    { numRuns: 150 },
  )
}, 120_000)

test('streams that nobody judges take no more than the budget and their own shares', async () => {
  const telemetry = new RecordingTelemetry()
  const ledger = new ByteLedger(BUDGET_BYTES)
  const outputRules: Rule[] = [{ guardrail: new Guard(), action: 'block', failOpen: false }]
  const deps = depsOf(policy({ outputRules }), ledger, telemetry)
  const peers = Array.from({ length: 20 }, () => {
    const peer = new Peer(messagesOf('event-stream', 2000))
    peer.listener = new Call(peer, deps, () => {})
    return peer
  })
  for (let round = 0; round < 20; round++) {
    for (const peer of peers) {
      peer.deliver()
      expect(ledger.bytes).toBeLessThanOrEqual(BUDGET_BYTES + peers.length * OWN_SHARE_BYTES)
    }
    await settled()
  }
  expect(telemetry.overBudgetCount).toBeGreaterThan(0)
  expect(telemetry.overBudgetCount).toBeLessThan(peers.length)
  for (const peer of peers) if (peer.end_ === 'open') peer.listener?.onCancel()
  expect(ledger.bytes).toBe(0)
})

test.each([
  ['goes on within the overdraft', 48_000, 'open'],
  ['goes on within what a call must be let have', 65_000, 'open'],
  ['ends its call past both', 66_000, 8],
] as const)('a message that its rules forgive %s', (_what, underWay, end) => {
  const ledger = new ByteLedger(BUDGET_BYTES)
  const inputRules: Rule[] = [{ guardrail: new Guard(), action: 'block', failOpen: true }]
  const peer = new Peer(messagesOf('json', 10))
  const call = new Call(peer, depsOf(policy({ inputRules }), ledger, new RecordingTelemetry()), () => {})
  peer.listener = call
  peer.deliver()
  peer.underWay = underWay
  call.onWaiting()
  expect(peer.end_).toBe(end)
  expect(ledger.bytes).toBe(end === 'open' ? underWay : 0)
})

test('a first message that there is no room for ends its call before it is read', () => {
  const ledger = new ByteLedger(BUDGET_BYTES)
  const peer = new Peer([])
  const call = new Call(peer, depsOf(policy(), ledger, new RecordingTelemetry()), () => {})
  peer.underWay = BUDGET_BYTES + 1
  call.onWaiting()
  expect([peer.end_, ledger.bytes]).toEqual([8, 0])
})
