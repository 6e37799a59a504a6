import { createHmac } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { RemoteGuardrail, Verdict } from '../../../src/guardrail/guardrail.ts'
import { GuardrailFailure } from '../../../src/guardrail/guardrail.ts'
import { type CacheOptions, cached } from '../../../src/verdict-cache/cached.ts'
import type { VerdictEvent, VerdictMemory } from '../../../src/verdict-cache/verdict-lookup.ts'
import { input } from '../guardrail/segments.ts'
import { service, settled } from './answered-by-hand.ts'

const CLEAN: Verdict = { kind: 'clean' }
const never = new AbortController().signal
const digest = (text: string) => createHmac('sha256', 'a key').update(text).digest('hex')

/** A service that flags every text with `bad` in it, each by its place, and counts what it was sent. */
function judge(judges?: 'each-text') {
  const sent: string[][] = []
  const guardrail: RemoteGuardrail = {
    name: 'guard',
    locality: 'remote',
    timeoutMs: 1234,
    judges,
    async scan({ segments }) {
      sent.push(segments.map(({ text }) => text))
      const findings = segments.flatMap(({ text }, index) => {
        const start = text.indexOf('bad')
        return start < 0 ? [] : [{ detector: 'word', span: { segment: index, start, end: start + 3 } }]
      })
      return findings.length > 0 ? { kind: 'flagged', findings } : CLEAN
    },
  }
  return { guardrail, sent }
}

interface Shelf extends VerdictMemory {
  readonly entries: Map<string, Verdict>
}

function shelf(): Shelf {
  const entries = new Map<string, Verdict>()
  return {
    entries,
    get: async key => entries.get(key),
    set: (key, verdict) => void entries.set(key, verdict),
  }
}

function options(changes: Partial<CacheOptions> = {}) {
  const events: VerdictEvent[] = []
  const store = shelf()
  const report = (event: VerdictEvent) => void events.push(event)
  return { store, digest, configVersion: 'v1', report, events, entries: store.entries, ...changes }
}

describe('a guardrail with a cache', () => {
  test('asks once for the same subject, and answers the same again', async () => {
    const { guardrail, sent } = judge()
    const cache = options()
    const guard = cached(guardrail, cache)
    const subject = input('all good', 'something bad')
    const first = await guard.scan(subject, never)
    expect(first).toMatchObject({
      findings: [{ detector: 'word', span: { segment: 1, start: 10, end: 13 } }],
    })
    expect(await guard.scan(subject, never)).toEqual(first)
    expect(sent).toHaveLength(1)
    expect(cache.events).toEqual(['miss', 'hit'])
  })

  test('is the guardrail in all else', () => {
    const { guardrail } = judge('each-text')
    const { scan: _, ...rest } = guardrail
    expect(cached(guardrail, options())).toMatchObject(rest)
  })

  test('stores keyed hashes and verdicts, no text', async () => {
    const { guardrail } = judge()
    const cache = options()
    await cached(guardrail, cache).scan(input('CANARY is bad'), never)
    const [[key, verdict] = []] = [...cache.entries]
    expect(key).toMatch(/^[0-9a-f]{64}$/)
    expect(JSON.stringify(verdict)).not.toContain('CANARY')
  })

  test('stores no field that a verdict does not have', async () => {
    const { guardrail, calls } = service()
    const cache = options()
    const scan = cached(guardrail, cache).scan(input('text'), never)
    await settled()
    const extra = { detector: 'd', score: 0.5, level: 'l', matched: 'CANARY' }
    const verdict = { kind: 'flagged', findings: [extra], requestId: 'id', raw: 'CANARY' } as const
    calls[0]?.answer(verdict)
    await scan
    const kept = [{ kind: 'flagged', findings: [{ detector: 'd', score: 0.5, level: 'l' }], requestId: 'id' }]
    expect([...cache.entries.values()]).toEqual(kept)
  })

  test('asks the service itself, and no store, when nobody waits any more', async () => {
    const { guardrail, calls } = service()
    const store = { ...shelf(), get: vi.fn() }
    const cache = options({ store })
    await expect(cached(guardrail, cache).scan(input('text'), AbortSignal.abort())).rejects.toThrow('aborted')
    expect(calls).toHaveLength(1)
    expect(store.get).not.toHaveBeenCalled()
    expect(cache.events).toEqual([])
  })

  test('leaves a scan without texts to the guardrail', async () => {
    const { guardrail, sent } = judge('each-text')
    await cached(guardrail, options()).scan(input(), never)
    expect(sent).toEqual([[]])
  })
})

describe('what is no whole verdict', () => {
  const subject = input('text')

  test('a failure goes on as it came and is not kept', async () => {
    const { guardrail, calls } = service()
    const cache = options()
    const guard = cached(guardrail, cache)
    const failure = new GuardrailFailure('rate-limited', 'status 429')
    const first = guard.scan(subject, never)
    await settled()
    calls[0]?.fail(failure)
    await expect(first).rejects.toBe(failure)
    const second = guard.scan(subject, never)
    await settled()
    calls[1]?.answer(CLEAN)
    expect(await second).toEqual(CLEAN)
    expect(cache.events).toEqual(['miss', 'miss'])
  })

  test.each<['each-text' | undefined]>([[undefined], ['each-text']])(
    'an incomplete verdict is not kept (judges %s)',
    async judges => {
      const { guardrail, calls } = service(judges)
      const cache = options()
      const scan = cached(guardrail, cache).scan(subject, never)
      await settled()
      const verdict: Verdict = { kind: 'flagged', findings: [{ detector: 'd' }], incomplete: 'timeout' }
      calls[0]?.answer(verdict)
      expect(await scan).toMatchObject(verdict)
      expect(cache.entries.size).toBe(0)
    },
  )

  test('a malformed verdict fails and is not kept', async () => {
    const { guardrail, calls } = service()
    const cache = options()
    const scan = cached(guardrail, cache).scan(subject, never)
    await settled()
    calls[0]?.answer({
      kind: 'flagged',
      findings: [{ detector: 'd', span: { segment: 9, start: 0, end: 1 } }],
    })
    await expect(scan).rejects.toMatchObject({ reason: 'bad-response' })
    expect(cache.entries.size).toBe(0)
  })

  test('a verdict with very many findings is not kept', async () => {
    const { guardrail, calls } = service()
    const cache = options()
    const scan = cached(guardrail, cache).scan(subject, never)
    await settled()
    calls[0]?.answer({ kind: 'flagged', findings: Array.from({ length: 257 }, () => ({ detector: 'd' })) })
    expect(await scan).toMatchObject({ kind: 'flagged' })
    expect(cache.entries.size).toBe(0)
  })
})

describe('a store that fails', () => {
  const subject = input('text')

  test.each<[string, VerdictMemory['get']]>([
    ['rejects', () => Promise.reject(new Error('gone'))],
    [
      'throws',
      () => {
        throw new Error('gone')
      },
    ],
    [
      'answers what does not fit',
      async () => ({
        kind: 'flagged',
        findings: [{ detector: 'd', span: { segment: 5, start: 0, end: 1 } }],
      }),
    ],
  ])('and %s is a miss', async (_, get) => {
    const { guardrail, sent } = judge()
    const cache = options({ store: { ...shelf(), get } })
    expect(await cached(guardrail, cache).scan(subject, never)).toEqual(CLEAN)
    expect(sent).toHaveLength(1)
    expect(cache.events).toEqual(['error'])
  })

  test('cannot take the verdict away when it does not keep it', async () => {
    const { guardrail } = judge()
    const set = () => {
      throw new Error('full')
    }
    expect(await cached(guardrail, options({ store: { ...shelf(), set } })).scan(subject, never)).toEqual(
      CLEAN,
    )
  })

  describe('to answer', () => {
    beforeEach(() => void vi.useFakeTimers())
    afterEach(() => void vi.useRealTimers())
    const silent = { ...shelf(), get: () => new Promise<undefined>(() => {}) }

    test('is waited for no longer than it is worth, many texts together', async () => {
      const { guardrail, sent } = judge('each-text')
      const cache = options({ store: silent, lookupMs: 50 })
      const scan = cached(guardrail, cache).scan(input('one', 'two'), never)
      await vi.advanceTimersByTimeAsync(49)
      expect(sent).toEqual([])
      await vi.advanceTimersByTimeAsync(1)
      expect(await scan).toEqual(CLEAN)
      expect(sent).toEqual([['one', 'two']])
      expect(cache.events).toEqual(['error', 'error'])
    })

    test('is not waited for after the scan was aborted', async () => {
      const { guardrail, calls } = service()
      const cache = options({ store: silent })
      const caller = new AbortController()
      const scan = cached(guardrail, cache).scan(subject, caller.signal)
      const outcome = expect(scan).rejects.toMatchObject({ reason: 'cancelled' })
      caller.abort()
      await outcome
      expect(calls[0]?.signal.aborted).toBe(true)
      expect(cache.events).toEqual([])
      expect(vi.getTimerCount()).toBe(0)
    })
  })
})
