import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { withAttempts } from '../../../src/service/attempts.ts'
import { byHand, failed, post, watch } from './attempt-rig.ts'
import { deadline } from './http-rig.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => {
  expect(vi.getTimerCount(), 'timers left behind').toBe(0)
  vi.useRealTimers()
})

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)
const down = failed('bad-response', { detail: 'status-5xx' })
const refused = failed('bad-response', { detail: 'status-4xx' })

/** A service whose latest `samples` answers took 50 ms each. */
async function hedging({ samples = 20, retry = true } = {}) {
  const service = byHand()
  const events: string[] = []
  const ask = withAttempts(service.postJson, {
    retry,
    hedge: true,
    clock: () => performance.now(),
    random: () => 0,
    report: event => events.push(event),
  })
  for (let sample = 0; sample < samples; sample++) {
    const seen = watch(ask(post()))
    await pass(50)
    service.requests[0]!.answer()
    await pass(0)
    expect(seen.state).toBe('resolved')
    service.requests.length = 0
  }
  expect(events).toEqual([])
  return { ...service, events, ask }
}

describe('a second request', () => {
  test('is not sent before 20 answers are known, however slow the first one is', async () => {
    const { ask, requests, events } = await hedging({ samples: 19 })
    const seen = watch(ask(post()))
    await pass(100_000)
    expect(requests).toHaveLength(1)
    requests[0]!.answer()
    await pass(0)
    expect(seen.state).toBe('resolved')
    expect(events).toEqual([])
  })

  test('is sent when the first is slower than most, and not before', async () => {
    const { ask, requests, events } = await hedging()
    const seen = watch(ask(post()))
    await pass(49)
    expect(requests).toHaveLength(1)
    await pass(1)
    expect(requests).toHaveLength(2)
    await pass(100_000)
    expect(requests).toHaveLength(2)
    requests[0]!.answer()
    await pass(0)
    expect(seen.state).toBe('resolved')
    expect(events).toEqual(['hedge'])
  })

  test('is not sent once the first was answered', async () => {
    const { ask, requests, events } = await hedging()
    const seen = watch(ask(post()))
    await pass(40)
    requests[0]!.answer()
    await pass(100_000)
    expect(seen.state).toBe('resolved')
    expect(requests).toHaveLength(1)
    expect(events).toEqual([])
  })
})

describe('of two requests', () => {
  async function two() {
    const rig = await hedging()
    const { signal, pass: passDeadline } = deadline()
    const seen = watch(rig.ask(post(signal)))
    await pass(50)
    return { ...rig, seen, passDeadline, first: rig.requests[0]!, second: rig.requests[1]! }
  }

  test.each(['first', 'second'] as const)(
    'the %s may answer first, and the other is aborted',
    async winner => {
      const { seen, first, second } = await two()
      const loser = winner === 'first' ? second : first
      expect(loser.signal.aborted).toBe(false)
      const answer = { status: 200, headers: {}, json: { from: winner } }
      ;(winner === 'first' ? first : second).answer(answer)
      await pass(0)
      expect(seen.value).toBe(answer)
      expect(loser.signal.aborted).toBe(true)
    },
  )

  test.each([
    ['first', down],
    ['first', refused],
    ['second', down],
    ['second', refused],
  ] as const)('the %s may fail, the other still answers', async (loser, failure) => {
    const { seen, first, second, requests } = await two()
    ;(loser === 'first' ? first : second).fail(failure)
    await pass(5000)
    expect(seen.state).toBe('waits')
    ;(loser === 'first' ? second : first).answer()
    await pass(0)
    expect(seen.state).toBe('resolved')
    expect(requests).toHaveLength(2)
  })

  test.each(['first', 'second'] as const)(
    'both fail, the %s sooner: the first failure is told',
    async sooner => {
      const { seen, first, second, requests } = await two()
      const order = sooner === 'first' ? [first, second] : [second, first]
      for (const one of order) {
        one.fail(one === first ? down : refused)
        await pass(5000)
      }
      expect(seen.error).toBe(down)
      expect(requests).toHaveLength(2)
    },
  )

  test('none outlives the deadline', async () => {
    const { seen, first, second, passDeadline } = await two()
    passDeadline()
    await pass(0)
    expect([first.signal.aborted, second.signal.aborted]).toEqual([true, true])
    expect(seen.error).toMatchObject({ reason: 'timeout', detail: 'timeout-first-byte' })
  })
})

describe('a second request that is refused before it is sent', () => {
  test.each([
    ['a full queue', failed('overloaded')],
    ['a pause', failed('rate-limited', { detail: 'paused' })],
  ])('by %s uses up no attempt: the first is retried', async (_, refusal) => {
    const { ask, requests, events } = await hedging()
    const seen = watch(ask(post()))
    await pass(50)
    requests[1]!.fail(refusal)
    await pass(1000)
    requests[0]!.fail(down)
    await pass(19)
    expect(requests).toHaveLength(2)
    await pass(1)
    expect(requests).toHaveLength(3)
    expect(requests[2]!.signal.aborted).toBe(false)
    requests[2]!.answer()
    await pass(0)
    expect(seen.state).toBe('resolved')
    expect(events).toEqual(['hedge-refused', 'retry'])
  })

  test.each([
    ['where that would not mend it', true, refused],
    ['without retry', false, down],
  ])('lets the first failure be told at once %s', async (_, retry, failure) => {
    const { ask, requests, events } = await hedging({ retry })
    const seen = watch(ask(post()))
    await pass(50)
    requests[1]!.fail(failed('overloaded'))
    requests[0]!.fail(failure)
    await pass(0)
    expect(seen.error).toBe(failure)
    expect(requests).toHaveLength(2)
    expect(events).toEqual(['hedge-refused'])
  })
})

describe('a first request that fails before the second is sent', () => {
  test.each([
    ['a failure of the moment', down, 20],
    ['429', failed('rate-limited', { detail: 'status-4xx', retryAfterMs: 700 }), 720],
    ['503', failed('bad-response', { detail: 'status-5xx', retryAfterMs: 700 }), 720],
  ])('is retried as without hedging: %s', async (_, failure, waitMs) => {
    const { ask, requests, events } = await hedging()
    const seen = watch(ask(post()))
    requests[0]!.fail(failure)
    await pass(waitMs - 1)
    expect(requests).toHaveLength(1)
    await pass(1)
    expect(requests).toHaveLength(2)
    requests[1]!.answer()
    await pass(0)
    expect(seen.state).toBe('resolved')
    expect(events).toEqual(['retry'])
  })

  test('is followed by no more than one, however slow that is', async () => {
    const { ask, requests, events } = await hedging()
    const seen = watch(ask(post()))
    await pass(40)
    requests[0]!.fail(down)
    await pass(20)
    expect(requests).toHaveLength(2)
    await pass(5000)
    requests[1]!.fail(refused)
    await pass(5000)
    expect(seen.error).toBe(refused)
    expect(requests).toHaveLength(2)
    expect(events).toEqual(['retry'])
  })

  test.each([
    ['where that would not mend it', true, refused],
    ['without retry', false, down],
  ])('is told at once %s', async (_, retry, failure) => {
    const { ask, requests, events } = await hedging({ retry })
    const seen = watch(ask(post()))
    requests[0]!.fail(failure)
    await pass(0)
    expect(seen.error).toBe(failure)
    await pass(5000)
    expect(requests).toHaveLength(1)
    expect(events).toEqual([])
  })

  test('by the deadline is followed by nothing', async () => {
    const { ask, requests, events } = await hedging()
    const { signal, pass: passDeadline } = deadline()
    const seen = watch(ask(post(signal)))
    passDeadline()
    await pass(0)
    expect(seen.error).toMatchObject({ reason: 'timeout' })
    await pass(5000)
    expect(requests).toHaveLength(1)
    expect(events).toEqual([])
  })
})
