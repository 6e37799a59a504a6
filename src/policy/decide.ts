import { assertNever } from '../errors.ts'
import type { FailureReason, Finding, Outcome, Verdict } from '../guardrail/guardrail.ts'
import type { Rule } from './policy.ts'
import { PLAIN, type Redaction, type RedactStyle } from './redaction.ts'

/** A rule and what its guardrail came to. */
export interface RuleOutcome {
  readonly rule: Rule
  readonly outcome: Outcome
}

export type Decision =
  | { readonly kind: 'release'; readonly because: 'clean' | 'alerted' | 'failed-open' }
  /** Every finding of the rules with action redact, each with its span. */
  | { readonly kind: 'redact'; readonly redactions: readonly Redaction[] }
  | { readonly kind: 'deny'; readonly because: 'flagged' | 'failed-closed' }

const CLEAN: Decision = { kind: 'release', because: 'clean' }

/**
 * The one truth table: what the outcomes of all rules of a side lead to. The strictest wins
 * (deny before redact before release, flagged before failed-closed). `alert` forgives a flagged verdict and never
 * a failure; only `failOpen` forgives a failure.
 */
export function decide(outcomes: readonly RuleOutcome[]): Decision {
  return outcomes.map(decideOne).reduce(stricter, CLEAN)
}

/**
 * Whether nothing that other rules come to can change what this one leads to: a denial as flagged, the strictest
 * decision there is. A failure is never final, since a flagged verdict may follow it.
 */
export function isFinal(outcome: RuleOutcome): boolean {
  const decision = decideOne(outcome)
  return decision.kind === 'deny' && decision.because === 'flagged'
}

function decideOne({ rule, outcome }: RuleOutcome): Decision {
  switch (outcome.kind) {
    case 'failure':
      return decideFailure(rule)
    case 'verdict':
      return outcome.verdict.kind === 'clean' ? CLEAN : decidePart(rule, outcome.verdict)
    default:
      return assertNever(outcome)
  }
}

function decideFailure({ failOpen }: Rule): Decision {
  return failOpen ? { kind: 'release', because: 'failed-open' } : { kind: 'deny', because: 'failed-closed' }
}

/** Where part of the text got no verdict, the finding must not hide the failure, nor the failure the finding. */
function decidePart(rule: Rule, { findings, incomplete }: Extract<Verdict, { kind: 'flagged' }>): Decision {
  const found = decideFlagged(rule, findings)
  return incomplete === undefined ? found : stricter(found, decideFailure(rule))
}

function decideFlagged(rule: Rule, findings: readonly Finding[]): Decision {
  switch (rule.action) {
    case 'block':
      return { kind: 'deny', because: 'flagged' }
    case 'alert':
      return { kind: 'release', because: 'alerted' }
    case 'redact':
      return redactOrDeny(findings, rule.redact ?? PLAIN)
    default:
      return assertNever(rule.action)
  }
}

function redactOrDeny(findings: readonly Finding[], style: RedactStyle): Decision {
  const redactions: Redaction[] = []
  for (const { span, detector } of findings) {
    if (span === undefined) return { kind: 'deny', because: 'flagged' }
    redactions.push({ span, detector, style })
  }
  return redactions.length === 0 ? { kind: 'deny', because: 'flagged' } : { kind: 'redact', redactions }
}

/** Two decisions that stand for the same text, one after the other or side by side. */
export function stricter(a: Decision, b: Decision): Decision {
  if (a.kind === 'redact' && b.kind === 'redact') {
    return { kind: 'redact', redactions: [...a.redactions, ...b.redactions] }
  }
  return severity(b) > severity(a) ? b : a
}

function severity(decision: Decision): number {
  switch (decision.kind) {
    case 'release':
      return { clean: 0, alerted: 1, 'failed-open': 2 }[decision.because]
    case 'redact':
      return 3
    case 'deny':
      return decision.because === 'flagged' ? 5 : 4
    default:
      return assertNever(decision)
  }
}

/**
 * Two outcomes of one rule as one: the one that leads to the stricter decision; of two that flagged, every category
 * once.
 */
export function mostTelling(a: RuleOutcome, b: RuleOutcome): RuleOutcome {
  const [findings, more] = [findingsOf(a), findingsOf(b)]
  if (findings === undefined || more === undefined) {
    return severity(decideOne(b)) > severity(decideOne(a)) ? b : a
  }
  const known = new Set(findings.map(({ detector }) => detector))
  const fresh = more.filter(({ detector }) => !known.has(detector))
  const incomplete = incompleteOf(a) ?? incompleteOf(b)
  if (a.outcome.kind !== 'verdict' || (fresh.length === 0 && incomplete === incompleteOf(a))) return a
  const verdict = {
    ...a.outcome.verdict,
    kind: 'flagged' as const,
    findings: [...findings, ...fresh],
    incomplete,
  }
  return { rule: a.rule, outcome: { ...a.outcome, verdict } }
}

function incompleteOf({ outcome }: RuleOutcome): FailureReason | undefined {
  return outcome.kind === 'verdict' && outcome.verdict.kind === 'flagged'
    ? outcome.verdict.incomplete
    : undefined
}

function findingsOf({ outcome }: RuleOutcome): readonly Finding[] | undefined {
  return outcome.kind === 'verdict' && outcome.verdict.kind === 'flagged'
    ? outcome.verdict.findings
    : undefined
}

/** Whether any outcome of these rules could hold back or change what passes. */
export function canIntervene(rules: readonly Rule[]): boolean {
  return rules.some(rule => rule.action !== 'alert' || !rule.failOpen)
}

/** A guard service whose answer changes nothing: nobody need wait for it. */
export function onlyWatches(rule: Rule): boolean {
  return rule.guardrail.locality === 'remote' && !canIntervene([rule])
}

/** Whether what these rules redact is put back into the answer. */
export function canRestore(rules: readonly Rule[]): boolean {
  return rules.some(({ action, redact }) => action === 'redact' && isRestored(redact ?? PLAIN))
}

function isRestored(style: RedactStyle): boolean {
  return style.kind !== 'mask' && style.restore
}
