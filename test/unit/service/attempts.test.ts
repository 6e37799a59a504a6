import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { FailureDetail, FailureReason } from '../../../src/guardrail/guardrail.ts'
import { type AttemptOptions, withAttempts } from '../../../src/service/attempts.ts'
import { ANSWER, byHand, failed, post, watch } from './attempt-rig.ts'
import { deadline } from './http-rig.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => {
  expect(vi.getTimerCount(), 'timers left behind').toBe(0)
  vi.useRealTimers()
})

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

interface Given {
  readonly retry?: boolean
  readonly hedge?: boolean
  readonly random?: number
}

function asked({ retry = true, hedge = false, random = 0 }: Given = {}) {
  const service = byHand()
  const events: string[] = []
  const options: AttemptOptions = {
    retry,
    hedge,
    clock: () => performance.now(),
    random: () => random,
    report: event => events.push(event),
  }
  return { ...service, events, ask: withAttempts(service.postJson, options) }
}

const REASONS: Readonly<Record<FailureReason, true>> = {
  timeout: true,
  unreachable: true,
  'bad-response': true,
  'rate-limited': true,
  'circuit-open': true,
  overloaded: true,
  undecodable: true,
  'over-limit': true,
  'over-budget': true,
  cancelled: true,
  internal: true,
}
const DETAILS: Readonly<Record<FailureDetail, 'mendable' | 'final'>> = {
  'timeout-connect': 'mendable',
  'timeout-first-byte': 'mendable',
  dns: 'mendable',
  connection: 'mendable',
  truncated: 'mendable',
  'status-5xx': 'mendable',
  'timeout-total': 'final',
  tls: 'final',
  'egress-forbidden': 'final',
  'egress-plaintext': 'final',
  redirect: 'final',
  'status-4xx': 'final',
  'not-http': 'final',
  'too-large': 'final',
  'not-json': 'final',
  null: 'final',
  'wrong-shape': 'final',
  paused: 'final',
}
const FROM_OUTSIDE: readonly string[] = ['timeout', 'unreachable', 'bad-response']

describe('a failure', () => {
  const cases = Object.keys(REASONS).flatMap(reason =>
    [undefined, ...Object.keys(DETAILS)].flatMap(detail =>
      [undefined, 0, 1000, 1001].map(retryAfterMs => ({ reason, detail, retryAfterMs })),
    ),
  )

  test('is retried exactly when another attempt may mend it', async () => {
    for (const { reason, detail, retryAfterMs } of cases) {
      const options = {
        detail: detail as FailureDetail,
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      }
      const failure = failed(reason as FailureReason, options)
      const mendable =
        reason === 'rate-limited'
          ? retryAfterMs !== undefined
          : FROM_OUTSIDE.includes(reason) &&
            detail !== undefined &&
            DETAILS[detail as FailureDetail] === 'mendable'
      const again = mendable && (retryAfterMs ?? 0) <= 1000
      const { ask, requests, events } = asked()
      const seen = watch(ask(post()))
      requests[0]!.fail(failure)
      await pass(5000)
      const which = JSON.stringify({ reason, detail, retryAfterMs })
      expect(requests.length, which).toBe(again ? 2 : 1)
      expect(events, which).toEqual(again ? ['retry'] : [])
      if (again) requests[1]!.answer()
      await pass(0)
      expect(seen, which).toMatchObject(again ? { state: 'resolved', value: ANSWER } : { error: failure })
    }
  })

  test('is told at once without retry', async () => {
    const { ask, requests, events } = asked({ retry: false })
    const failure = failed('bad-response', { detail: 'status-5xx' })
    const seen = watch(ask(post()))
    requests[0]!.fail(failure)
    await pass(0)
    expect(seen).toMatchObject({ state: 'rejected', error: failure })
    expect(events).toEqual([])
  })

  test('that is no GuardrailFailure is not retried', async () => {
    const { ask, requests } = asked()
    const seen = watch(ask(post()))
    requests[0]!.fail(new TypeError('x is not a function'))
    await pass(5000)
    expect(requests).toHaveLength(1)
    expect(seen.error).toBeInstanceOf(TypeError)
  })
})

describe('a retry', () => {
  const down = failed('bad-response', { detail: 'status-5xx' })

  test.each([
    [0, undefined, 20],
    [1, undefined, 100],
    [0.5, undefined, 60],
    [0, 1000, 1020],
    [1, 300, 400],
    [0, 0, 20],
  ])('by chance %d, after a pause of %s ms, comes after %i ms', async (random, retryAfterMs, waitMs) => {
    const { ask, requests } = asked({ random })
    const seen = watch(ask(post()))
    const detail = 'status-5xx'
    requests[0]!.fail(
      failed('bad-response', retryAfterMs === undefined ? { detail } : { detail, retryAfterMs }),
    )
    await pass(waitMs - 1)
    expect(requests).toHaveLength(1)
    await pass(1)
    expect(requests).toHaveLength(2)
    requests[1]!.answer()
    await pass(0)
    expect(seen.state).toBe('resolved')
  })

  test('comes once: a second failure is told', async () => {
    const { ask, requests, events } = asked()
    const seen = watch(ask(post()))
    requests[0]!.fail(down)
    await pass(100)
    const second = failed('unreachable', { detail: 'connection' })
    requests[1]!.fail(second)
    await pass(5000)
    expect(requests).toHaveLength(2)
    expect(seen.error).toBe(second)
    expect(events).toEqual(['retry'])
  })

  test('is not waited for past the deadline: the failure that is known is told', async () => {
    const { ask, requests, events } = asked()
    const { signal, pass: passDeadline } = deadline()
    const seen = watch(ask(post(signal)))
    requests[0]!.fail(down)
    await pass(10)
    passDeadline()
    await pass(0)
    expect(seen.error).toBe(down)
    await pass(5000)
    expect(requests).toHaveLength(1)
    expect(events).toEqual([])
  })

  test('is not sent when the first attempt failed by the deadline', async () => {
    const { ask, requests } = asked()
    const { signal, pass: passDeadline } = deadline()
    const seen = watch(ask(post(signal)))
    passDeadline()
    await pass(5000)
    expect(seen.error).toMatchObject({ reason: 'timeout', detail: 'timeout-first-byte' })
    expect(requests).toHaveLength(1)
  })

  test('is under the same signal', async () => {
    const { ask, requests } = asked()
    const { signal, pass: passDeadline } = deadline()
    const seen = watch(ask(post(signal)))
    requests[0]!.fail(down)
    await pass(20)
    expect(requests[1]!.signal).toBe(signal)
    passDeadline()
    await pass(0)
    expect(seen.error).toMatchObject({ reason: 'timeout' })
  })
})

test.each(['timeout', 'cancelled'] as const)('nothing is asked for a scan that is over: %s', async how => {
  // What would be asked might stand in a queue, and end long after its scan.
  const postJson = vi.fn(() => new Promise<never>(() => {}))
  const ask = withAttempts(postJson, {
    retry: true,
    hedge: true,
    clock: () => 0,
    random: () => 0,
    report: () => {},
  })
  const late = deadline()
  late.pass()
  const seen = watch(ask(post(how === 'timeout' ? late.signal : AbortSignal.abort())))
  await pass(0)
  expect(seen.error).toMatchObject({ reason: how })
  expect(postJson).not.toHaveBeenCalled()
})
