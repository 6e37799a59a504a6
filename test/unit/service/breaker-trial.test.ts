import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { FailureReason, GuardrailFailure, Verdict } from '../../../src/guardrail/guardrail.ts'
import { runRemoteScan } from '../../../src/guardrail/run-scan.ts'
import { failed } from './attempt-rig.ts'
import { broken, CLEAN, down, OPEN_MS, pass, SUBJECT } from './breaker-rig.ts'
import { deadline } from './http-rig.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] }))
afterEach(() => {
  expect(vi.getTimerCount(), 'timers left behind').toBe(0)
  vi.useRealTimers()
})

describe('an open circuit', () => {
  test('lets one scan try after its time, and closes with its verdict', async () => {
    const { open, scan, asked, events } = broken()
    await open()
    await pass(OPEN_MS - 1)
    const early = scan()
    await pass(0)
    expect(early.error).toMatchObject({ reason: 'circuit-open' })
    await pass(1)
    const trial = scan()
    const others = [scan(), scan()]
    await pass(0)
    expect(asked).toHaveLength(1)
    expect(others.map(({ state }) => state)).toEqual(['waits', 'waits'])
    asked[0]!.give()
    await pass(0)
    expect(trial.value).toBe(CLEAN)
    expect(asked).toHaveLength(3)
    asked[1]!.give()
    asked[2]!.give({ kind: 'flagged', findings: [] })
    await pass(0)
    expect(others.map(({ value }) => value?.kind)).toEqual(['clean', 'flagged'])
    expect(events).toEqual(['circuit-half-open', 'circuit-closed'])
  })

  test('forgets its failures when it closes', async () => {
    const { open, once, events } = broken()
    await open()
    await pass(OPEN_MS)
    await once(CLEAN)
    await once(down)
    await once(down)
    expect(events).toEqual(['circuit-half-open', 'circuit-closed'])
  })

  test.each<FailureReason>(['timeout', 'unreachable', 'bad-response'])(
    'stays open for as long again when its trial ends in %s',
    async reason => {
      const { open, scan, asked, events } = broken()
      await open()
      await pass(OPEN_MS)
      const trial = scan()
      const other = scan()
      const failure = failed(reason)
      asked[0]!.fail(failure)
      await pass(0)
      expect(trial.error).toBe(failure)
      expect(other.error).toMatchObject({ reason: 'circuit-open' })
      expect(events).toEqual(['circuit-half-open', 'circuit-open'])
      await pass(OPEN_MS - 1)
      const early = scan()
      await pass(0)
      expect(early.error).toMatchObject({ reason: 'circuit-open' })
      await pass(1)
      scan()
      expect(asked).toHaveLength(2)
    },
  )

  test.each<[string, Verdict | Error]>([
    ['well', CLEAN],
    ['badly', down],
  ])('lets waiters go by their own signals; none scans later, when the trial ends %s', async (_, end) => {
    const { open, scan, asked } = broken()
    await open()
    await pass(OPEN_MS)
    scan()
    const abort = new AbortController()
    const late = deadline()
    const gone = [scan(abort.signal), scan(late.signal)]
    abort.abort()
    late.pass()
    await pass(0)
    expect(gone[0]!.error).toMatchObject({ reason: 'cancelled' })
    expect(gone[1]!.error).toMatchObject({ reason: 'timeout', detail: 'timeout-total' })
    if (end instanceof Error) asked[0]!.fail(end)
    else asked[0]!.give(end)
    await pass(OPEN_MS * 2)
    expect(asked).toHaveLength(1)
  })

  test('lets the deadline of a waiter settle its scan while the trial goes on', async () => {
    const { open, breaker, scan, asked } = broken()
    await open()
    await pass(OPEN_MS)
    scan()
    const never = new AbortController().signal
    const outcome = runRemoteScan(breaker, SUBJECT, never, () => performance.now())
    await pass(500)
    expect(await outcome).toMatchObject({ kind: 'failure', reason: 'timeout', detail: 'timeout-total' })
    expect(asked).toHaveLength(1)
  })

  test('hears nothing more of scans from before', async () => {
    const { scan, asked, events } = broken()
    for (let count = 0; count < 6; count++) scan()
    for (const one of asked.slice(0, 4)) one.fail(down)
    await pass(OPEN_MS)
    const trial = scan()
    asked[4]!.fail(down)
    asked[5]!.give()
    await pass(0)
    expect(events).toEqual(['circuit-open', 'circuit-half-open'])
    asked[6]!.give()
    await pass(0)
    expect(trial.value).toBe(CLEAN)
    expect(events).toEqual(['circuit-open', 'circuit-half-open', 'circuit-closed'])
  })
})

const NO_NEWS: readonly [string, GuardrailFailure][] = [
  ['cancelled', failed('cancelled')],
  ['over-limit', failed('over-limit')],
  ['overloaded', failed('overloaded')],
  ['undecodable', failed('undecodable')],
  ['internal', failed('internal')],
  ['rate-limited', failed('rate-limited', { detail: 'status-4xx' })],
  ['rate-limited by a pause', failed('rate-limited', { detail: 'paused' })],
  ['a status of 400', failed('bad-response', { detail: 'status-4xx' })],
]

describe('a trial that says nothing of the service', () => {
  test.each(NO_NEWS)('(%s) leaves it to the next in line, one at a time', async (_, failure) => {
    const { open, scan, asked, events } = broken()
    await open()
    await pass(OPEN_MS)
    const scans = [scan(), scan(), scan()]
    for (const count of [1, 2]) {
      expect(asked).toHaveLength(count)
      asked[count - 1]!.fail(failure)
      await pass(0)
      expect(scans[count - 1]?.error).toBe(failure)
    }
    expect(asked).toHaveLength(3)
    expect(events).toEqual(['circuit-half-open'])
    asked[2]!.give()
    await pass(0)
    expect(scans[2]?.value).toBe(CLEAN)
    expect(events).toEqual(['circuit-half-open', 'circuit-closed'])
  })

  test('leaves it to the next scan that comes, where none waits', async () => {
    const { open, scan, once, asked, events } = broken()
    await open()
    await pass(OPEN_MS)
    const abort = new AbortController()
    const trial = scan(abort.signal)
    abort.abort()
    await pass(0)
    expect(trial.error).toMatchObject({ reason: 'cancelled' })
    await pass(OPEN_MS * 2)
    expect(asked).toHaveLength(1)
    expect((await once(down)).error).toBe(down)
    expect(events).toEqual(['circuit-half-open', 'circuit-open'])
    const refused = scan()
    await pass(0)
    expect(refused.error).toMatchObject({ reason: 'circuit-open' })
  })

  test('leaves it to the next who still waits, when the first in line gives up with it', async () => {
    const { open, scan, asked } = broken()
    await open()
    await pass(OPEN_MS)
    const abort = new AbortController()
    scan(abort.signal)
    const gone = scan(abort.signal)
    const next = scan()
    abort.abort()
    await pass(0)
    expect(gone.error).toMatchObject({ reason: 'cancelled' })
    expect(asked).toHaveLength(2)
    asked[1]!.give()
    await pass(0)
    expect(next.value).toBe(CLEAN)
  })

  test('is none at all when it was over before it began', async () => {
    const { open, scan, once, asked, events } = broken()
    await open()
    await pass(OPEN_MS)
    const seen = scan(AbortSignal.abort())
    await pass(0)
    expect(seen.error).toMatchObject({ reason: 'cancelled' })
    expect(asked).toEqual([])
    expect((await once(CLEAN)).value).toBe(CLEAN)
    expect(events).toEqual(['circuit-half-open', 'circuit-closed'])
  })
})

test('a scan that is over does not stand in line', async () => {
  const { open, scan, asked } = broken()
  await open()
  await pass(OPEN_MS)
  scan()
  const late = deadline()
  late.pass()
  const seen = scan(late.signal)
  await pass(0)
  expect(seen.error).toMatchObject({ reason: 'timeout', detail: 'timeout-total' })
  expect(asked).toHaveLength(1)
})
