import type { FailureReason, ScanSubject } from '../guardrail/guardrail.ts'
import type { TextSegment } from '../llm/format.ts'
import { type Decision, decide, type RuleOutcome, stricter } from '../policy/decide.ts'
import type { Rule } from '../policy/policy.ts'
import { inOriginal, redactSegments } from '../policy/redact.ts'
import type { ScanLifetime } from './events.ts'

/** Opens a scan; `onEnd` gets exactly one outcome per rule, in order, unless the call ends before. */
export type OpenScan = (
  rules: readonly Rule[],
  subject: ScanSubject,
  lifetime: ScanLifetime,
  onEnd: (outcomes: readonly RuleOutcome[]) => void,
) => void

/** What the rules of one side came to over one set of texts. */
export interface Judged {
  /** Redactions are places of the texts as they came. */
  readonly decision: Decision
  readonly outcomes: readonly RuleOutcome[]
  /** The subject's texts with every redaction made; the same objects where nothing changed. */
  readonly segments: readonly TextSegment[]
}

/**
 * Has the texts judged by local rules first, and by remote ones, in parallel, only when those did not deny. Remote
 * guardrails see what local ones left after redaction.
 */
export function judge(
  openScan: OpenScan,
  rules: readonly Rule[],
  subject: ScanSubject,
  lifetime: ScanLifetime,
  done: (judged: Judged) => void,
): void {
  const local = rules.filter(rule => rule.guardrail.locality === 'local')
  const remote = rules.filter(rule => rule.guardrail.locality === 'remote')
  judgeStage(openScan, local, subject, lifetime, first => {
    if (first.decision.kind === 'deny') {
      done(first)
      return
    }
    judgeStage(openScan, remote, { ...subject, segments: first.segments }, lifetime, second => {
      done({
        decision: stricter(first.decision, asOriginal(first.decision, second.decision)),
        outcomes: [...first.outcomes, ...second.outcomes],
        segments: second.segments,
      })
    })
  })
}

/** The second stage looked at what the first had left. */
function asOriginal(first: Decision, second: Decision): Decision {
  if (first.kind !== 'redact' || second.kind !== 'redact') return second
  return { kind: 'redact', redactions: inOriginal(first.redactions, second.redactions) }
}

function judgeStage(
  openScan: OpenScan,
  rules: readonly Rule[],
  subject: ScanSubject,
  lifetime: ScanLifetime,
  done: (judged: Judged) => void,
): void {
  if (rules.length === 0) {
    done({ decision: decide([]), outcomes: [], segments: subject.segments })
    return
  }
  openScan(rules, subject, lifetime, outcomes => {
    const decision = decide(outcomes)
    const segments =
      decision.kind === 'redact' ? redactSegments(subject.segments, decision.redactions) : subject.segments
    done({ decision, outcomes, segments })
  })
}

/** The body or what carries it is at fault: one failure of every rule. */
export function judgeFault(rules: readonly Rule[], reason: FailureReason): Judged {
  const outcomes = rules.map(rule => ({ rule, outcome: { kind: 'failure' as const, reason, ms: 0 } }))
  return { decision: decide(outcomes), outcomes, segments: [] }
}
