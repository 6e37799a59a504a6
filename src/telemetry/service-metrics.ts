import { Counter, Gauge, type Registry } from 'prom-client'
import { assertNever } from '../errors.ts'
import type { ReportServiceEvent } from '../service/service-events.ts'

/** What a circuit's gauge shows. */
const CIRCUIT = { closed: 0, halfOpen: 1, open: 2 } as const

/** Of the connection to the server of the verdict cache; `connecting`: there was none yet. */
export type CacheState = 'connecting' | 'connected' | 'lost'

/** What is told about guard services and the verdict cache. */
export interface ServiceMetrics {
  readonly serviceEvent: ReportServiceEvent
  cacheState(state: CacheState): void
  /** Another snapshot is in force, and with it other circuits, all closed. */
  circuitsBeginAnew(): void
}

/** Counts how asking the guard services goes, by the guardrail's name. */
export function serviceMetrics(registry: Registry): ServiceMetrics {
  const registers = [registry]
  const labelNames = ['guardrail']
  const counter = (name: string, help: string) => new Counter({ name, help, labelNames, registers })
  const retries = counter('weir_guardrail_retries_total', 'Second requests after a failure.')
  const hedges = counter('weir_guardrail_hedges_total', 'Second requests beside a slow one.')
  const refused = new Counter({
    name: 'weir_guardrail_refused_total',
    help: 'Requests not sent: the queue was full, or the service had asked for a pause.',
    labelNames: ['guardrail', 'why'],
    registers,
  })
  const circuit = new Gauge({
    name: 'weir_guardrail_circuit_state',
    help: 'Circuit breaker: 0 closed, 1 half open, 2 open. Absent until it first opened under the config in force.',
    labelNames,
    registers,
    aggregator: 'max',
  })
  const lookups = new Counter({
    name: 'weir_verdict_cache_lookups_total',
    help: 'Lookups in the verdict cache; an error is a cache that could not be asked.',
    labelNames: ['guardrail', 'result'],
    registers,
  })
  const connected = new Gauge({
    name: 'weir_verdict_cache_connected',
    help: 'Whether the server of the verdict cache is connected: 0 or 1. Absent without one.',
    // A labelled gauge shows nothing before it is first set.
    labelNames: ['server'],
    registers,
    aggregator: 'min',
  })
  const serviceEvent: ReportServiceEvent = (guardrail, event) => {
    switch (event) {
      case 'retry':
        retries.inc({ guardrail })
        return
      case 'hedge':
        hedges.inc({ guardrail })
        return
      case 'queue-full':
      case 'paused':
        refused.inc({ guardrail, why: event })
        return
      case 'circuit-closed':
        circuit.set({ guardrail }, CIRCUIT.closed)
        return
      case 'circuit-half-open':
        circuit.set({ guardrail }, CIRCUIT.halfOpen)
        return
      case 'circuit-open':
        circuit.set({ guardrail }, CIRCUIT.open)
        return
      case 'cache-hit':
      case 'cache-miss':
      case 'cache-error':
        lookups.inc({ guardrail, result: event.slice('cache-'.length) })
        return
      default:
        assertNever(event)
    }
  }
  return {
    serviceEvent,
    circuitsBeginAnew: () => circuit.reset(),
    cacheState: state => connected.set({ server: 'cache' }, state === 'connected' ? 1 : 0),
  }
}
