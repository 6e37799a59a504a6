import { expect, test, vi } from 'vitest'
import type { Outcome, RemoteGuardrail, Verdict } from '../../../src/guardrail/guardrail.ts'
import { GuardrailFailure } from '../../../src/guardrail/guardrail.ts'
import { runRemoteScan } from '../../../src/guardrail/run-scan.ts'
import { abortFailure } from '../../../src/service/http-failure.ts'
import { expectNoLooseEnds } from './loose-ends.ts'
import { input } from './segments.ts'

/** How a remote scan ends that the guardrail does not end itself. */

const SUBJECT = input('hello')
const CLEAN: Verdict = { kind: 'clean' }
const FLAGGED: Verdict = { kind: 'flagged', findings: [{ detector: 'd' }] }

function remote(scan: RemoteGuardrail['scan']): RemoteGuardrail {
  return { name: 'remote', locality: 'remote', timeoutMs: 100, scan }
}

expectNoLooseEnds()

const never = new AbortController().signal

test('a guardrail that ignores its signal still times out, exactly at its deadline', async () => {
  let nowMs = 1000
  const onFault = vi.fn()
  let outcome: Outcome | undefined
  const guardrail = remote(() => new Promise<Verdict>(() => {}))
  const scan = runRemoteScan(guardrail, SUBJECT, never, () => nowMs, onFault).then(o => {
    outcome = o
  })
  nowMs += 100
  await vi.advanceTimersByTimeAsync(99)
  expect(outcome).toBeUndefined()
  await vi.advanceTimersByTimeAsync(1)
  await scan
  expect(outcome).toEqual({ kind: 'failure', reason: 'timeout', detail: 'timeout-total', ms: 100 })
  expect(onFault).not.toHaveBeenCalled()
})

test('a guardrail that rejects because of the deadline is a timeout, not what it rejects with', async () => {
  const onFault = vi.fn()
  const guardrail = remote(
    (_, signal) =>
      new Promise<Verdict>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new GuardrailFailure('cancelled', 'aborted')))
      }),
  )
  const scan = runRemoteScan(guardrail, SUBJECT, never, () => 0, onFault)
  await vi.advanceTimersByTimeAsync(100)
  expect(await scan).toMatchObject({ reason: 'timeout' })
  expect(onFault).not.toHaveBeenCalled()
})

test.each<[string, (late: PromiseWithResolvers<Verdict>) => void]>([
  ['a clean verdict', ({ resolve }) => resolve(CLEAN)],
  ['what is no verdict', ({ resolve }) => resolve({ kind: 'flagged', findings: [{ detector: '' }] })],
  ['an error', ({ reject }) => reject(new Error('late'))],
  ['a failure of another kind', ({ reject }) => reject(new GuardrailFailure('unreachable', 'late'))],
])('%s after the deadline is dropped, be it in the same turn', async (_, end) => {
  for (const when of ['same turn', 'later']) {
    const onFault = vi.fn()
    const late = Promise.withResolvers<Verdict>()
    const guardrail = remote((_subject, signal) => {
      if (when === 'same turn') signal.addEventListener('abort', () => end(late))
      return late.promise
    })
    const scan = runRemoteScan(guardrail, SUBJECT, never, () => 0, onFault)
    await vi.advanceTimersByTimeAsync(100)
    const outcome = await scan
    if (when === 'later') end(late)
    expect(outcome).toMatchObject({ kind: 'failure', reason: 'timeout', detail: 'timeout-total' })
    expect(onFault).not.toHaveBeenCalled()
  }
})

test.each<[string, Verdict, object]>([
  ['one', FLAGGED, { ...FLAGGED, incomplete: 'timeout' }],
  ['one that says what it lacks', { ...FLAGGED, incomplete: 'rate-limited' }, { incomplete: 'rate-limited' }],
])('a flagged verdict that the deadline brings about counts: %s', async (_, verdict, expected) => {
  let nowMs = 1000
  const onFault = vi.fn()
  const guardrail = remote(
    (_subject, signal) =>
      new Promise<Verdict>(resolve => {
        // As sockets do: a moment later.
        signal.addEventListener('abort', () => process.nextTick(() => resolve(verdict)))
      }),
  )
  const scan = runRemoteScan(guardrail, SUBJECT, never, () => nowMs, onFault)
  nowMs += 100
  await vi.advanceTimersByTimeAsync(100)
  expect(await scan).toMatchObject({ kind: 'verdict', verdict: expected, ms: 100 })
  expect(onFault).not.toHaveBeenCalled()
})

test('a flagged verdict that comes later than that is not waited for', async () => {
  const late = Promise.withResolvers<Verdict>()
  const scan = runRemoteScan(
    remote(() => late.promise),
    SUBJECT,
    never,
    () => 0,
  )
  await vi.advanceTimersByTimeAsync(100)
  expect(await scan).toMatchObject({ kind: 'failure', reason: 'timeout', detail: 'timeout-total' })
  late.resolve(FLAGGED)
})

test('the deadline aborts with a timeout as its reason, and the guardrail tells how far it had come', async () => {
  let reason: unknown
  const onFault = vi.fn()
  const guardrail = remote(
    (_, signal) =>
      new Promise<Verdict>((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reason = signal.reason
          // As sockets do: a moment later.
          process.nextTick(() => reject(abortFailure(signal, 'timeout-first-byte')))
        })
      }),
  )
  const scan = runRemoteScan(guardrail, SUBJECT, never, () => 0, onFault)
  await vi.advanceTimersByTimeAsync(100)
  expect(await scan).toEqual({ kind: 'failure', reason: 'timeout', detail: 'timeout-first-byte', ms: 0 })
  expect(reason).toMatchObject({ reason: 'timeout' })
  expect(onFault).not.toHaveBeenCalled()
})

test('a parent that aborts while the deadline settles makes it cancelled', async () => {
  const parent = new AbortController()
  const guardrail = remote(
    (_, signal) => new Promise<Verdict>(() => signal.addEventListener('abort', () => parent.abort())),
  )
  const scan = runRemoteScan(guardrail, SUBJECT, parent.signal, () => 0)
  await vi.advanceTimersByTimeAsync(100)
  expect(await scan).toEqual({ kind: 'failure', reason: 'cancelled', ms: 0 })
})

test('an abort of the parent is a cancellation, whatever the guardrail makes of it', async () => {
  const ends: ((reject: (error: unknown) => void, resolve: (verdict: Verdict) => void) => void)[] = [
    reject => reject(new GuardrailFailure('timeout', 'late', { detail: 'timeout-total' })),
    reject => reject(new Error('aborted')),
    (_reject, resolve) => resolve(CLEAN),
    (_reject, resolve) => resolve(FLAGGED),
  ]
  for (const end of ends) {
    const parent = new AbortController()
    const onFault = vi.fn()
    let reason: unknown
    const guardrail = remote(
      (_, signal) =>
        new Promise<Verdict>((resolve, reject) => {
          signal.addEventListener('abort', () => {
            reason = signal.reason
            end(reject, resolve)
          })
        }),
    )
    const scan = runRemoteScan(guardrail, SUBJECT, parent.signal, () => 0, onFault)
    parent.abort()
    expect(await scan).toEqual({ kind: 'failure', reason: 'cancelled', ms: 0 })
    expect(reason).not.toBeInstanceOf(GuardrailFailure)
    expect(onFault).not.toHaveBeenCalled()
  }
})

test('an abort of the parent cancels the scan and the guardrail', async () => {
  const parent = new AbortController()
  let seen: AbortSignal | undefined
  const guardrail = remote((_, signal) => {
    seen = signal
    return new Promise<Verdict>(() => {})
  })
  const scan = runRemoteScan(guardrail, SUBJECT, parent.signal, () => 0)
  parent.abort()
  expect(await scan).toEqual({ kind: 'failure', reason: 'cancelled', ms: 0 })
  expect(seen?.aborted).toBe(true)
})
