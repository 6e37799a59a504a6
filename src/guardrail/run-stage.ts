import type { Guardrail, Outcome, ScanSubject } from './guardrail.ts'
import { type Clock, type OnFault, runLocalScan, runRemoteScan } from './run-scan.ts'

/** Guardrails that look at the same texts, side by side. */
export interface StageRun {
  readonly guardrails: readonly Guardrail[]
  readonly subject: ScanSubject
  /** Cancels the remote scans that still run: the first final outcome aborts it. Runs that share it are one stage. */
  readonly stop: AbortController
  readonly clock: Clock
  readonly onFault?: OnFault
  /** Whether the outcome of `guardrails[index]` settles the stage, whatever the others come to. */
  readonly isFinal: (index: number, outcome: Outcome) => boolean
}

/**
 * One outcome per guardrail, in order, when the last is here. Nobody waits once one of them is final: what that cuts
 * short is a failure, `cancelled`. Rejects only if `isFinal` throws.
 */
export function runStage(run: StageRun): Promise<readonly Outcome[]> {
  const { guardrails, subject, stop, clock, onFault, isFinal } = run
  const scan = async (guardrail: Guardrail, index: number): Promise<Outcome> => {
    const outcome =
      guardrail.locality === 'local'
        ? runLocalScan(guardrail, subject, clock, onFault)
        : await runRemoteScan(guardrail, subject, stop.signal, clock, onFault)
    if (isFinal(index, outcome)) stop.abort()
    return outcome
  }
  return Promise.all(guardrails.map(scan))
}
