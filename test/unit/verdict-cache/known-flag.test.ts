import { describe, expect, test } from 'vitest'
import type { RemoteGuardrail, Verdict } from '../../../src/guardrail/guardrail.ts'
import { GuardrailFailure } from '../../../src/guardrail/guardrail.ts'
import { cached } from '../../../src/verdict-cache/cached.ts'
import { input } from '../guardrail/segments.ts'
import { watch } from '../service/attempt-rig.ts'
import { deadline } from '../service/http-rig.ts'
import { service, settled } from './answered-by-hand.ts'

/** A conversation with a text that is known to be flagged, and one of which nothing is known before the deadline. */

const CLEAN: Verdict = { kind: 'clean' }
const BAD: Verdict = {
  kind: 'flagged',
  findings: [{ detector: 'word', span: { segment: 0, start: 0, end: 3 } }],
  requestId: 'check-1',
}
const KNOWN_BAD = { ...BAD, incomplete: 'timeout' }
const never = new AbortController().signal

/** A guardrail by hand that already judged `bad` and `fine`. */
async function judged({ hangingLookup = 'none', endsWith = (error: unknown): unknown => error } = {}) {
  const { guardrail, calls } = service('each-text')
  const ending: RemoteGuardrail = {
    ...guardrail,
    scan: (subject, signal) =>
      guardrail.scan(subject, signal).catch((error: unknown) => Promise.reject(endsWith(error))),
  }
  const entries = new Map<string, Verdict>()
  const guard = cached(ending, {
    store: {
      get: key => (key.includes(hangingLookup) ? new Promise(() => {}) : Promise.resolve(entries.get(key))),
      set: (key, verdict) => void entries.set(key, verdict),
    },
    digest: text => text,
    configVersion: 'v1',
    report: () => {},
    lookupMs: 60_000,
  })
  for (const [text, verdict] of [['bad', BAD] as const, ['fine', CLEAN] as const]) {
    const scan = guard.scan(input(text), never)
    await settled()
    calls.pop()?.answer(verdict)
    await scan
  }
  return { guard, calls }
}

describe('a known flag', () => {
  test.each<[string, Error]>([
    ['a timeout', new GuardrailFailure('timeout', 'late', { detail: 'timeout-first-byte' })],
    ['cancelled', new GuardrailFailure('cancelled', 'aborted')],
    ['no guardrail should', new TypeError('x is not a function')],
  ])('stands when the deadline ends the other’s scan as %s', async (_, error) => {
    const { guard, calls } = await judged({ endsWith: () => error })
    const late = deadline()
    const seen = watch(guard.scan(input('bad', 'new'), late.signal))
    await settled()
    expect(calls).toHaveLength(1)
    late.pass()
    await settled()
    expect(seen.value).toEqual(KNOWN_BAD)
  })

  test('stands when the deadline finds the other’s lookup under way', async () => {
    const { guard, calls } = await judged({ hangingLookup: 'new' })
    const late = deadline()
    const seen = watch(guard.scan(input('bad', 'new'), late.signal))
    await settled()
    expect(seen.state).toBe('waits')
    expect(calls).toEqual([])
    late.pass()
    await settled()
    expect(seen.value).toEqual(KNOWN_BAD)
  })

  test('stands when the deadline finds it waiting for the answer to another scan', async () => {
    const { guard, calls } = await judged()
    const first = watch(guard.scan(input('new'), never))
    await settled()
    const late = deadline()
    const seen = watch(guard.scan(input('bad', 'new'), late.signal))
    await settled()
    expect(calls).toHaveLength(1)
    late.pass()
    await settled()
    expect(seen.value).toEqual(KNOWN_BAD)
    expect(first.state).toBe('waits')
  })

  test('is told to nobody who cancelled', async () => {
    const { guard, calls } = await judged()
    const abort = new AbortController()
    const seen = watch(guard.scan(input('bad', 'new'), abort.signal))
    await settled()
    expect(calls).toHaveLength(1)
    abort.abort()
    await settled()
    expect(seen.error).toMatchObject({ reason: 'cancelled' })
  })
})

test('what is known to be clean is none: the deadline stays a failure', async () => {
  const { guard, calls } = await judged()
  const late = deadline()
  const seen = watch(guard.scan(input('fine', 'new'), late.signal))
  await settled()
  expect(calls).toHaveLength(1)
  late.pass()
  await settled()
  expect(seen.state).toBe('rejected')
})
