import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { contentCodings } from '../../../src/coding/codings.ts'
import { ByteLedger } from '../../../src/extproc/byte-ledger.ts'
import { Call } from '../../../src/extproc/call.ts'
import { LedgerEntry } from '../../../src/extproc/ledger-entry.ts'
import { ShadowScans } from '../../../src/extproc/shadow-scans.ts'
import type { Rpc } from '../../../src/grpc/rpc.ts'
import type { RemoteGuardrail, Verdict } from '../../../src/guardrail/guardrail.ts'
import type { Policy } from '../../../src/policy/policy.ts'
import { ThreadReader } from '../../../src/reading/thread-reader.ts'
import { CHAT_HEADERS, chatEvents, chatRequest, STREAM_ANSWER } from '../../support/chat.ts'
import { flagWordAsItGrows, policy, policySet, rule } from '../../support/policies.ts'
import { RecordingTelemetry } from '../../support/weir.ts'
import { loadProtos } from '../../support/wire.ts'

const root = loadProtos()
const Request = root.lookupType('envoy.service.ext_proc.v3.ProcessingRequest')
const Response = root.lookupType('envoy.service.ext_proc.v3.ProcessingResponse')
const DUPLEX = { request_body_mode: 'FULL_DUPLEX_STREAMED', response_body_mode: 'FULL_DUPLEX_STREAMED' }

/** The peer's side of a call, driven by hand. */
class ScriptedRpc implements Rpc {
  waitingBytes = 0
  unsentBytes = 0
  takes: 'more' | 'full' = 'more'
  reading: 'flowing' | 'paused' = 'flowing'
  ended = false
  readonly written: Buffer[] = []

  metadata(): undefined {}
  write(message: Buffer): 'more' | 'full' {
    this.written.push(message)
    return this.takes
  }
  pause(): void {
    this.reading = 'paused'
  }
  resume(): void {
    this.reading = 'flowing'
  }
  end(): void {
    this.ended = true
  }
  fail(): void {
    this.ended = true
  }
}

let rpc: ScriptedRpc
let telemetry: RecordingTelemetry
let ledger: ByteLedger
let decidedAfterMs: number[]
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  rpc = new ScriptedRpc()
  telemetry = Object.assign(new RecordingTelemetry(), {
    decision: (_: unknown, ms: number) => void decidedAfterMs.push(ms),
  })
  decidedAfterMs = []
  ledger = new ByteLedger(100_000)
})
afterEach(() => vi.useRealTimers())

/** A guard service that answers when the test says so. */
function waitingGuard() {
  const { promise, resolve } = Promise.withResolvers<Verdict>()
  const guardrail: RemoteGuardrail = {
    name: 'guard',
    locality: 'remote',
    timeoutMs: 60_000,
    scan: () => promise,
  }
  return { rules: [rule(guardrail)], clear: () => resolve({ kind: 'clean' }) }
}

function open(overrides: Partial<Policy>): Call {
  const pin = () => ({ policies: policySet(policy(overrides)), release() {} })
  return new Call(
    rpc,
    {
      ...{ telemetry, pin, codings: contentCodings, ledger, shadows: new ShadowScans(1) },
      reader: new ThreadReader(error => telemetry.fault(error)),
      clock: () => performance.now(),
      unixSeconds: () => 1_760_000_000,
      newId: () => '0123456789abcdef0123456789abcdef',
    },
    () => {},
  )
}

function tell(call: Call, message: Record<string, unknown>): void {
  call.onMessage(Buffer.from(Request.encode(Request.fromObject(message)).finish()))
}

function tellHeaders(call: Call, side: 'request' | 'response', headers: Record<string, string>): void {
  const listed = Object.entries(headers).map(([key, value]) => ({ key, raw_value: Buffer.from(value) }))
  tell(call, { [`${side}_headers`]: { headers: { headers: listed } }, protocol_config: DUPLEX })
}

function tellBody(call: Call, side: 'request' | 'response', body: string, end: 'end' | 'more'): void {
  tell(call, { [`${side}_body`]: { body: Buffer.from(body), end_of_stream: end === 'end' } })
}

/** A call whose streamed answer begins. */
function answering(overrides: Partial<Policy>): Call {
  const call = open(overrides)
  tellHeaders(call, 'request', CHAT_HEADERS)
  tellBody(call, 'request', chatRequest('hello', { stream: true }), 'end')
  tellHeaders(call, 'response', STREAM_ANSWER)
  return call
}

const anotherTurn = () => new Promise(setImmediate)
const replies = () =>
  rpc.written.map(message => Response.toObject(Response.decode(message), { oneofs: true, bytes: String }))

describe('reading stops', () => {
  test('while Envoy does not take what was written', () => {
    const call = open({ outputRules: [rule(flagWordAsItGrows('secret'))] })
    rpc.takes = 'full'
    tellHeaders(call, 'request', CHAT_HEADERS)
    expect(rpc.reading).toBe('paused')
    call.onDrain()
    expect(rpc.reading).toBe('flowing')
  })

  test('while memory is short and a verdict is on its way, and goes on when there is room', async () => {
    const other = new LedgerEntry(ledger, { onRelief() {} })
    other.set(85_000, 0)
    const call = open({ inputRules: waitingGuard().rules })
    tellHeaders(call, 'request', CHAT_HEADERS)
    expect(rpc.reading).toBe('flowing')
    tellBody(call, 'request', chatRequest('hello'), 'end')
    expect(rpc.reading).toBe('paused')
    other.set(0, 0)
    await anotherTurn()
    expect(rpc.reading).toBe('flowing')
  })
})

test('bytes that wait on either side of the call are counted until its end', () => {
  const call = open({ inputRules: waitingGuard().rules })
  tellHeaders(call, 'request', CHAT_HEADERS)
  const request = chatRequest('hello')
  tellBody(call, 'request', request, 'end')
  expect(ledger.bytes).toBe(request.length)
  rpc.waitingBytes = 1000
  call.onWaiting()
  expect(ledger.bytes).toBe(request.length + 1000)
  rpc.unsentBytes = 200
  call.onDrain()
  expect(ledger.bytes).toBe(request.length + 1200)
  call.onCancel()
  expect([ledger.bytes, rpc.ended]).toEqual([0, true])
})

test('a decision is timed from the start of the call, and rides on one reply', async () => {
  const guard = waitingGuard()
  const call = open({ inputRules: guard.rules })
  tellHeaders(call, 'request', CHAT_HEADERS)
  tellBody(call, 'request', chatRequest('x'.repeat(70_000)), 'end')
  vi.advanceTimersByTime(250)
  guard.clear()
  await anotherTurn()
  expect(decidedAfterMs).toEqual([250])
  const carrying = replies().map(reply => 'dynamic_metadata' in reply)
  expect(carrying.length).toBeGreaterThan(2)
  expect(carrying.filter(Boolean)).toHaveLength(1)
})

describe('signs of life', () => {
  const stream = { ...policy().stream, heartbeatMs: 1000, delivery: 'window' as const }
  const beats = () => telemetry.counts.filter(what => what === 'heartbeat').length

  test('come when nothing else has for so long, and end with what they bridge', () => {
    const call = answering({ outputRules: [rule(flagWordAsItGrows('secret'))], stream })
    const [role, one, two, ...end] = chatEvents('one ', 'two ')
    tellBody(call, 'response', `${role}${one}`, 'more')
    expect(rpc.written.length).toBeGreaterThan(2)
    vi.advanceTimersByTime(900)
    tellBody(call, 'response', two!, 'more')
    vi.advanceTimersByTime(900)
    expect(beats()).toBe(0)
    vi.advanceTimersByTime(200)
    expect(beats()).toBe(1)
    tellBody(call, 'response', end.join(''), 'end')
    call.onHalfClose()
    expect(vi.getTimerCount()).toBe(0)
  })

  test('end at a refusal, while the call waits for its end', () => {
    const call = answering({ outputRules: [rule(flagWordAsItGrows('secret'))], stream })
    const [role, one] = chatEvents('fine')
    tellBody(call, 'response', `${role}${one}`, 'more')
    const before = vi.getTimerCount()
    tellBody(call, 'response', chatEvents('a secret')[1]!, 'more')
    expect(before - vi.getTimerCount()).toBe(1)
  })
})
