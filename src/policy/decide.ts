import { assertNever } from '../errors.ts'
import type { FailureReason, Finding, Outcome, Verdict } from '../guardrail/guardrail.ts'
import type { Rule } from './policy.ts'
import { PLAIN, type Redaction, type RedactStyle } from './redaction.ts'

/** A rule and what its guardrail came to. */
export interface RuleOutcome {
  readonly rule: Rule
  readonly outcome: Outcome
  /** What was wrong with the body, where the guardrail was not even asked. */
  readonly bodyFault?: FailureReason
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

/** Another setting than the one that let something pass. */
const SHADOW_SETTINGS = [
  /** Of a rule with action `alert`: another action. */
  'block',
  'redact',
  /** Of a rule with `fail_open`: without. */
  'fail_closed',
  /** Of an Envoy that runs the filter in observability_mode: that it obeys. */
  'enforced',
] as const

export type ShadowSetting = (typeof SHADOW_SETTINGS)[number]

/** What would have reached the client, by setting; one that changes nothing is absent. */
export type Shadow = Readonly<Partial<Record<ShadowSetting, Would>>>

export type Would = 'redacted' | 'denied'

/**
 * What would have come of each outcome, had its rule alone been set otherwise; undefined where that changes nothing.
 * `envoy`: whether what was decided is done.
 */
export function shadowsOf(
  outcomes: readonly RuleOutcome[],
  envoy: 'obeys' | 'only-shows',
): readonly (Shadow | undefined)[] {
  const decision = decide(outcomes)
  return outcomes.map(one => {
    if (one.outcome.kind === 'verdict' && one.outcome.verdict.kind === 'clean') return undefined
    const shadow: Partial<Record<ShadowSetting, Would>> = {}
    for (const setting of SHADOW_SETTINGS) {
      const rule = underSetting(setting, one.rule, envoy)
      if (rule === undefined) continue
      const would = wouldReach(
        setting === 'enforced' ? CLEAN : decision,
        decideOne({ rule, outcome: one.outcome }),
      )
      if (would !== undefined) shadow[setting] = would
    }
    return Object.keys(shadow).length === 0 ? undefined : shadow
  })
}

/** Undefined where the rule is set so already, or the setting is none of it. */
function underSetting(setting: ShadowSetting, rule: Rule, envoy: 'obeys' | 'only-shows'): Rule | undefined {
  switch (setting) {
    case 'block':
    case 'redact':
      return rule.action === 'alert' ? { ...rule, action: setting } : undefined
    case 'fail_closed':
      return rule.failOpen ? { ...rule, failOpen: false } : undefined
    case 'enforced':
      return envoy === 'only-shows' ? rule : undefined
    default:
      return assertNever(setting)
  }
}

/** Undefined where it is what was decided anyway: a rule that is stricter can make the decision stricter only. */
function wouldReach(decided: Decision, alone: Decision): Would | undefined {
  const { kind } = stricter(decided, alone)
  if (kind === decided.kind || kind === 'release') return undefined
  return kind === 'deny' ? 'denied' : 'redacted'
}

/** What would have come of all rules, each of them set otherwise in the same way. */
export function shadowOfAll(shadows: readonly Shadow[]): Shadow | undefined {
  const all: Partial<Record<ShadowSetting, Would>> = {}
  for (const setting of SHADOW_SETTINGS) {
    const words = shadows.map(shadow => shadow[setting])
    if (words.includes('denied')) all[setting] = 'denied'
    else if (words.includes('redacted')) all[setting] = 'redacted'
  }
  return Object.keys(all).length === 0 ? undefined : all
}

/**
 * Two outcomes of one rule as one that leads to the stricter decision of both. Of two that flagged, every category
 * once; of one that flagged and a failure, the findings, incomplete: neither hides the other.
 */
export function mostTelling(a: RuleOutcome, b: RuleOutcome): RuleOutcome {
  const [findings, more] = [findingsOf(a), findingsOf(b)]
  if (findings !== undefined && b.outcome.kind === 'failure') return withFailure(a, b, b.outcome.reason)
  if (more !== undefined && a.outcome.kind === 'failure') return withFailure(b, a, a.outcome.reason)
  if (findings === undefined || more === undefined) {
    return severity(decideOne(b)) > severity(decideOne(a)) ? b : a
  }
  const known = new Set(findings.map(categoryOf))
  const fresh = more.filter(finding => !known.has(categoryOf(finding)))
  const incomplete = incompleteOf(a) ?? incompleteOf(b)
  if (a.outcome.kind !== 'verdict' || (fresh.length === 0 && incomplete === incompleteOf(a))) return a
  const verdict = {
    ...a.outcome.verdict,
    kind: 'flagged' as const,
    findings: [...findings, ...fresh],
    incomplete,
  }
  return { ...a, ...bodyFaultOf(a, b), outcome: { ...a.outcome, verdict } }
}

function withFailure(flagged: RuleOutcome, failed: RuleOutcome, reason: FailureReason): RuleOutcome {
  const { outcome } = flagged
  if (outcome.kind !== 'verdict' || outcome.verdict.kind !== 'flagged') return flagged
  const incomplete = outcome.verdict.incomplete ?? reason
  const verdict = { ...outcome.verdict, incomplete }
  return { ...flagged, ...bodyFaultOf(flagged, failed), outcome: { ...outcome, verdict } }
}

function bodyFaultOf(a: RuleOutcome, b: RuleOutcome): Pick<RuleOutcome, 'bodyFault'> {
  const bodyFault = a.bodyFault ?? b.bodyFault
  return bodyFault === undefined ? {} : { bodyFault }
}

/** One without a place is not the same as one that could be redacted. */
function categoryOf({ detector, span }: Finding): string {
  return `${span === undefined ? 'whole' : 'span'} ${detector}`
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
