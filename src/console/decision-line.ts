import { type DecisionRecord, MAX_NAME_LENGTH, type RuleRecord, type TraceIds } from '../exchange/record.ts'
import { decisionFields, levelOf, shownBreakdown } from '../telemetry/decision-log.ts'

/** A decision and when it was made. */
export interface Decided {
  readonly record: DecisionRecord
  /** From the exchange's start to the decision. */
  readonly ms: number
  /** Of an exchange that is traced. */
  readonly trace: TraceIds | undefined
  /** Unix time in milliseconds. */
  readonly atMs: number
}

/**
 * One decision as one line of JSON, its line end included: what the log writes of it, and for each guardrail that
 * flagged what its detectors came to. Never content.
 *
 * `worker`: of several processes, which one decided.
 */
export function decisionLine({ record, ms, trace, atMs }: Decided, worker?: number): string {
  const { rules, ...fields } = decisionFields(record, ms, trace)
  const line = {
    level: levelOf(record),
    time: new Date(atMs).toISOString(),
    ...(worker !== undefined && { worker }),
    msg: 'decision',
    ...fields,
    rules: rules.map((shown, index) => ({ ...shown, ...evidence(record.rules[index]!) })),
  }
  return `${JSON.stringify(line)}\n`
}

function evidence(rule: RuleRecord) {
  const { breakdown, guardRequestId } = rule
  return {
    ...(guardRequestId !== undefined && { guardRequestId: guardRequestId.slice(0, MAX_NAME_LENGTH) }),
    ...(breakdown !== undefined && { breakdown: shownBreakdown(rule) }),
  }
}
