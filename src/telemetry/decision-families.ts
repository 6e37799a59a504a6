import type { Because, DecisionRecord, Effective, RuleRecord } from '../exchange/record.ts'
import type { FailureDetail, FailureReason } from '../guardrail/guardrail.ts'
import { every, type Family, NONE } from './family.ts'

const POLICY = { namesOf: 'policies, and `none` where none took the exchange' }
const GUARDRAIL = { namesOf: 'guardrails' }
const PHASE = every<DecisionRecord['phase']>({ request: true, response: true })
const EFFECTIVE = every<Effective>({ released: true, redacted: true, denied: true, discarded: true })
const BECAUSE = every<Because>({
  clean: true,
  alerted: true,
  'failed-open': true,
  flagged: true,
  'failed-closed': true,
  unsupported: true,
  unmatched: true,
  'unknown-policy': true,
  uninspectable: true,
  cancelled: true,
})
const REASON = every<FailureReason>({
  timeout: true,
  unreachable: true,
  'bad-response': true,
  'rate-limited': true,
  'circuit-open': true,
  overloaded: true,
  undecodable: true,
  'over-limit': true,
  'over-budget': true,
  cancelled: true,
  internal: true,
})
const DETAIL = every<FailureDetail>({
  'timeout-connect': true,
  'timeout-first-byte': true,
  'timeout-total': true,
  dns: true,
  connection: true,
  tls: true,
  'egress-forbidden': true,
  'egress-plaintext': true,
  redirect: true,
  'status-4xx': true,
  'status-5xx': true,
  'not-http': true,
  'too-large': true,
  truncated: true,
  'not-json': true,
  null: true,
  'wrong-shape': true,
  paused: true,
})
type Shadow = NonNullable<DecisionRecord['would']>
const SHADOW = {
  setting: every<keyof Shadow>({ block: true, redact: true, fail_closed: true, enforced: true }),
  would: every<NonNullable<Shadow['redact']>>({ redacted: true, denied: true }),
}

/** What was decided, and how the guardrails came to it. */
export const DECISION_FAMILIES = {
  decisions: {
    name: 'weir_decisions_total',
    type: 'counter',
    help: 'Decisions, by what reached the client (effective) and why.',
    labels: { policy: POLICY, phase: PHASE, effective: EFFECTIVE, reason: BECAUSE },
    watch:
      '`reason="failed-closed"` rises: clients are refused for failures, not for what they say. `failed-open` rises: traffic passes that nothing has looked at.',
  },
  decisionSec: {
    name: 'weir_decision_duration_seconds',
    type: 'histogram',
    help: "Time from an exchange's start to its decision.",
    labels: { phase: PHASE },
    buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
    watch:
      'The 99th percentile of `phase="request"` rises: that is what Weir adds before the LLM sees anything. An answer takes as long as the LLM does.',
  },
  bytes: {
    name: 'weir_decision_bytes_total',
    type: 'counter',
    help: 'Body bytes that decisions released or discarded.',
    labels: { phase: PHASE, fate: ['released', 'discarded'] },
  },
  deliveries: {
    name: 'weir_deliveries_total',
    type: 'counter',
    help: 'Answers, by how their bytes reached the client.',
    labels: {
      policy: POLICY,
      delivery: every<DecisionRecord['delivery']>({ live: true, window: true, withhold: true, body: true }),
      effective: EFFECTIVE,
    },
    watch: 'More `withhold` than you mean: clients wait for whole answers.',
  },
  bodyFaults: {
    name: 'weir_body_faults_total',
    type: 'counter',
    help: 'Bodies that no guardrail could be asked about: they do not decode, are over a limit, or found no room.',
    labels: { policy: POLICY, phase: PHASE, fault: REASON },
    watch:
      "`over-limit` rises: the policy's `limits` are too small for honest traffic, or somebody tries them. `undecodable` rises: a client speaks something else than its path says.",
  },
  outcomes: {
    name: 'weir_guardrail_outcomes_total',
    type: 'counter',
    help: 'Outcomes of guardrails; reason and detail are those of a failure, else none.',
    labels: {
      policy: POLICY,
      guardrail: GUARDRAIL,
      phase: PHASE,
      outcome: every<RuleRecord['outcome']>({ clean: true, flagged: true, failure: true }),
      reason: [...REASON, NONE],
      detail: [...DETAIL, NONE],
    },
    watch:
      '`outcome="failure"` is more than a few in a thousand; `reason` and `detail` say what is wrong. `flagged` jumps after a change of the guardrail.',
  },
  scanSec: {
    name: 'weir_guardrail_duration_seconds',
    type: 'histogram',
    help: 'Time that a guardrail took for one scan.',
    labels: { guardrail: GUARDRAIL, phase: PHASE },
    // Local rules take microseconds, remote ones up to their timeout.
    buckets: [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    watch: "The 99th percentile comes near the guardrail's `timeout`: failures are next.",
  },
  shadowDecisions: {
    name: 'weir_shadow_decisions_total',
    type: 'counter',
    help: 'Decisions that would have been stricter, had every rule been set otherwise (setting).',
    labels: { policy: POLICY, phase: PHASE, ...SHADOW },
    watch: 'Before you switch a policy from `alert` to `block`: [shadow.md](shadow.md).',
  },
  shadowOutcomes: {
    name: 'weir_shadow_outcomes_total',
    type: 'counter',
    help: 'Decisions that would have been stricter, had this rule alone been set otherwise (setting).',
    labels: { policy: POLICY, guardrail: GUARDRAIL, phase: PHASE, ...SHADOW },
    watch: 'The same of one rule.',
  },
} as const satisfies Record<string, Family>
