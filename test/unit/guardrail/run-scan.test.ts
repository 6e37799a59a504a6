import { describe, expect, test, vi } from 'vitest'
import type {
  FailureReason,
  LocalGuardrail,
  RemoteGuardrail,
  Verdict,
} from '../../../src/guardrail/guardrail.ts'
import { GuardrailFailure } from '../../../src/guardrail/guardrail.ts'
import { runLocalScan, runRemoteScan } from '../../../src/guardrail/run-scan.ts'
import { expectNoLooseEnds } from './loose-ends.ts'
import { input } from './segments.ts'

const SUBJECT = input('hello', '😀!')
const CLEAN: Verdict = { kind: 'clean' }

/** A monotonic clock that a test moves by hand. */
function fakeClock() {
  let nowMs = 1000
  const advance = (ms: number) => {
    nowMs += ms
  }
  return { clock: () => nowMs, advance }
}

function local(scan: LocalGuardrail['scan']): LocalGuardrail {
  return { name: 'local', locality: 'local', scan }
}

function remote(scan: RemoteGuardrail['scan'], timeoutMs = 100): RemoteGuardrail {
  return { name: 'remote', locality: 'remote', timeoutMs, scan }
}

const flagged = (span: object): unknown => ({ kind: 'flagged', findings: [{ detector: 'd', span }] })

/** Answers that the types forbid and that an outside service may still cause. */
const NONSENSE: readonly [string, unknown][] = [
  ['nothing', undefined],
  ['null', null],
  ['a string', 'clean'],
  ['a boolean', true],
  ['no kind', {}],
  ['an unknown kind', { kind: 'maybe' }],
  ['flagged without findings', { kind: 'flagged' }],
  ['findings that are no list', { kind: 'flagged', findings: { length: 1 } }],
  ['a null finding', { kind: 'flagged', findings: [null] }],
  ['a finding without a detector', { kind: 'flagged', findings: [{}] }],
  ['an empty detector', { kind: 'flagged', findings: [{ detector: '' }] }],
  ['a score over 1', { kind: 'flagged', findings: [{ detector: 'd', score: 1.1 }] }],
  ['a score that is no number', { kind: 'flagged', findings: [{ detector: 'd', score: Number.NaN }] }],
  ['a span in no segment', flagged({ segment: 2, start: 0, end: 1 })],
  ['a negative segment', flagged({ segment: -1, start: 0, end: 1 })],
  ['a negative start', flagged({ segment: 0, start: -1, end: 1 })],
  ['an empty span', flagged({ segment: 0, start: 2, end: 2 })],
  ['a reversed span', flagged({ segment: 0, start: 3, end: 2 })],
  ['a span past the text', flagged({ segment: 0, start: 0, end: 6 })],
  ['a fractional span', flagged({ segment: 0, start: 0.5, end: 2 })],
  ['a span of strings', flagged({ segment: 0, start: '0', end: '2' })],
  ['a null span', { kind: 'flagged', findings: [{ detector: 'd', span: null }] }],
]

describe('a scan by a local guardrail', () => {
  test('passes the verdict on and measures it by the given clock', () => {
    const { clock, advance } = fakeClock()
    const guardrail = local(() => {
      advance(7)
      return CLEAN
    })
    expect(runLocalScan(guardrail, SUBJECT, clock)).toEqual({ kind: 'verdict', verdict: CLEAN, ms: 7 })
  })

  test('takes spans that reach both ends of a text', () => {
    const verdict = flagged({ segment: 1, start: 0, end: 3 }) as Verdict
    expect(
      runLocalScan(
        local(() => verdict),
        SUBJECT,
        () => 0,
      ),
    ).toEqual({ kind: 'verdict', verdict, ms: 0 })
  })

  test('a flagged verdict without evidence stays flagged', () => {
    const verdict: Verdict = { kind: 'flagged', findings: [] }
    expect(
      runLocalScan(
        local(() => verdict),
        SUBJECT,
        () => 0,
      ),
    ).toMatchObject({ verdict })
  })

  test.each(NONSENSE)('nonsense is a bad-response: %s', (_, verdict) => {
    const outcome = runLocalScan(
      local(() => verdict as Verdict),
      SUBJECT,
      () => 0,
    )
    expect(outcome).toEqual({ kind: 'failure', reason: 'bad-response', detail: 'wrong-shape', ms: 0 })
  })

  test.each<[string, unknown, FailureReason]>([
    ['a GuardrailFailure', new GuardrailFailure('over-limit', 'too long'), 'over-limit'],
    ['any other error', new TypeError('x is not a function'), 'internal'],
    ['a throw of undefined', undefined, 'internal'],
  ])('%s is a failure and reaches the hook', (_, thrown, reason) => {
    const { clock, advance } = fakeClock()
    const onFault = vi.fn()
    const guardrail = local(() => {
      advance(3)
      throw thrown
    })
    expect(runLocalScan(guardrail, SUBJECT, clock, onFault)).toEqual({ kind: 'failure', reason, ms: 3 })
    expect(onFault.mock.calls).toEqual([[thrown]])
  })

  test('a hook that throws changes nothing', () => {
    const guardrail = local(() => {
      throw new GuardrailFailure('over-limit', 'too long')
    })
    const outcome = runLocalScan(
      guardrail,
      SUBJECT,
      () => 0,
      () => {
        throw new Error('the log is full')
      },
    )
    expect(outcome).toMatchObject({ kind: 'failure', reason: 'over-limit' })
  })
})

describe('a scan by a remote guardrail', () => {
  expectNoLooseEnds()

  const never = new AbortController().signal

  test('passes the verdict on, leaves no listener behind, and does not abort what has ended', async () => {
    const parent = new AbortController()
    const remove = vi.spyOn(parent.signal, 'removeEventListener')
    let seen: AbortSignal | undefined
    const { clock, advance } = fakeClock()
    const guardrail = remote(async (_, signal) => {
      seen = signal
      advance(40)
      return CLEAN
    })
    const outcome = await runRemoteScan(guardrail, SUBJECT, parent.signal, clock)
    expect(outcome).toEqual({ kind: 'verdict', verdict: CLEAN, ms: 40 })
    expect(remove).toHaveBeenCalledOnce()
    parent.abort()
    expect(seen?.aborted).toBe(false)
  })

  test.each(NONSENSE)('nonsense is a bad-response: %s', async (_, verdict) => {
    const onFault = vi.fn()
    const guardrail = remote(async () => verdict as Verdict)
    const outcome = await runRemoteScan(guardrail, SUBJECT, never, () => 0, onFault)
    expect(outcome).toEqual({ kind: 'failure', reason: 'bad-response', detail: 'wrong-shape', ms: 0 })
    expect(onFault).toHaveBeenCalledOnce()
  })

  test('a parent that has aborted before is not scanned for', async () => {
    const scan = vi.fn()
    const outcome = await runRemoteScan(remote(scan), SUBJECT, AbortSignal.abort(), () => 0)
    expect(outcome).toEqual({ kind: 'failure', reason: 'cancelled', ms: 0 })
    expect(scan).not.toHaveBeenCalled()
  })

  test.each<[string, RemoteGuardrail['scan'], FailureReason]>([
    [
      'rejects with a GuardrailFailure',
      async () => Promise.reject(new GuardrailFailure('rate-limited', '429')),
      'rate-limited',
    ],
    ['rejects with anything', () => Promise.reject('boom'), 'internal'],
    [
      'throws before it returns a promise',
      () => {
        throw new GuardrailFailure('unreachable', 'down')
      },
      'unreachable',
    ],
  ])('a guardrail that %s is a failure and reaches the hook', async (_, scan, reason) => {
    const onFault = vi.fn()
    const outcome = await runRemoteScan(remote(scan), SUBJECT, never, () => 0, onFault)
    expect(outcome).toEqual({ kind: 'failure', reason, ms: 0 })
    expect(onFault).toHaveBeenCalledOnce()
  })
})
