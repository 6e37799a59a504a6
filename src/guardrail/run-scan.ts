import type {
  Finding,
  LocalGuardrail,
  Outcome,
  RemoteGuardrail,
  ScanSubject,
  Span,
  Verdict,
} from './guardrail.ts'
import { failureDetail, failureReason, GuardrailFailure } from './guardrail.ts'

/** Monotonic milliseconds: `performance.now` outside of tests. */
export type Clock = () => number

/**
 * Sees what a failed scan threw, so that the log can name the cause. The error comes as the guardrail threw it: scrub
 * it before writing it anywhere. Not called for a timeout or a cancellation, which the outcome already tells.
 */
export type OnFault = (error: unknown) => void

const ignoreFault: OnFault = () => {}

/** Scans at once, however long it takes. Never throws: whatever the guardrail does becomes an outcome. */
export function runLocalScan(
  guardrail: LocalGuardrail,
  subject: ScanSubject,
  clock: Clock,
  onFault: OnFault = ignoreFault,
): Outcome {
  const startedMs = clock()
  try {
    const verdict = checkedVerdict(guardrail.scan(subject), subject)
    return { kind: 'verdict', verdict, ms: clock() - startedMs }
  } catch (error) {
    return failed(error, onFault, clock() - startedMs)
  }
}

/**
 * What the guardrail's `scan` says, found on another thread. Never rejects. It has no deadline: its work is linear in a
 * text that a limit bounds. `cancelled` soon after `signal` aborts.
 */
export async function runApartScan(
  { scanApart }: Required<Pick<LocalGuardrail, 'scanApart'>>,
  subject: ScanSubject,
  signal: AbortSignal,
  clock: Clock,
  onFault: OnFault,
): Promise<Outcome> {
  const startedMs = clock()
  if (signal.aborted) return cancelled(0)
  try {
    const verdict = checkedVerdict(await scanApart(subject, signal), subject)
    return { kind: 'verdict', verdict, ms: clock() - startedMs }
  } catch (error) {
    const ms = clock() - startedMs
    return signal.aborted ? cancelled(ms) : failed(error, onFault, ms)
  }
}

/** Nobody waits for the scan any more. */
export function cancelled(ms: number): Outcome {
  return { kind: 'failure', reason: 'cancelled', ms }
}

/** What a scan that threw comes to. */
export function failed(error: unknown, onFault: OnFault, ms: number): Outcome {
  report(onFault, error)
  return failure(error, ms)
}

function failure(error: unknown, ms: number): Outcome {
  return { kind: 'failure', reason: failureReason(error), detail: failureDetail(error), ms }
}

/**
 * Asks the service and waits at most `guardrail.timeoutMs`, also for a guardrail that ignores its signal. Never
 * rejects. The first of answer, deadline (`timeout`) and `parentSignal` (`cancelled`) is the outcome; what comes later
 * is dropped, but for what the deadline's abort makes the guardrail say at once: how far it had come, or what it has
 * found so far (flagged, with `incomplete`). The guardrail's own signal aborts on deadline and cancellation.
 */
export function runRemoteScan(
  guardrail: RemoteGuardrail,
  subject: ScanSubject,
  parentSignal: AbortSignal,
  clock: Clock,
  onFault: OnFault = ignoreFault,
): Promise<Outcome> {
  const startedMs = clock()
  const { promise, resolve } = Promise.withResolvers<Outcome>()
  if (parentSignal.aborted) return Promise.resolve(cancelled(0))

  const controller = new AbortController()
  // A promise keeps its first settlement, so an answer that races the deadline needs no flag of its own.
  const onDeadline = (): void => {
    const late = new GuardrailFailure('timeout', 'the guardrail took too long', { detail: 'timeout-total' })
    controller.abort(late)
    // The abort ends the guardrail, which tells what it knows; one that ignores its signal is not waited for. Promises
    // that need nothing from outside are all settled by then.
    setImmediate(() => resolve(failure(late, clock() - startedMs)))
  }
  const timer = setTimeout(onDeadline, guardrail.timeoutMs)
  // Settling comes before aborting: the failure that the abort leads to must not become the outcome.
  const onParentAbort = (): void => {
    resolve(cancelled(clock() - startedMs))
    controller.abort()
  }
  parentSignal.addEventListener('abort', onParentAbort, { once: true })

  ask(guardrail, subject, controller.signal).then(
    answer => {
      const verdict = controller.signal.aborted ? knownInTime(answer) : answer
      if (verdict !== undefined) resolve({ kind: 'verdict', verdict, ms: clock() - startedMs })
    },
    error => {
      if (!controller.signal.aborted) report(onFault, error)
      // What else the abort made of the guardrail is no news.
      else if (failureReason(error) !== 'timeout') return
      resolve(failure(error, clock() - startedMs))
    },
  )
  return promise.finally(() => {
    clearTimeout(timer)
    parentSignal.removeEventListener('abort', onParentAbort)
  })
}

/**
 * What a verdict that the deadline brought about is worth: a guardrail that was still waiting for a part tells what it
 * knows of the rest, and what is known to be bad stays so. That all is clean it cannot know any more.
 */
function knownInTime(verdict: Verdict): Verdict | undefined {
  if (verdict.kind === 'clean') return undefined
  return { ...verdict, incomplete: verdict.incomplete ?? 'timeout' }
}

/** An async function, so that a guardrail that throws before its first await rejects like any other. */
async function ask(guardrail: RemoteGuardrail, subject: ScanSubject, signal: AbortSignal): Promise<Verdict> {
  return checkedVerdict(await guardrail.scan(subject, signal), subject)
}

/** A log hook that fails must not change what becomes of the traffic. */
function report(onFault: OnFault, error: unknown): void {
  try {
    onFault(error)
  } catch {
    // Nothing to tell: the outcome itself is still delivered.
  }
}

/**
 * The verdict, if it is one. The types promise it, but a guardrail's verdict is built from an outside answer, and a
 * span that points nowhere would make redaction leave the text in.
 */
export function checkedVerdict(verdict: Verdict, subject: ScanSubject): Verdict {
  switch (verdict?.kind) {
    case 'clean':
      return verdict
    case 'flagged':
      if (!Array.isArray(verdict.findings)) throw nonsense('flagged without a list of findings')
      for (const finding of verdict.findings) checkFinding(finding, subject)
      return verdict
    default:
      // Not assertNever: an unknown kind is the guardrail's fault (bad-response), not a bug of ours.
      throw nonsense('neither clean nor flagged')
  }
}

/** Throws unless it is one that a verdict about this subject may hold. */
export function checkFinding(finding: Finding, subject: ScanSubject): void {
  if (typeof finding?.detector !== 'string' || finding.detector === '')
    throw nonsense('a finding without a detector')
  const { score, span } = finding
  if (score !== undefined && !(score >= 0 && score <= 1)) throw nonsense('a score outside 0 to 1')
  if (span !== undefined && !pointsIntoText(span, subject)) throw nonsense('a span outside the text')
}

function pointsIntoText(span: Span | null, subject: ScanSubject): boolean {
  if (span === null) return false
  const { segment, start, end } = span
  if (!Number.isInteger(segment) || !Number.isInteger(start) || !Number.isInteger(end)) return false
  const text = subject.segments[segment]?.text
  return text !== undefined && start >= 0 && start < end && end <= text.length
}

function nonsense(what: string): GuardrailFailure {
  return new GuardrailFailure('bad-response', `the guardrail's verdict is malformed: ${what}`)
}
