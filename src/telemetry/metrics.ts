import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { Counted } from '../exchange/events.ts'
import type { DecisionRecord, RuleRecord } from '../exchange/record.ts'
import { type ServiceMetrics, serviceMetrics } from './service-metrics.ts'
import { openGauge, Tally } from './tally.ts'
import { Timings } from './timings.ts'

/** A family as prom-client gives it to whoever joins those of several processes. */
export interface MetricObject {
  readonly name: string
  readonly type: unknown
  readonly [field: string]: unknown
}

/**
 * How an exchange came to its end: all was done; Envoy closed the call; Envoy's config hides what a policy must see;
 * a fault of ours; the drain deadline.
 */
export type ExchangeEnd = 'done' | 'closed-by-envoy' | 'refused' | 'failed' | 'drained'

/** The config with its secrets and lists, or the TLS identity of the listener. */
export type RenewedPart = 'config' | 'tls'
/** `unchanged`: read, and as it was. Where it `failed`, what was in use stays. */
export type RenewalResult = 'changed' | 'unchanged' | 'failed'

/** Labels take values from the config and from closed unions only: no host, path, model or detector. */
export interface Metrics extends ServiceMetrics {
  decision(record: DecisionRecord, ms: number): void
  exchangeOpened(): void
  exchangeEnded(how: ExchangeEnd): void
  count(what: Counted): void
  refused(): void
  turnedAway(): void
  overBudget(): void
  /** Bytes that may be in memory. */
  budget(bytes: number): void
  unenforced(policy: string): void
  fault(): void
  /** Body bytes kept in memory: `delta` more, or fewer when negative. */
  held(deltaBytes: number): void
  /** The config in force, from now on. */
  snapshot(version: string): void
  /** Configs that are open: the one in force, and those that exchanges still run on. */
  snapshotsOpen(count: number): void
  /** What stands in files or a Vault was read again. */
  renewal(what: RenewedPart, result: RenewalResult): void
  /** How late timers ring: the 99th percentile since the last scrape, in seconds. */
  eventLoopLagSec(): number
  /** All metrics as Prometheus reads them. */
  render(): Promise<string>
  /** The same as prom-client's plain objects, for whoever joins those of several processes. */
  asObjects(): Promise<MetricObject[]>
  readonly contentType: string
  /** Stops what runs in the background. */
  close(): void
}

/** Local rules take microseconds, remote ones up to their timeout. */
const SCAN_BUCKETS_SEC = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const DECISION_BUCKETS_SEC = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]

/** For labels of what has no such value: Prometheus takes an empty one for an absent label. */
const NONE = 'none'

/** Every family is registered at once, so that a scrape shows zeros before the first exchange. */
export function createMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const decisions = decisionMetrics(registry)
  const exchanges = exchangeMetrics(registry)
  const services = serviceMetrics(registry)
  const lag = eventLoopLag(registry)
  return {
    ...decisions,
    ...exchanges,
    ...services,
    snapshot(version) {
      exchanges.snapshot(version)
      services.circuitsBeginAnew()
    },
    eventLoopLagSec: lag.read,
    render: () => registry.metrics(),
    asObjects: async () => (await registry.getMetricsAsJSON()).map(family => ({ ...family })),
    contentType: registry.contentType,
    close() {
      lag.close()
      registry.clear()
    },
  }
}

function decisionMetrics(registry: Registry): Pick<Metrics, 'decision'> {
  const decisions = new Tally(registry, {
    name: 'weir_decisions_total',
    help: 'Decisions, by what reached the client (effective) and why.',
    labelNames: ['policy', 'phase', 'effective', 'reason'],
  })
  const decisionSec = new Timings(registry, {
    name: 'weir_decision_duration_seconds',
    help: "Time from an exchange's start to its decision.",
    labelNames: ['phase'],
    buckets: DECISION_BUCKETS_SEC,
  })
  const outcomes = new Tally(registry, {
    name: 'weir_guardrail_outcomes_total',
    help: 'Outcomes of guardrails; reason and detail are those of a failure, else none.',
    labelNames: ['policy', 'guardrail', 'phase', 'outcome', 'reason', 'detail'],
  })
  const scanSec = new Timings(registry, {
    name: 'weir_guardrail_duration_seconds',
    help: 'Time that a guardrail took for one scan.',
    labelNames: ['guardrail', 'phase'],
    buckets: SCAN_BUCKETS_SEC,
  })
  const bytes = new Tally(registry, {
    name: 'weir_decision_bytes_total',
    help: 'Body bytes that decisions released or discarded.',
    labelNames: ['phase', 'fate'],
  })
  const shadowDecisions = new Tally(registry, {
    name: 'weir_shadow_decisions_total',
    help: 'Decisions that would have been stricter, had every rule been set otherwise (setting).',
    labelNames: ['policy', 'phase', 'setting', 'would'],
  })
  const shadowOutcomes = new Tally(registry, {
    name: 'weir_shadow_outcomes_total',
    help: 'Decisions that would have been stricter, had this rule alone been set otherwise (setting).',
    labelNames: ['policy', 'guardrail', 'phase', 'setting', 'would'],
  })
  const countRule = (policy: string, phase: string, rule: RuleRecord) => {
    const { guardrail, outcome, reason = NONE, detail = NONE } = rule
    outcomes.add(1, policy, guardrail, phase, outcome, reason, detail)
    scanSec.took(rule.ms / 1000, guardrail, phase)
    for (const [setting, would] of Object.entries(rule.would ?? {}))
      shadowOutcomes.add(1, policy, guardrail, phase, setting, would)
  }
  return {
    decision(record, ms) {
      const { policy = NONE, phase, effective, because } = record
      decisions.add(1, policy, phase, effective, because)
      decisionSec.took(ms / 1000, phase)
      bytes.add(record.bytesReleased, phase, 'released')
      bytes.add(record.bytesDiscarded, phase, 'discarded')
      for (const rule of record.rules) countRule(policy, phase, rule)
      for (const [setting, would] of Object.entries(record.would ?? {}))
        shadowDecisions.add(1, policy, phase, setting, would)
    },
  }
}

type ExchangeMetrics = Pick<
  Metrics,
  | 'exchangeOpened'
  | 'exchangeEnded'
  | 'count'
  | 'refused'
  | 'turnedAway'
  | 'overBudget'
  | 'budget'
  | 'unenforced'
  | 'fault'
  | 'held'
  | 'snapshot'
  | 'snapshotsOpen'
  | 'renewal'
>

function exchangeMetrics(registry: Registry): ExchangeMetrics {
  const registers = [registry]
  const counter = (name: string, help: string) => new Counter({ name, help, registers })
  const now = { open: 0, heldBytes: 0, budgetBytes: 0, snapshots: 0 }
  openGauge(registry, 'weir_exchanges_open', 'Exchanges open now.', () => now.open)
  const ended = new Tally(registry, {
    name: 'weir_exchanges_total',
    help: 'Exchanges that ended, by how.',
    labelNames: ['end'],
  })
  const counted: Readonly<Record<Counted, Counter>> = {
    unmatched: counter('weir_unmatched_total', 'Exchanges that no policy took.'),
    unsupported: counter('weir_unsupported_total', 'Bodies that no format could inspect: fail_mode decided.'),
    uninspectable: counter('weir_uninspectable_total', 'Bodies with parts that no guardrail can read.'),
    heartbeat: counter('weir_heartbeats_total', 'Heartbeats sent on withheld event streams.'),
  }
  const refused = counter('weir_refused_total', "Calls that Envoy's config made impossible to guard.")
  const turnedAway = counter(
    'weir_exchanges_turned_away_total',
    'Exchanges that were not begun, as server.max_exchanges were open.',
  )
  const overBudget = counter(
    'weir_over_budget_total',
    'Exchanges that found no room for their bytes, as server.max_bytes were in memory.',
  )
  const unenforced = new Counter({
    name: 'weir_unenforced_total',
    help: 'Exchanges that observability_mode kept from being denied or changed.',
    labelNames: ['policy'],
    registers,
  })
  const faults = counter('weir_faults_total', 'Faults whose cause was logged: of guardrails, or bugs.')
  openGauge(registry, 'weir_held_bytes', 'Body bytes in memory now.', () => now.heldBytes)
  openGauge(registry, 'weir_budget_bytes', 'The value of server.max_bytes.', () => now.budgetBytes)
  const info = new Gauge({
    name: 'weir_snapshot_info',
    help: 'The config in force: 1, labelled by its version.',
    labelNames: ['version'],
    registers,
    aggregator: 'max',
  })
  openGauge(
    registry,
    'weir_snapshots_open',
    'Configs in memory: the one in force, and those before it that exchanges still run on.',
    () => now.snapshots,
  )
  const renewals = new Tally(registry, {
    name: 'weir_renewals_total',
    help: 'Secrets and lists of the config, or the TLS identity, read again; where it failed, what was in use stays.',
    labelNames: ['what', 'result'],
  })
  for (const what of ['config', 'tls'] as const) {
    // So that an alert on the first failure has a zero before it.
    for (const result of ['changed', 'unchanged', 'failed'] as const) renewals.add(0, what, result)
  }
  return {
    exchangeOpened() {
      now.open += 1
    },
    exchangeEnded(end) {
      now.open -= 1
      ended.add(1, end)
    },
    count: what => counted[what].inc(),
    refused: () => refused.inc(),
    turnedAway: () => turnedAway.inc(),
    overBudget: () => overBudget.inc(),
    budget(bytes) {
      now.budgetBytes = bytes
    },
    unenforced: policy => unenforced.inc({ policy }),
    fault: () => faults.inc(),
    held(deltaBytes) {
      now.heldBytes += deltaBytes
    },
    snapshot(version) {
      info.reset()
      info.set({ version }, 1)
    },
    snapshotsOpen(count) {
      now.snapshots = count
    },
    renewal: (what, result) => renewals.add(1, what, result),
  }
}

const LAG_RESOLUTION_MS = 20

function eventLoopLag(registry: Registry): { read(): number; close(): void } {
  const delay = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS })
  delay.enable()
  const read = () => {
    // The histogram holds intervals, of which its own resolution is no lag. Before the first one it holds NaN.
    const lagMs = delay.percentile(99) / 1e6 - LAG_RESOLUTION_MS
    return Math.max(0, Number.isFinite(lagMs) ? lagMs / 1000 : 0)
  }
  new Gauge({
    name: 'weir_event_loop_lag_seconds',
    help: 'How late timers ring: 99th percentile since the last scrape.',
    registers: [registry],
    aggregator: 'max',
    collect() {
      this.set(read())
      delay.reset()
    },
  })
  return { read, close: () => delay.disable() }
}
