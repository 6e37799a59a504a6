import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { FailureDetail, FailureReason } from '../../../src/guardrail/guardrail.ts'
import { failed } from './attempt-rig.ts'
import { broken, CLEAN, down, pass } from './breaker-rig.ts'
import { deadline } from './http-rig.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] }))
afterEach(() => {
  expect(vi.getTimerCount(), 'timers left behind').toBe(0)
  vi.useRealTimers()
})

describe('a circuit', () => {
  test('changes nothing of the guardrail but its scan', () => {
    expect(broken().breaker).toMatchObject({
      name: 'remote',
      locality: 'remote',
      timeoutMs: 500,
      judges: 'each-text',
    })
  })

  test('stays closed while no more than the ratio fail, and passes all that comes', async () => {
    const { once, events } = broken()
    for (let round = 0; round < 10; round++) {
      expect((await once(CLEAN)).value).toBe(CLEAN)
      expect((await once(down)).error).toBe(down)
    }
    expect(events).toEqual([])
  })

  test('opens when more do, not before so many were scanned', async () => {
    const { once, scan, asked, events } = broken()
    for (let count = 0; count < 3; count++) await once(down)
    expect(events).toEqual([])
    await once(down)
    expect(events).toEqual(['circuit-open'])
    const before = asked.length
    const refused = scan()
    await pass(0)
    expect(refused.error).toMatchObject({ reason: 'circuit-open' })
    expect(asked).toHaveLength(before)
  })

  test('looks at the latest scans only', async () => {
    const { once, events } = broken()
    for (let count = 0; count < 50; count++) await once(CLEAN)
    for (let count = 0; count < 2; count++) await once(down)
    expect(events).toEqual([])
    await once(down)
    expect(events).toEqual(['circuit-open'])
  })

  test('with ratio 0 opens at one failure, once so many were scanned', async () => {
    const { once, events } = broken({ failureRatio: 0 })
    for (let count = 0; count < 8; count++) await once(CLEAN)
    expect(events).toEqual([])
    await once(down)
    expect(events).toEqual(['circuit-open'])
  })

  test('with ratio 1 never opens', async () => {
    const { once, events } = broken({ failureRatio: 1, scans: 1 })
    for (let count = 0; count < 20; count++) expect((await once(down)).error).toBe(down)
    expect(events).toEqual([])
  })

  test.each<[FailureReason, FailureDetail | undefined, 'counts' | 'does not count']>([
    ['timeout', 'timeout-total', 'counts'],
    ['timeout', 'timeout-connect', 'counts'],
    ['unreachable', 'dns', 'counts'],
    ['unreachable', 'tls', 'counts'],
    ['bad-response', 'status-5xx', 'counts'],
    ['bad-response', 'not-json', 'counts'],
    ['bad-response', 'wrong-shape', 'counts'],
    ['bad-response', 'status-4xx', 'does not count'],
    ['rate-limited', 'status-4xx', 'does not count'],
    ['rate-limited', 'paused', 'does not count'],
    ['over-limit', undefined, 'does not count'],
    ['overloaded', undefined, 'does not count'],
    ['undecodable', undefined, 'does not count'],
    ['cancelled', undefined, 'does not count'],
    ['internal', undefined, 'does not count'],
  ])('%s (%s) %s', async (reason, detail, weight) => {
    const { once, events } = broken()
    const failure = failed(reason, detail === undefined ? {} : { detail })
    for (let count = 0; count < 4; count++) expect((await once(failure)).error).toBe(failure)
    expect(events).toEqual(weight === 'counts' ? ['circuit-open'] : [])
    if (weight === 'counts') return
    // Nor as an answer: with these in between, four failures are still all there is.
    for (let count = 0; count < 3; count++) {
      await once(down)
      await once(failure)
    }
    await once(down)
    expect(events).toEqual(['circuit-open'])
  })

  test('leaves it to a scan under way to tell how its deadline found it', async () => {
    const { scan } = broken()
    const late = deadline()
    const seen = scan(late.signal)
    late.pass()
    await pass(0)
    // As the guardrail of these tests fails when it is aborted; nobody else may have been faster.
    expect(seen.error).toMatchObject({ reason: 'cancelled' })
  })

  test('takes what is no GuardrailFailure for a fault of our own', async () => {
    const { once, events } = broken()
    const bug = new TypeError('x is not a function')
    for (let count = 0; count < 8; count++) expect((await once(bug)).error).toBe(bug)
    expect(events).toEqual([])
  })
})
