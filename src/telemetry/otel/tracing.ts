import { ROOT_CONTEXT, TraceFlags, type Tracer, trace } from '@opentelemetry/api'
import { parseTraceParent, TraceState } from '@opentelemetry/core'
import type { ServiceEvent } from '../../service/service-events.ts'
import { ExchangeTrace, startExchangeSpan } from './exchange-trace.ts'
import { type KindOf, ScanSpans } from './scan-spans.ts'
import { SpanClock } from './span-clock.ts'

/** What an exchange begins with. */
export interface ExchangeStart {
  readonly id: string
  /** As `performance.now()` has it. */
  readonly startedAtMs: number
  /** W3C headers: of Envoy where it traces, else of the client. */
  readonly traceparent: string | undefined
  readonly tracestate: string | undefined
}

/** W3C asks for at least so much to be kept; queued spans keep it, so more is dropped whole. */
const MAX_TRACESTATE_LENGTH = 512

export interface TracingOptions {
  readonly tracer: Tracer
  readonly kindOf: KindOf
  /** `parent`: the caller's traceparent decides where there is one. */
  readonly sampling: 'parent' | 'ratio'
}

/** Makes the exchanges of this process into traces. */
export class Tracing {
  readonly #tracer: Tracer
  readonly #sampling: TracingOptions['sampling']
  readonly #scans: ScanSpans

  constructor({ tracer, sampling, kindOf }: TracingOptions) {
    this.#tracer = tracer
    this.#sampling = sampling
    this.#scans = new ScanSpans(tracer, kindOf)
  }

  /** Undefined for an exchange that is not sampled. A traceparent that is none is as if there were none. */
  begin({ id, startedAtMs, traceparent, tracestate }: ExchangeStart): ExchangeTrace | undefined {
    const parent = traceparent === undefined ? null : parseTraceParent(traceparent)
    const isUnwanted = parent !== null && (parent.traceFlags & TraceFlags.SAMPLED) === 0
    // The sampler would say so too, and cost more.
    if (isUnwanted && this.#sampling === 'parent') return undefined
    const context =
      parent === null
        ? ROOT_CONTEXT
        : trace.setSpanContext(ROOT_CONTEXT, { ...parent, isRemote: true, ...stateOf(tracestate) })
    const clock = new SpanClock()
    const span = startExchangeSpan(this.#tracer, id, clock.at(startedAtMs), context)
    return span.isRecording() ? new ExchangeTrace(span, context, this.#scans, clock) : undefined
  }

  /** Something happened to a request of the scan that is running. */
  serviceEvent(event: ServiceEvent): void {
    this.#scans.serviceEvent(event)
  }
}

function stateOf(tracestate: string | undefined): { readonly traceState?: TraceState } {
  if (tracestate === undefined || tracestate.length > MAX_TRACESTATE_LENGTH) return {}
  return { traceState: new TraceState(tracestate) }
}
