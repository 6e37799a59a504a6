import { afterAll, afterEach, beforeAll, beforeEach, expect, vi } from 'vitest'
import type { Snapshot } from '../../src/config/snapshot.ts'
import { chatEvents } from '../support/chat.ts'
import { snapshotOf } from '../support/config.ts'
import { type LakeraStub, startLakeraStub } from '../support/lakera-stub.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { STREAM_TYPE } from '../support/stream-events.ts'
import { gate } from '../support/upstream.ts'
import { fault } from './fault.ts'
import { answerOf, asksForStream, chat } from './served-stack.ts'

const DAY_MS = 86_400_000

let stack: Stack
let lakera: LakeraStub
let snapshot: Snapshot
beforeAll(async () => {
  stack = await startStack('full-duplex')
})
beforeEach(async () => {
  lakera = await startLakeraStub()
  snapshot = await snapshotOf(`
guardrails:
  lakera:
    kind: lakera
    lakera_endpoint: "${lakera.url}"
    retry: false
    circuit_breaker: { scans: 2, open_ms: 1 }
policies:
  - name: all
    guardrails: [{ use: lakera, direction: output }]
    stream: { delivery: window, headers: at_once, hold_back_chars: 0, window: { first_chars: 1 } }
`)
  stack.use(snapshot.policySet)
  // The wall clock stands still until it jumps; timers and the monotonic clock go on.
  vi.useFakeTimers({ toFake: ['Date'] })
})
afterEach(async () => {
  vi.useRealTimers()
  await snapshot.close()
  await lakera.close()
})
afterAll(() => stack.stop())

const jump = (ms: number): unknown => vi.setSystemTime(Date.now() + ms)

fault(
  {
    fault: 'the wall clock jumps by a day, forward and back, in the middle of a stream',
    client: 'the whole answer',
    log: 'a `decision` as ever; times in the log jump with the clock, durations do not',
    kept: 'deadlines, heartbeats and windows go by the monotonic clock',
  },
  async () => {
    for (const ms of [DAY_MS, -DAY_MS]) {
      stack.weir.telemetry.clear()
      const rest = gate()
      const [role, first, ...others] = chatEvents('all ', 'fine')
      stack.upstream.respond({ headers: STREAM_TYPE, chunks: [role!, first!, rest, ...others] })
      const client = chat(stack.envoy, asksForStream)
      await client.until(role! + first!)
      // One that is asked before the jump, and answers after it.
      const judged = gate()
      const asked = lakera.requests.length
      lakera.failNext({ kind: 'gate', until: judged.opened })
      rest.open()
      await lakera.waitForRequests(asked + 1)
      jump(ms)
      judged.open()
      const whole = [role, first, ...others].join('')
      expect(await answerOf(client)).toEqual({ status: 200, text: whole, ended: 'complete' })
      const record = await stack.weir.telemetry.decided('response')
      expect(record).toMatchObject({ effective: 'released', because: 'clean' })
      for (const { ms: tookMs } of record.rules) expect(Math.abs(tookMs)).toBeLessThan(DAY_MS / 2)
    }
  },
)

fault(
  {
    fault: 'the wall clock jumps back by a day while the circuit to a guard service is open',
    client: 'answers again once `open_ms` have passed',
    log: '`circuit closed`',
    kept: 'a guard service that is up again is asked again',
  },
  async () => {
    stack.upstream.respond({ headers: STREAM_TYPE, chunks: chatEvents('fine') })
    lakera.failAlways({ kind: 'status', status: 500 })
    for (let count = 0; count < 2; count++) {
      expect((await answerOf(chat(stack.envoy, asksForStream))).text).toContain('Response blocked by policy')
    }
    lakera.failAlways(undefined)
    jump(-DAY_MS)
    const openedMs = performance.now()
    await vi.waitUntil(() => performance.now() > openedMs + 5, { interval: 1 })
    expect((await answerOf(chat(stack.envoy, asksForStream))).text).toBe(chatEvents('fine').join(''))
  },
)
