import { type DecisionRecord, MAX_NAME_LENGTH, type RuleRecord } from '../exchange/record.ts'
import { decisionFields, levelOf, shownBreakdown } from '../telemetry/decision-log.ts'

/**
 * One decision as one line of JSON, its line end included: what the log writes of it, and for each guardrail that
 * flagged what its detectors came to. Never content.
 *
 * `atMs`: Unix time in milliseconds. `worker`: of several processes, which one decided.
 */
export function decisionLine(record: DecisionRecord, ms: number, atMs: number, worker?: number): string {
  const { rules, ...fields } = decisionFields(record, ms)
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
