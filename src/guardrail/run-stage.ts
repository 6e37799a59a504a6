import type { AroundScan, Guardrail, LocalGuardrail, Outcome, ScanSubject } from './guardrail.ts'
import { type Clock, type OnFault, runApartScan, runLocalScan, runRemoteScan } from './run-scan.ts'
import { isSliceable, runSlicedScan } from './sliced-scan.ts'
import { fitsOneTurn, textWeight } from './text-weight.ts'
import { eventLoopTurns, type Turns } from './turns.ts'

/** Guardrails that look at the same texts, side by side. */
export interface StageRun {
  readonly guardrails: readonly Guardrail[]
  readonly subject: ScanSubject
  /** Cancels the scans that still run: the first final outcome aborts it. Runs that share it are one stage. */
  readonly stop: AbortController
  readonly clock: Clock
  readonly onFault?: OnFault
  /** Whether the outcome of `guardrails[index]` settles the stage, whatever the others come to. */
  readonly isFinal: (index: number, outcome: Outcome) => boolean
  readonly around?: AroundScan | undefined
  /** What large local scans share; the event loop's own outside of tests. */
  readonly turns?: Turns
}

/**
 * One outcome per guardrail, in order, when the last is here. Nobody waits once one of them is final: what that cuts
 * short is a failure, `cancelled`. Rejects only if `isFinal` throws.
 */
export function runStage(run: StageRun): Promise<readonly Outcome[]> {
  const { guardrails, subject, stop, isFinal, around } = run
  const weight = textWeight(subject)
  const scan = async (guardrail: Guardrail, index: number): Promise<Outcome> => {
    const running = around
      ? around(index, () => runOne(guardrail, run, weight))
      : runOne(guardrail, run, weight)
    // What is known at once is acted on at once: those that come after it may not even begin.
    const outcome = running instanceof Promise ? await running : running
    if (isFinal(index, outcome)) stop.abort()
    return outcome
  }
  return Promise.all(guardrails.map(scan))
}

/**
 * One outcome per guardrail, in order and at once, where all of them can judge the subject in a moment; undefined where
 * that might hold up everything else, and nothing was scanned.
 */
export function scanAtOnce({
  guardrails,
  subject,
  clock,
  onFault,
  around,
}: Pick<StageRun, 'guardrails' | 'subject' | 'clock' | 'onFault' | 'around'>):
  | readonly Outcome[]
  | undefined {
  const local: LocalGuardrail[] = []
  const weight = textWeight(subject)
  for (const guardrail of guardrails) {
    if (guardrail.locality === 'remote' || !fitsOneTurn(guardrail, weight)) return undefined
    local.push(guardrail)
  }
  return local.map((guardrail, index) => {
    const scan = () => runLocalScan(guardrail, subject, clock, onFault)
    return around ? around(index, scan) : scan()
  })
}

/** Does some milliseconds of work in a turn that it shares with large local scans. `work` must not throw. */
export function inAnotherTurn(work: () => void): void {
  eventLoopTurns.later({
    step() {
      work()
      return 'done'
    },
  })
}

const ignoreFault: OnFault = () => {}

function runOne(guardrail: Guardrail, run: StageRun, weight: number): Promise<Outcome> | Outcome {
  const { subject, clock, onFault = ignoreFault, turns = eventLoopTurns } = run
  const { signal } = run.stop
  if (guardrail.locality === 'remote') return runRemoteScan(guardrail, subject, signal, clock, onFault)
  const isLarge = !fitsOneTurn(guardrail, weight)
  if (isLarge && isSliceable(guardrail)) {
    return runSlicedScan({ guardrail, subject, signal, clock, onFault }, turns)
  }
  const { scanApart } = guardrail
  if (isLarge && scanApart !== undefined) return runApartScan({ scanApart }, subject, signal, clock, onFault)
  return runLocalScan(guardrail, subject, clock, onFault)
}
