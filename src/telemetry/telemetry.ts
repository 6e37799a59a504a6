import { assertNever } from '../errors.ts'
import type { Counted, ExchangeEnd, SetupGap } from '../exchange/events.ts'
import type { DecisionRecord, TraceIds } from '../exchange/record.ts'
import { GuardrailFailure } from '../guardrail/guardrail.ts'
import type { ReportServiceEvent } from '../service/service-events.ts'
import { logDecision, traceFields } from './decision-log.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import type { CacheState } from './service-metrics.ts'

/** What the rooms tell the outside: the log and the metrics behind one door. Nothing here carries content. */
export interface Telemetry {
  exchangeOpened(): void
  exchangeEnded(how: ExchangeEnd): void
  /** `ms`: from the exchange's start to the decision. `trace`: of an exchange that is traced. */
  decision(record: DecisionRecord, ms: number, trace?: TraceIds): void
  count(what: Counted): void
  /** A scan by windows begins, of so many new characters. */
  windowScanned(chars: number): void
  heartbeat(): void
  /** Body bytes kept in memory: `delta` more, or fewer when negative. */
  held(deltaBytes: number): void
  /** An exchange found no room for its bytes: `server.max_bytes` are kept. */
  overBudget(): void
  /** Envoy's config does not let Weir see what a policy must see. */
  refused(why: string, exchangeId: string, trace?: TraceIds): void
  /** As many exchanges are open as may be: one more was not begun. */
  turnedAway(): void
  /** Envoy runs the filter in observability_mode under a policy that would deny or change what passes. */
  unenforced(policy: string): void
  /** Traffic passes for how Envoy or the policies are set up. Said once, of a route once a policy. */
  setupGap(gap: SetupGap): void
  /** How asking a guard service goes. */
  readonly serviceEvent: ReportServiceEvent
  /** The connection to the server of the verdict cache. `cause`: a code. */
  cacheState(state: CacheState, cause?: string): void
  /** A bug, or the cause of a guardrail's failure. */
  fault(error: unknown, exchangeId: string, trace?: TraceIds): void
  readonly log: Log
  readonly metrics: Metrics
}

const FULL_LOG_MS = 60_000

/**
 * Joins a log and metrics. It owns neither: whoever made them closes them. `sampleClean`: the share, 0 to 1, of
 * exchanges whose clean decisions are logged; all when left out. `decisions`: a log for these alone. `onDecision` hears
 * of every one.
 */
export function createTelemetry(
  log: Log,
  metrics: Metrics,
  sampleClean = 1,
  decisions = log,
  onDecision?: Telemetry['decision'],
): Telemetry {
  /** Said once a policy: it is true of every exchange. */
  const warned = new Set<string>()
  const setupGap = sayGaps(log)
  const isFullSaid = onceIn(FULL_LOG_MS)
  const isSpentSaid = onceIn(FULL_LOG_MS)
  return {
    log,
    metrics,
    exchangeOpened: metrics.exchangeOpened,
    exchangeEnded: metrics.exchangeEnded,
    decision(record, ms, trace) {
      metrics.decision(record, ms)
      onDecision?.(record, ms, trace)
      if (isLogged(record, sampleClean)) logDecision(decisions, record, ms, trace)
    },
    count: metrics.count,
    windowScanned: metrics.windowScanned,
    heartbeat: () => metrics.count('heartbeat'),
    held: metrics.held,
    refused(why, exchangeId, trace) {
      metrics.refused()
      log.error('exchange refused', { exchangeId, ...traceFields(trace), why })
    },
    turnedAway() {
      metrics.turnedAway()
      if (isFullSaid()) return
      log.error('exchanges turned away: server.max_exchanges are open')
    },
    overBudget() {
      metrics.overBudget()
      if (isSpentSaid()) return
      log.error('exchanges over budget: server.max_bytes are in memory')
    },
    unenforced(policy) {
      metrics.unenforced(policy)
      if (warned.has(policy)) return
      warned.add(policy)
      log.warn('policy not enforced: Envoy runs the filter in observability_mode', { policy })
    },
    setupGap,
    serviceEvent(guardrail, event) {
      metrics.serviceEvent(guardrail, event)
      if (event === 'circuit-open') log.warn('circuit opened: the guard service is not asked', { guardrail })
      else if (event === 'circuit-closed')
        log.info('circuit closed: the guard service answers', { guardrail })
    },
    cacheState(state, cause) {
      metrics.cacheState(state)
      if (state === 'lost') log.warn('verdict cache lost: every lookup is a miss', { cause })
      else if (state === 'connected') log.info('verdict cache connected')
    },
    fault(error, exchangeId, trace) {
      metrics.fault()
      const place = { exchangeId, ...traceFields(trace) }
      // A guard service that is down is no bug of ours; each of its scans tells.
      if (error instanceof GuardrailFailure)
        log.warn('guardrail failed', {
          ...place,
          reason: error.reason,
          detail: error.detail,
          err: error,
        })
      else log.error('fault', { ...place, err: error })
    },
  }
}

/** Once each: it is true of every exchange of its kind. What it comes to in all is counted elsewhere. */
function sayGaps(log: Log): Telemetry['setupGap'] {
  const warned = new Set<string>()
  let hasPassed = false
  return gap => {
    switch (gap.kind) {
      case 'passed-unmatched':
        if (hasPassed) return
        hasPassed = true
        log.warn('exchange passed that no policy takes', { why: PASSED_UNMATCHED })
        return
      case 'unnamed-route':
        if (warned.has(gap.policy)) return
        warned.add(gap.policy)
        log.warn('policy not tried: Envoy names no route', { policy: gap.policy, why: UNNAMED_ROUTE })
        return
      default:
        assertNever(gap)
    }
  }
}

const PASSED_UNMATCHED =
  'unmatched is pass, and no match fits: add a policy without match, or set unmatched: deny. Said once; weir_unmatched_total counts'
const UNNAMED_ROUTE =
  'its match has routes: set request_attributes: [xds.route_name] on the filter, and a name on the route. Said once'

/** Whether something was said within so many milliseconds; asking says it. There may be thousands a second. */
function onceIn(ms: number): () => boolean {
  let saidAt = Number.NEGATIVE_INFINITY
  return () => {
    const now = performance.now()
    if (now - saidAt < ms) return true
    saidAt = now
    return false
  }
}

/** By the exchange's id, so that its request and its response are both there or neither is. */
function isLogged({ effective, because, exchangeId }: DecisionRecord, sampleClean: number): boolean {
  if (sampleClean === 1 || effective !== 'released' || because !== 'clean') return true
  return !(Number.parseInt(exchangeId.slice(0, 8), 16) >= sampleClean * 0x1_0000_0000)
}
