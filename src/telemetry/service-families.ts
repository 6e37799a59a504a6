import type { ServiceEvent } from '../service/service-events.ts'
import { every, type Family } from './family.ts'

const GUARDRAIL = { namesOf: 'guardrails' }

type Result<Event extends ServiceEvent> = Event extends `cache-${infer Rest}` ? Rest : never

/** How asking the guard services goes. */
export const SERVICE_FAMILIES = {
  retries: {
    name: 'weir_guardrail_retries_total',
    type: 'counter',
    help: 'Second requests after a failure.',
    labels: { guardrail: GUARDRAIL },
    watch: 'It rises: the service is not well, and scans take longer.',
  },
  hedges: {
    name: 'weir_guardrail_hedges_total',
    type: 'counter',
    help: 'Second requests beside a slow one; refused: the queue was full, or the service had asked for a pause.',
    labels: { guardrail: GUARDRAIL, result: ['sent', 'refused'] },
    watch: 'More than a twentieth of the requests: the service has become slower than it was.',
  },
  refused: {
    name: 'weir_guardrail_refused_total',
    type: 'counter',
    help: 'Requests not sent: the queue was full, or the service had asked for a pause.',
    labels: {
      guardrail: GUARDRAIL,
      why: every<'queue-full' | 'paused'>({ 'queue-full': true, paused: true }),
    },
    watch:
      '`queue-full`: `max_concurrent` is too small, or the service too slow. `paused`: your quota there is used up.',
  },
  circuit: {
    name: 'weir_guardrail_circuit_state',
    type: 'gauge',
    help: 'Circuit breaker: 0 closed, 1 half open, 2 open. Absent until it first opened under the config in force.',
    labels: { guardrail: GUARDRAIL },
    watch: 'Above 0: the service is not asked; `fail_open` decides.',
  },
  lookups: {
    name: 'weir_verdict_cache_lookups_total',
    type: 'counter',
    help: 'Lookups in the verdict cache; an error is a cache that could not be asked.',
    labels: {
      guardrail: GUARDRAIL,
      result: every<Result<ServiceEvent>>({ hit: true, miss: true, error: true }),
    },
    watch: '`error` rises: every scan is paid for again.',
  },
  connected: {
    name: 'weir_verdict_cache_connected',
    type: 'gauge',
    help: 'Whether the server of the verdict cache is connected: 0 or 1. Absent without one.',
    // A labelled gauge shows nothing before it is first set.
    labels: { server: ['cache'] },
    watch: '0.',
  },
} as const satisfies Record<string, Family>
