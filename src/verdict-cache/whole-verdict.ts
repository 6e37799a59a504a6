import { assertNever } from '../errors.ts'
import type { DetectorResult, Finding, Verdict } from '../guardrail/guardrail.ts'

/** A verdict with more findings is not kept: the store counts entries, so each must be bounded. */
const MAX_FINDINGS = 256

/**
 * What of a verdict is kept for another scan: its own fields and no others, so that nothing an answer brought along
 * gets into a store. Undefined for one that is not whole, since what it lacks would be lacking for as long as it is
 * kept, or that is too large.
 */
export function storable(verdict: Verdict): Verdict | undefined {
  const { requestId } = verdict
  switch (verdict.kind) {
    case 'clean':
      return { kind: 'clean', requestId }
    case 'flagged':
      if (verdict.incomplete !== undefined || verdict.findings.length > MAX_FINDINGS) return undefined
      return {
        kind: 'flagged',
        findings: verdict.findings.map(bare),
        requestId,
        // For the log only: what is too long for it is no reason to ask again.
        breakdown: verdict.breakdown?.slice(0, MAX_FINDINGS).map(bareResult),
      }
    default:
      return assertNever(verdict)
  }
}

function bareResult({ detector, detected, score, level }: DetectorResult): DetectorResult {
  return { detector, detected, ...(score !== undefined && { score }), ...(level !== undefined && { level }) }
}

function bare({ detector, score, level, span }: Finding): Finding {
  if (span === undefined) return { detector, score, level }
  const { segment, start, end } = span
  return { detector, score, level, span: { segment, start, end } }
}
