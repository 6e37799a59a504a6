import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { withBulkhead } from '../../../src/service/bulkhead.ts'
import { ANSWER, byHand, failed, post, watch } from './attempt-rig.ts'
import { deadline } from './http-rig.ts'

interface Given {
  readonly maxConcurrent?: number
  readonly maxQueued?: number
}

function bounded({ maxConcurrent = 2, maxQueued = 2 }: Given = {}) {
  const service = byHand()
  const events: string[] = []
  let nowMs = 5000
  const postJson = withBulkhead(service.postJson, {
    maxConcurrent,
    maxQueued,
    clock: () => nowMs,
    report: event => events.push(event),
  })
  return {
    ...service,
    events,
    ask: (signal?: AbortSignal) => watch(postJson(post(signal))),
    advance(ms: number) {
      nowMs += ms
    },
    /** Answers everything that is under way and comes to be. */
    async answerAll() {
      for (let next = 0; next < service.requests.length; next++) {
        service.requests[next]!.answer()
        await turn()
      }
    },
  }
}

describe('requests', () => {
  test('are sent at once up to the bound, then wait their turn', async () => {
    const { ask, requests } = bounded()
    const seen = [ask(), ask(), ask(), ask()]
    await turn()
    expect(requests).toHaveLength(2)
    requests[1]!.answer()
    await turn()
    expect(requests).toHaveLength(3)
    expect(seen.map(({ state }) => state)).toEqual(['waits', 'resolved', 'waits', 'waits'])
    requests[0]!.fail(failed('unreachable'))
    await turn()
    expect(requests).toHaveLength(4)
    expect(seen.map(({ state }) => state)).toEqual(['rejected', 'resolved', 'waits', 'waits'])
  })

  test('past the queue fail at once, as overloaded, and send nothing', async () => {
    const { ask, requests, events, answerAll } = bounded({ maxConcurrent: 1, maxQueued: 1 })
    const taken = [ask(), ask()]
    const refused = ask()
    await turn()
    expect(refused.error).toMatchObject({ reason: 'overloaded' })
    expect(events).toEqual(['queue-full'])
    await answerAll()
    expect(requests).toHaveLength(2)
    expect(taken.map(({ state }) => state)).toEqual(['resolved', 'resolved'])
  })

  test('one after the other never meet a full queue', async () => {
    const { requests, postJson } = byHand()
    const report = (event: string): never => {
      throw new Error(event)
    }
    const ask = withBulkhead(postJson, { maxConcurrent: 1, maxQueued: 0, clock: () => 0, report })
    for (let round = 0; round < 5; round++) {
      const answer = ask(post())
      requests[round]!.answer()
      expect(await answer).toBe(ANSWER)
    }
  })
})

describe('a request that waits', () => {
  test('leaves its place when it is aborted, and is never sent', async () => {
    const { ask, requests, answerAll } = bounded({ maxConcurrent: 1, maxQueued: 1 })
    ask()
    const late = deadline()
    const waits = ask(late.signal)
    await turn()
    late.pass()
    await turn()
    expect(waits.error).toMatchObject({ reason: 'timeout', detail: 'timeout-total' })
    const heir = ask()
    await answerAll()
    expect(heir.state).toBe('resolved')
    expect(requests).toHaveLength(2)
  })

  test('is cancelled by its caller', async () => {
    const { ask, requests } = bounded({ maxConcurrent: 1 })
    ask()
    const abort = new AbortController()
    const waits = ask(abort.signal)
    abort.abort()
    await turn()
    expect(waits.error).toMatchObject({ reason: 'cancelled' })
    expect(requests).toHaveLength(1)
  })

  test('keeps its place when another one leaves', async () => {
    const { ask, answerAll } = bounded({ maxConcurrent: 1, maxQueued: 3 })
    const abort = new AbortController()
    const seen = [ask(), ask(abort.signal), ask()]
    abort.abort()
    await answerAll()
    expect(seen.map(({ state }) => state)).toEqual(['resolved', 'rejected', 'resolved'])
  })
})

describe('a request that was aborted before it came', () => {
  test('takes no place in the queue, and is never sent', async () => {
    const { ask, requests, events, answerAll } = bounded({ maxConcurrent: 1, maxQueued: 1 })
    ask()
    const late = deadline()
    late.pass()
    const over = ask(late.signal)
    const heir = ask()
    await turn()
    expect(over.error).toMatchObject({ reason: 'timeout', detail: 'timeout-total' })
    await answerAll()
    expect(heir.state).toBe('resolved')
    expect(requests).toHaveLength(2)
    expect(events).toEqual([])
  })

  test('is no request that was refused', async () => {
    const { ask, events } = bounded({ maxConcurrent: 1, maxQueued: 0 })
    ask()
    const over = ask(AbortSignal.abort())
    await turn()
    expect(over.error).toMatchObject({ reason: 'cancelled' })
    expect(events).toEqual([])
  })
})

test('a request under way tells by itself how its abort ended', async () => {
  const { ask } = bounded()
  const { signal, pass } = deadline()
  const seen = ask(signal)
  pass()
  await turn()
  expect(seen.error).toMatchObject({ reason: 'timeout', detail: 'timeout-first-byte' })
})

describe('too many requests', () => {
  const limited = failed('rate-limited', { detail: 'status-4xx' })
  const LIMITS = { maxConcurrent: 8, maxQueued: 100 }

  /** How many are under way when there is no lack of requests. */
  async function width({ ask, requests, answerAll }: ReturnType<typeof bounded>): Promise<number> {
    const before = requests.length
    for (let count = 0; count < 20; count++) ask()
    await turn()
    const wide = requests.length - before
    await answerAll()
    return wide
  }

  test.each([
    ['429', limited],
    ['a 503 that names a pause', failed('bad-response', { detail: 'status-5xx', retryAfterMs: 0 })],
  ])('by %s halves what is under way at once, and never to nothing', async (_, failure) => {
    const rig = bounded(LIMITS)
    for (const wide of [4, 2, 1, 1]) {
      const before = rig.requests.length
      const refused = rig.ask()
      await turn()
      rig.requests[before]!.fail(failure)
      await turn()
      expect(refused.error).toBe(failure)
      for (let count = 0; count < 10; count++) rig.ask()
      await turn()
      const after = rig.requests.length
      expect(after - before - 1).toBe(wide)
      // Aside from answers, which would widen it again.
      for (let next = before + 1; next < rig.requests.length; next++) {
        rig.requests[next]!.fail(failed('bad-response', { detail: 'status-5xx' }))
        await turn()
      }
    }
  })

  test('told to a whole burst halve once', async () => {
    const rig = bounded(LIMITS)
    for (let count = 0; count < 8; count++) rig.ask()
    await turn()
    for (const request of rig.requests.slice()) request.fail(limited)
    await turn()
    expect(await width(rig)).toBe(4)
  })

  test('are forgotten answer by answer, up to the bound', async () => {
    const rig = bounded({ maxConcurrent: 4, maxQueued: 100 })
    rig.ask()
    await turn()
    rig.requests[0]!.fail(limited)
    await turn()
    const widths: number[] = []
    for (let answers = 0; answers < 8; answers++) {
      const before = rig.requests.length
      const abort = new AbortController()
      for (let count = 0; count < 10; count++) rig.ask(abort.signal)
      await turn()
      widths.push(rig.requests.length - before)
      rig.requests[before]!.answer()
      await turn()
      abort.abort()
      await turn()
    }
    // Two answers widen 2 to 3, three more 3 to 4, where it ends.
    expect(widths).toEqual([2, 2, 3, 3, 3, 4, 4, 4])
  })

  test('with any other failure do not narrow it', async () => {
    const rig = bounded(LIMITS)
    for (const reason of ['timeout', 'unreachable', 'bad-response', 'internal'] as const) {
      const before = rig.requests.length
      rig.ask()
      await turn()
      rig.requests[before]!.fail(failed(reason))
      await turn()
    }
    expect(await width(rig)).toBe(8)
  })
})

describe('a pause that the service asks for', () => {
  async function paused(retryAfterMs: number) {
    const rig = bounded({ maxConcurrent: 2, maxQueued: 2 })
    const seen = [rig.ask(), rig.ask(), rig.ask(), rig.ask()]
    await turn()
    rig.requests[0]!.fail(failed('rate-limited', { detail: 'status-4xx', retryAfterMs }))
    await turn()
    return { ...rig, seen }
  }

  test('refuses without a request, those that wait already as well', async () => {
    const { ask, requests, events, seen, answerAll } = await paused(700)
    const refused = ask()
    await turn()
    expect(refused.error).toMatchObject({ reason: 'rate-limited', detail: 'paused', retryAfterMs: undefined })
    await answerAll()
    expect(seen.map(({ state }) => state)).toEqual(['rejected', 'resolved', 'rejected', 'rejected'])
    expect(seen[2]!.error).toMatchObject({ detail: 'paused' })
    expect(requests).toHaveLength(2)
    expect(events).toEqual(['paused', 'paused', 'paused'])
  })

  test.each([
    [700, 700],
    // An hour is tried out after a minute.
    [3_600_000, 60_000],
  ])('of %i ms is over after %i ms', async (retryAfterMs, overMs) => {
    const { ask, requests, advance, answerAll } = await paused(retryAfterMs)
    await answerAll()
    advance(overMs - 1)
    const refused = ask()
    await turn()
    expect(refused.error).toMatchObject({ detail: 'paused' })
    advance(1)
    const sent = ask()
    await answerAll()
    expect(sent.state).toBe('resolved')
    expect(requests).toHaveLength(3)
  })

  test('is not cut short by a shorter one', async () => {
    const { ask, requests, advance } = await paused(700)
    requests[1]!.fail(failed('rate-limited', { detail: 'status-4xx', retryAfterMs: 0 }))
    await turn()
    advance(600)
    const refused = ask()
    await turn()
    expect(refused.error).toMatchObject({ detail: 'paused' })
  })
})

type Step = { readonly do: 'ask' | 'answer' | 'limit' | 'fail' | 'abort'; readonly which: number }
const step: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom('ask', 'ask', 'ask', 'answer', 'limit', 'fail', 'abort'),
  which: fc.nat(30),
})

test('whatever happens in whatever order, no bound is passed and nobody is forgotten', async () => {
  const scenario = fc.record({
    maxConcurrent: fc.integer({ min: 1, max: 5 }),
    maxQueued: fc.nat(4),
    steps: fc.array(step, { maxLength: 40 }),
  })
  await fc.assert(
    fc.asyncProperty(scenario, async ({ maxConcurrent, maxQueued, steps }) => {
      const rig = bounded({ maxConcurrent, maxQueued })
      const asked: { seen: ReturnType<typeof rig.ask>; abort: AbortController }[] = []
      const over = new Set<object>()
      const underWay = () => rig.requests.filter(one => !over.has(one) && !one.signal.aborted)
      for (const { do: what, which } of steps) {
        const one = underWay()[which % Math.max(underWay().length, 1)]
        if (what === 'ask') {
          const abort = new AbortController()
          asked.push({ seen: rig.ask(abort.signal), abort })
        } else if (what === 'abort') asked[which % Math.max(asked.length, 1)]?.abort.abort()
        else if (one !== undefined) {
          over.add(one)
          if (what === 'answer') one.answer()
          else one.fail(failed(what === 'limit' ? 'rate-limited' : 'unreachable'))
        }
        await turn()
        expect(underWay().length).toBeLessThanOrEqual(maxConcurrent)
        const open = asked.filter(({ seen }) => seen.state === 'waits').length
        expect(open - underWay().length).toBeLessThanOrEqual(maxQueued)
        expect(open).toBeGreaterThanOrEqual(underWay().length)
      }
      await rig.answerAll()
      expect(asked.filter(({ seen }) => seen.state === 'waits')).toEqual([])
    }),
    { numRuns: 200 },
  )
})
