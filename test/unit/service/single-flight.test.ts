import { describe, expect, test } from 'vitest'
import type { Verdict } from '../../../src/guardrail/guardrail.ts'
import { type CacheOptions, cached } from '../../../src/verdict-cache/cached.ts'
import { input } from '../guardrail/segments.ts'
import { service, settled } from '../verdict-cache/answered-by-hand.ts'

const CLEAN: Verdict = { kind: 'clean' }
const FLAGGED: Verdict = { kind: 'flagged', findings: [{ detector: 'd' }] }
const never = new AbortController().signal

/** Keeps nothing, so that what is shared is shared in flight. */
const FORGETFUL: CacheOptions = {
  store: { get: async () => undefined, set: () => {} },
  digest: text => text,
  configVersion: 'v1',
  report: () => {},
}

describe.each<['each-text' | undefined]>([[undefined], ['each-text']])(
  'the same scan at the same time (judges %s)',
  judges => {
    const subject = input('one', 'two')

    async function two() {
      const { guardrail, calls } = service(judges)
      const guard = cached(guardrail, FORGETFUL)
      const leader = new AbortController()
      const follower = new AbortController()
      const first = guard.scan(subject, leader.signal)
      const second = guard.scan(subject, follower.signal)
      const outcomes = Promise.allSettled([first, second])
      await settled()
      expect(calls).toHaveLength(1)
      return { calls, leader, follower, outcomes, second, guard }
    }

    test('shares one call', async () => {
      const { calls, outcomes } = await two()
      calls[0]?.answer(CLEAN)
      expect(await outcomes).toMatchObject([{ value: CLEAN }, { value: CLEAN }])
      expect(calls).toHaveLength(1)
    })

    test('asks again when the first fails, without its failure', async () => {
      const { calls, outcomes } = await two()
      calls[0]?.fail(new Error('no'))
      await settled()
      calls[1]?.answer(CLEAN)
      expect(await outcomes).toMatchObject([{ status: 'rejected' }, { value: CLEAN }])
    })

    test('asks again when the first is aborted', async () => {
      const { calls, leader, outcomes } = await two()
      leader.abort()
      await settled()
      calls[1]?.answer(CLEAN)
      expect(await outcomes).toMatchObject([{ status: 'rejected' }, { value: CLEAN }])
    })

    test('asks again when the first verdict is not whole', async () => {
      const { calls, outcomes } = await two()
      calls[0]?.answer({ kind: 'flagged', findings: [{ detector: 'd' }], incomplete: 'timeout' })
      await settled()
      calls[1]?.answer(CLEAN)
      expect(await outcomes).toMatchObject([{ value: { incomplete: 'timeout' } }, { value: CLEAN }])
    })

    test('ends with its own signal, and leaves the first alone', async () => {
      const { calls, follower, second, outcomes } = await two()
      follower.abort()
      await expect(second).rejects.toMatchObject({ reason: 'cancelled' })
      expect(calls[0]?.signal.aborted).toBe(false)
      calls[0]?.answer(CLEAN)
      expect(await outcomes).toMatchObject([{ value: CLEAN }, { status: 'rejected' }])
    })
  },
)

test('a scan that comes later is asked anew where nothing was kept', async () => {
  const { guardrail, calls } = service()
  const guard = cached(guardrail, FORGETFUL)
  for (const [index, verdict] of [CLEAN, FLAGGED].entries()) {
    const scan = guard.scan(input('one'), never)
    await settled()
    calls[index]?.answer(verdict)
    expect(await scan).toEqual(verdict)
  }
})
