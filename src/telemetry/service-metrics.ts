import { Counter, Gauge, type Registry } from 'prom-client'
import { assertNever } from '../errors.ts'
import type { ReportServiceEvent } from '../service/service-events.ts'
import { type Family, labelNamesOf } from './family.ts'
import { SERVICE_FAMILIES } from './service-families.ts'

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
  const families = SERVICE_FAMILIES
  const shown = (family: Family) => ({
    name: family.name,
    help: family.help,
    labelNames: labelNamesOf(family),
    registers,
  })
  const retries = new Counter(shown(families.retries))
  const hedges = new Counter(shown(families.hedges))
  const refused = new Counter(shown(families.refused))
  const circuit = new Gauge({ ...shown(families.circuit), aggregator: 'max' })
  const lookups = new Counter(shown(families.lookups))
  const connected = new Gauge({ ...shown(families.connected), aggregator: 'min' })
  const serviceEvent: ReportServiceEvent = (guardrail, event) => {
    switch (event) {
      case 'retry':
        retries.inc({ guardrail })
        return
      case 'hedge':
        hedges.inc({ guardrail, result: 'sent' })
        return
      case 'hedge-refused':
        hedges.inc({ guardrail, result: 'refused' })
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
