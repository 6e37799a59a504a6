import type { DecisionRecord, RuleRecord } from '../exchange/record.ts'
import type { Log, LogFields } from './log.ts'

/** Detectors are named by guard services: past these bounds a line shows how many were left out. */
const MAX_DETECTORS = 32
const MAX_DETECTOR_LENGTH = 128

/**
 * Writes one decision as one line, `msg` always `decision`, and one line, `msg` always `flagged`, for each guardrail
 * that flagged what was decided on, with what its detectors came to. `ms` is the time the decision took.
 */
export function logDecision(log: Log, record: DecisionRecord, ms: number): void {
  const level = isRemarkable(record) ? 'warn' : 'info'
  if (!log.writes(level)) return
  const fields = { ...record, rules: record.rules.map(ruleFields), ms: round(ms) }
  log[level]('decision', fields)
  for (const rule of record.rules) {
    if (rule.outcome === 'flagged') log[level]('flagged', flaggedFields(record, rule))
  }
}

function flaggedFields(record: DecisionRecord, rule: RuleRecord): LogFields {
  const { exchangeId, policy, phase, format, effective, because } = record
  const { guardrail, action, guardRequestId, reason, would, breakdown = [] } = rule
  const shown = breakdown.slice(0, MAX_DETECTORS).map(result => ({
    ...result,
    detector: result.detector.slice(0, MAX_DETECTOR_LENGTH),
  }))
  const leftOut = breakdown.length - shown.length
  return {
    exchangeId,
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

/** Whether an operator should look: something was kept from the client, or passed that no verdict cleared. */
function isRemarkable({ effective, because }: DecisionRecord): boolean {
  return (
    effective === 'denied' || because === 'failed-open' || because === 'alerted' || because === 'unsupported'
  )
}

function ruleFields({ detectors, breakdown: _, ms, ...facts }: RuleRecord): LogFields {
  const shown = detectors.slice(0, MAX_DETECTORS).map(detector => detector.slice(0, MAX_DETECTOR_LENGTH))
  const leftOut = detectors.length - shown.length
  return { ...facts, detectors: shown, ...(leftOut > 0 ? { detectorsLeftOut: leftOut } : {}), ms: round(ms) }
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
