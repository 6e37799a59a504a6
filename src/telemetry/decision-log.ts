import {
  type DecisionRecord,
  MAX_DETECTORS,
  MAX_NAME_LENGTH,
  type RuleRecord,
  shownNames,
  type TraceIds,
} from '../exchange/record.ts'
import type { DetectorResult } from '../guardrail/guardrail.ts'
import type { Log, LogFields } from './log.ts'

/**
 * Writes one decision as one line, `msg` always `decision`, and one line, `msg` always `flagged`, for each guardrail
 * that flagged what was decided on, with what its detectors came to. `ms` is the time the decision took.
 */
export function logDecision(log: Log, record: DecisionRecord, ms: number, trace?: TraceIds): void {
  const level = levelOf(record)
  if (!log.writes(level)) return
  log[level]('decision', decisionFields(record, ms, trace))
  for (const rule of record.rules) {
    if (rule.outcome === 'flagged') log[level]('flagged', flaggedFields(record, rule, trace))
  }
}

/** What the line of a decision says beside its level, its time and `msg`. */
export function decisionFields(record: DecisionRecord, ms: number, trace?: TraceIds) {
  return { ...record, ...traceFields(trace), rules: record.rules.map(ruleFields), ms: round(ms) }
}

/** By the names that OpenTelemetry has for logs in other formats; nothing for an exchange that is not traced. */
export function traceFields(trace: TraceIds | undefined): LogFields {
  return trace === undefined ? {} : { trace_id: trace.traceId, span_id: trace.spanId }
}

/** What each detector of a rule came to, as much of it as a line shows. */
export function shownBreakdown({ breakdown = [] }: RuleRecord): readonly DetectorResult[] {
  return breakdown.slice(0, MAX_DETECTORS).map(result => ({
    ...result,
    detector: result.detector.slice(0, MAX_NAME_LENGTH),
    ...(result.level !== undefined && { level: result.level.slice(0, MAX_NAME_LENGTH) }),
  }))
}

/** Whether a line shows all of a record: nothing in it is past the bounds for what guard services name. */
export function isShownWhole({ rules }: DecisionRecord): boolean {
  const isShort = (text = ''): boolean => text.length <= MAX_NAME_LENGTH
  return rules.every(
    ({ detectors, breakdown = [], guardRequestId }) =>
      detectors.length <= MAX_DETECTORS &&
      breakdown.length <= MAX_DETECTORS &&
      detectors.every(isShort) &&
      breakdown.every(({ detector, level }) => isShort(detector) && isShort(level)) &&
      isShort(guardRequestId),
  )
}

function flaggedFields(record: DecisionRecord, rule: RuleRecord, trace: TraceIds | undefined): LogFields {
  const { exchangeId, policy, phase, format, effective, because } = record
  const { guardrail, action, guardRequestId, reason, would, breakdown = [] } = rule
  const shown = shownBreakdown(rule)
  const leftOut = breakdown.length - shown.length
  return {
    exchangeId,
    ...traceFields(trace),
    policy,
    phase,
    format,
    guardrail,
    action,
    effective,
    because,
    breakdown: shown,
    ...(leftOut > 0 && { detectorsLeftOut: leftOut }),
    ...(guardRequestId !== undefined && { guardRequestId }),
    // Part of the text got no verdict.
    ...(reason !== undefined && { reason }),
    ...(would !== undefined && { would }),
    ms: round(rule.ms),
  }
}

/** `warn` where an operator should look: something was kept from the client, or passed that no verdict cleared. */
export function levelOf({ effective, because }: DecisionRecord): 'info' | 'warn' {
  const isRemarkable =
    effective === 'denied' || because === 'failed-open' || because === 'alerted' || because === 'unsupported'
  return isRemarkable ? 'warn' : 'info'
}

function ruleFields({ detectors, breakdown: _, ms, ...facts }: RuleRecord) {
  const shown = shownNames(detectors)
  const leftOut = detectors.length - shown.length
  return { ...facts, detectors: shown, ...(leftOut > 0 ? { detectorsLeftOut: leftOut } : {}), ms: round(ms) }
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
