import { assertNever } from '../errors.ts'
import type { DetectorResult, FailureDetail, FailureReason, Verdict } from '../guardrail/guardrail.ts'
import { type Decision, type RuleOutcome, type Shadow, shadowOfAll, shadowsOf } from '../policy/decide.ts'
import type { Action } from '../policy/policy.ts'

/** Guard services name their detectors and checks: wherever these are shown, so many are, each cut to so many characters. */
export const MAX_DETECTORS = 32
export const MAX_NAME_LENGTH = 128

/** Each name once, within those bounds. */
export function shownNames(names: Iterable<string>): readonly string[] {
  return [...new Set(names)].slice(0, MAX_DETECTORS).map(name => name.slice(0, MAX_NAME_LENGTH))
}

/** What one rule's guardrail came to, without content. */
export interface RuleRecord {
  readonly guardrail: string
  readonly action: Action
  readonly outcome: 'clean' | 'flagged' | 'failure'
  /** Set when the outcome is a failure, and when part of the text of a flagged one got no verdict. */
  readonly reason?: FailureReason
  /** The closer cause of a failure, where it is known. */
  readonly detail?: FailureDetail
  /** `prompt_attack`, `pii/email` …; empty unless flagged. */
  readonly detectors: readonly string[]
  /** Set when flagged: what each detector came to, as far as the guardrail tells; names and numbers only. */
  readonly breakdown?: readonly DetectorResult[]
  /** The guard service's own id of the check. */
  readonly guardRequestId?: string
  /** What would have reached the client, had this rule alone been set otherwise. */
  readonly would?: Shadow
  readonly ms: number
}

/** What reached the client (or, for a request, the upstream): never what was meant. */
export type Effective = 'released' | 'redacted' | 'denied' | 'discarded'

export type Because =
  | 'clean'
  | 'alerted'
  | 'failed-open'
  | 'flagged'
  | 'failed-closed'
  /** No format could inspect it: fail_mode decided. */
  | 'unsupported'
  /** No policy took it: `unmatched` decided. */
  | 'unmatched'
  /** Envoy's metadata named a policy that does not exist. */
  | 'unknown-policy'
  /** Parts that no guard can read, and `uninspectable: deny`. */
  | 'uninspectable'
  /** The client or the upstream went away before a verdict. */
  | 'cancelled'

/** Why it was released where nothing could be held back, whatever was decided of it. */
export function becauseReleased(decision: Decision): Because {
  switch (decision.kind) {
    case 'release':
      return decision.because
    case 'redact':
      return 'alerted'
    case 'deny':
      return decision.because === 'failed-closed' ? 'failed-open' : 'alerted'
    default:
      return assertNever(decision)
  }
}

/** One decision of one exchange, written to the log and counted. Never content, never a key. */
export interface DecisionRecord {
  readonly exchangeId: string
  readonly policy: string | undefined
  readonly phase: 'request' | 'response'
  readonly format: string | undefined
  readonly delivery: 'live' | 'window' | 'withhold' | 'body'
  readonly effective: Effective
  readonly because: Because
  readonly rules: readonly RuleRecord[]
  /** What would have reached the client, had every rule been set otherwise. */
  readonly would?: Shadow
  /** The body does not decode, is over a limit or found no room: no guardrail was asked about what it held. */
  readonly bodyFault?: FailureReason
  /** Parts that no guard could read. */
  readonly uninspectable: number
  readonly bytesReleased: number
  readonly bytesDiscarded: number
}

/**
 * The rules' outcomes as a record shows them: categories and reasons, never text. `observed`: Envoy only showed the
 * exchange. What would have been stands there only where something reached the client.
 */
export function judgedRules(
  outcomes: readonly RuleOutcome[],
  effective: Effective,
  observed: boolean,
): Pick<DecisionRecord, 'rules' | 'would' | 'bodyFault'> {
  const bodyFault = outcomes.find(one => one.bodyFault !== undefined)?.bodyFault
  return { ...withShadows(outcomes, effective, observed), ...(bodyFault && { bodyFault }) }
}

function withShadows(
  outcomes: readonly RuleOutcome[],
  effective: Effective,
  observed: boolean,
): Pick<DecisionRecord, 'rules' | 'would'> {
  const rules = ruleRecords(outcomes)
  if (effective === 'denied' || effective === 'discarded') return { rules }
  const shadows = shadowsOf(outcomes, observed ? 'only-shows' : 'obeys')
  const would = shadowOfAll(shadows.filter(shadow => shadow !== undefined))
  if (would === undefined) return { rules }
  return { rules: rules.map((rule, index) => ({ ...rule, would: shadows[index] })), would }
}

function ruleRecords(outcomes: readonly RuleOutcome[]): readonly RuleRecord[] {
  return outcomes.map(({ rule, outcome }) => {
    const base = { guardrail: rule.guardrail.name, action: rule.action, ms: outcome.ms }
    if (outcome.kind === 'failure') {
      const { reason, detail } = outcome
      return { ...base, outcome: 'failure' as const, reason, ...(detail && { detail }), detectors: [] }
    }
    const { verdict } = outcome
    const guardRequestId = verdict.requestId
    return verdict.kind === 'clean'
      ? { ...base, outcome: 'clean' as const, detectors: [], guardRequestId }
      : {
          ...base,
          outcome: 'flagged' as const,
          ...(verdict.incomplete && { reason: verdict.incomplete }),
          detectors: [...new Set(verdict.findings.map(finding => finding.detector))],
          breakdown: verdict.breakdown ?? foundBy(verdict),
          guardRequestId,
        }
  })
}

/** Of a guardrail that tells no more than what it found: each detector and level once, by its highest score. */
function foundBy({ findings }: Extract<Verdict, { kind: 'flagged' }>): readonly DetectorResult[] {
  const results = new Map<string, DetectorResult>()
  for (const { detector, score, level } of findings) {
    const key = `${detector} ${level}`
    if ((score ?? 0) < (results.get(key)?.score ?? -1)) continue
    results.set(key, {
      detector,
      detected: true,
      ...(score !== undefined && { score }),
      ...(level !== undefined && { level }),
    })
  }
  return [...results.values()]
}

/** Where the spans of an exchange are found: W3C ids, in hex. */
export interface TraceIds {
  readonly traceId: string
  readonly spanId: string
}
