import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { Counted, ExchangeEnd } from '../exchange/events.ts'
import type { DecisionRecord, RuleRecord } from '../exchange/record.ts'
import { DECISION_FAMILIES } from './decision-families.ts'
import { EXCHANGE_FAMILIES, type RenewalResult, type RenewedPart } from './exchange-families.ts'
import { type ExportMetrics, exportMetrics } from './export-metrics.ts'
import { type Family, labelNamesOf, NONE } from './family.ts'
import type { LogFileTrouble } from './log-file.ts'
import { type ServiceMetrics, serviceMetrics } from './service-metrics.ts'
import { openGauge, Tally } from './tally.ts'
import { Timings } from './timings.ts'

/** A family as prom-client gives it to whoever joins those of several processes. */
export interface MetricObject {
  readonly name: string
  readonly type: unknown
  readonly [field: string]: unknown
}

/** What the process has to do now, as numbers of each. */
export interface ProcessLoad {
  exchangesHolding(): number
  exchangesWaiting(): number
  shadowScans(): number
  heavyBodies(): number
}

const IDLE: ProcessLoad = {
  exchangesHolding: () => 0,
  exchangesWaiting: () => 0,
  shadowScans: () => 0,
  heavyBodies: () => 0,
}

/** Labels take values from the config and from closed unions only: no host, path, model or detector. */
export interface Metrics extends ServiceMetrics, ExportMetrics {
  decision(record: DecisionRecord, ms: number): void
  exchangeOpened(): void
  exchangeEnded(how: ExchangeEnd): void
  count(what: Counted): void
  /** A scan by windows begins, of so many new characters. */
  windowScanned(chars: number): void
  /** Asked at a scrape, from now on. */
  watchLoad(load: ProcessLoad): void
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
  /** Decision records that no file took. */
  logLinesLost(lines: number): void
  logFileTrouble(what: LogFileTrouble): void
  /** How late timers ring: the 99th percentile since the last scrape, in seconds. */
  eventLoopLagSec(): number
  /** All metrics as Prometheus reads them. */
  render(): Promise<string>
  /** The same as prom-client's plain objects, for whoever joins those of several processes. */
  asObjects(): Promise<MetricObject[]>
  /** The families of these names, as they are now. No scrape: what is told since the last one stays as it is. */
  look(names: readonly string[]): Promise<MetricObject[]>
  readonly contentType: string
  /** Stops what runs in the background. */
  close(): void
}

/** Gauges of prom-client's that have the name of a counter. Others say the same by type. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
]

/** Every family is registered at once, so that a scrape shows zeros before the first exchange. */
export function createMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  for (const name of MISNAMED) registry.removeSingleMetric(name)
  const decisions = decisionMetrics(registry)
  const exchanges = exchangeMetrics(registry)
  const services = serviceMetrics(registry)
  const lag = eventLoopLag(registry)
  return {
    ...decisions,
    ...exchanges,
    ...services,
    ...exportMetrics(registry),
    snapshot(version) {
      exchanges.snapshot(version)
      services.circuitsBeginAnew()
    },
    eventLoopLagSec: lag.read,
    render: () => registry.metrics(),
    asObjects: async () => (await registry.getMetricsAsJSON()).map(family => ({ ...family })),
    async look(names) {
      const found = names.flatMap(name => registry.getSingleMetric(name) ?? [])
      return Promise.all(
        found.map(async metric => ({ ...(metric === lag.gauge ? lag.look() : await metric.get()) })),
      )
    },
    contentType: registry.contentType,
    close() {
      lag.close()
      registry.clear()
    },
  }
}

function decisionMetrics(registry: Registry): Pick<Metrics, 'decision'> {
  const families = DECISION_FAMILIES
  const decisions = new Tally(registry, families.decisions)
  const decisionSec = new Timings(registry, families.decisionSec)
  const outcomes = new Tally(registry, families.outcomes)
  const scanSec = new Timings(registry, families.scanSec)
  const bytes = new Tally(registry, families.bytes)
  const deliveries = new Tally(registry, families.deliveries)
  const bodyFaults = new Tally(registry, families.bodyFaults)
  const shadowDecisions = new Tally(registry, families.shadowDecisions)
  const shadowOutcomes = new Tally(registry, families.shadowOutcomes)
  const countRule = (policy: string, { phase, bodyFault }: DecisionRecord, rule: RuleRecord) => {
    const { guardrail, outcome, reason = NONE, detail = NONE } = rule
    outcomes.add(1, policy, guardrail, phase, outcome, reason, detail)
    // Of a body that is at fault no guardrail was asked.
    if (bodyFault === undefined || outcome !== 'failure') scanSec.took(rule.ms / 1000, guardrail, phase)
    for (const [setting, would] of Object.entries(rule.would ?? {}))
      shadowOutcomes.add(1, policy, guardrail, phase, setting, would)
  }
  return {
    decision(record, ms) {
      const { policy = NONE, phase, effective, because } = record
      decisions.add(1, policy, phase, effective, because)
      decisionSec.took(ms / 1000, phase)
      if (phase === 'response') deliveries.add(1, policy, record.delivery, effective)
      if (record.bodyFault !== undefined) bodyFaults.add(1, policy, phase, record.bodyFault)
      bytes.add(record.bytesReleased, phase, 'released')
      bytes.add(record.bytesDiscarded, phase, 'discarded')
      for (const rule of record.rules) countRule(policy, record, rule)
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
  | 'windowScanned'
  | 'watchLoad'
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
  | 'logLinesLost'
  | 'logFileTrouble'
>

function exchangeMetrics(registry: Registry): ExchangeMetrics {
  const registers = [registry]
  const families = EXCHANGE_FAMILIES
  const counter = (family: Family) =>
    new Counter({ name: family.name, help: family.help, labelNames: labelNamesOf(family), registers })
  const now = { open: 0, heldBytes: 0, budgetBytes: 0, snapshots: 0 }
  let load: ProcessLoad = IDLE
  openGauge(registry, families.open, () => now.open)
  const ended = new Tally(registry, families.ended)
  openGauge(registry, families.holding, () => load.exchangesHolding())
  openGauge(registry, families.waiting, () => load.exchangesWaiting())
  openGauge(registry, families.shadowScans, () => load.shadowScans())
  openGauge(registry, families.readsWaiting, () => load.heavyBodies())
  const counted: Readonly<Record<Counted, Counter>> = {
    unmatched: counter(families.unmatched),
    unsupported: counter(families.unsupported),
    uninspectable: counter(families.uninspectable),
    heartbeat: counter(families.heartbeats),
  }
  const windowChars = new Timings(registry, families.windowChars)
  const refused = counter(families.refused)
  const turnedAway = counter(families.turnedAway)
  const overBudget = counter(families.overBudget)
  const unenforced = counter(families.unenforced)
  const faults = counter(families.faults)
  openGauge(registry, families.heldBytes, () => now.heldBytes)
  openGauge(registry, families.budgetBytes, () => now.budgetBytes)
  const info = new Gauge({
    name: families.snapshot.name,
    help: families.snapshot.help,
    labelNames: labelNamesOf(families.snapshot),
    registers,
    aggregator: 'max',
  })
  openGauge(registry, families.snapshots, () => now.snapshots)
  const logLinesLost = counter(families.logLinesLost)
  const logFileTrouble = counter(families.logFileTrouble)
  const renewals = new Tally(registry, families.renewals)
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
    windowScanned: chars => windowChars.took(chars),
    watchLoad(of) {
      load = of
    },
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
    logLinesLost: lines => logLinesLost.inc(lines),
    logFileTrouble: what => logFileTrouble.inc({ what }),
  }
}

const LAG_RESOLUTION_MS = 20

function eventLoopLag(registry: Registry) {
  const delay = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS })
  delay.enable()
  const read = () => {
    // The histogram holds intervals, of which its own resolution is no lag. Before the first one it holds NaN.
    const lagMs = delay.percentile(99) / 1e6 - LAG_RESOLUTION_MS
    return Math.max(0, Number.isFinite(lagMs) ? lagMs / 1000 : 0)
  }
  const config = {
    name: EXCHANGE_FAMILIES.lag.name,
    help: EXCHANGE_FAMILIES.lag.help,
    aggregator: 'max',
  } as const
  const gauge = new Gauge({
    ...config,
    registers: [registry],
    collect() {
      this.set(read())
      delay.reset()
    },
  })
  return {
    gauge,
    read,
    /** What a scrape would say, without being one. */
    look: () => ({ ...config, type: 'gauge', values: [{ labels: {}, value: read() }] }),
    close: () => delay.disable(),
  }
}
