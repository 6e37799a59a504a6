import {
  type Context,
  type HrTime,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { ATTR_ERROR_TYPE } from '@opentelemetry/semantic-conventions'
import type { Effect, ExchangeEnd } from '../../exchange/events.ts'
import { type DecisionRecord, shownNames, type TraceIds } from '../../exchange/record.ts'
import type { AroundScan } from '../../guardrail/guardrail.ts'
import { genAiOf, modelName } from './gen-ai.ts'
import type { ScanSpans } from './scan-spans.ts'
import type { SpanClock } from './span-clock.ts'

type ScanEffect = Extract<Effect, { kind: 'scan' }>

/** What fails an exchange, as OpenTelemetry counts failures: a denial is not one, a missing verdict is. */
const FAILED_ENDS: ReadonlySet<ExchangeEnd> = new Set<ExchangeEnd>(['failed', 'refused', 'drained'])

/** The spans of one exchange. What it is told is names, numbers and closed words: never content. */
export class ExchangeTrace {
  /** Of its own span. */
  readonly ids: TraceIds
  readonly #span: Span
  readonly #context: Context
  readonly #scans: ScanSpans
  readonly #clock: SpanClock
  #format: string | undefined
  #endedAt: HrTime | undefined

  /** `span`: one that is recorded; `context`: the one that it was begun in. */
  constructor(span: Span, context: Context, scans: ScanSpans, clock: SpanClock) {
    const { traceId, spanId } = span.spanContext()
    this.ids = { traceId, spanId }
    this.#span = span
    this.#context = trace.setSpan(context, span)
    this.#scans = scans
    this.#clock = clock
  }

  /** For the scans of a stage, those that outlive the call as well. */
  around(effect: ScanEffect): AroundScan {
    return (index, scan) =>
      this.#scans.run({ context: this.#context, clock: this.#clock, effect, index }, scan)
  }

  decided(record: DecisionRecord): void {
    const { phase, policy, format, effective, because, rules } = record
    const span = this.#span
    this.#format ??= format
    if (policy !== undefined) span.setAttribute('weir.policy', policy)
    if (format !== undefined) span.setAttribute('weir.format', format)
    span.setAttributes({
      [`weir.${phase}.effective`]: effective,
      [`weir.${phase}.because`]: because,
      [`weir.${phase}.delivery`]: record.delivery,
      [`weir.${phase}.bytes_released`]: record.bytesReleased,
      [`weir.${phase}.bytes_discarded`]: record.bytesDiscarded,
    })
    for (const [setting, would] of Object.entries(record.would ?? {}))
      span.setAttribute(`weir.${phase}.would.${setting}`, would)
    if (record.uninspectable > 0) span.setAttribute(`weir.${phase}.uninspectable`, record.uninspectable)
    const named = (outcome: string) => [
      ...new Set(rules.filter(rule => rule.outcome === outcome).map(rule => rule.guardrail)),
    ]
    for (const [key, guardrails] of [
      ['flagged_by', named('flagged')],
      ['failed', named('failure')],
    ] as const) {
      if (guardrails.length > 0) span.setAttribute(`weir.${phase}.${key}`, guardrails)
    }
    const detectors = shownNames(rules.flatMap(rule => rule.detectors))
    const decision = {
      'weir.phase': phase,
      'weir.effective': effective,
      'weir.because': because,
      // Rules that read a stream piece by piece have no span of a scan that could tell.
      ...(detectors.length > 0 && { 'weir.detectors': [...detectors] }),
    }
    span.addEvent('weir.decision', decision, this.#clock.now())
    if (because === 'failed-closed') this.#failed(because)
  }

  /** The call is over. What outlives it may still be told. */
  closed(how: ExchangeEnd): void {
    this.#endedAt = this.#clock.now()
    this.#span.setAttribute('weir.exchange.end', how)
    if (FAILED_ENDS.has(how)) this.#failed(how)
  }

  /** Nothing more will be told. `model`: what the request asked for. */
  end(model: string | undefined): void {
    const { operation, provider } = genAiOf(this.#format)
    const asked = modelName(model)
    if (operation !== undefined) {
      // Without the model, which the conventions put there: clients choose it, and names of spans become metrics.
      this.#span.updateName(`weir ${operation}`)
      this.#span.setAttribute('gen_ai.operation.name', operation)
    }
    if (provider !== undefined) this.#span.setAttribute('gen_ai.provider.name', provider)
    if (asked !== undefined) this.#span.setAttribute('gen_ai.request.model', asked)
    this.#span.end(this.#endedAt ?? this.#clock.now())
  }

  #failed(why: string): void {
    this.#span.setAttribute(ATTR_ERROR_TYPE, why)
    this.#span.setStatus({ code: SpanStatusCode.ERROR })
  }
}

/** Begins the span of an exchange. */
export function startExchangeSpan(tracer: Tracer, id: string, startTime: HrTime, context: Context): Span {
  return tracer.startSpan(
    'weir',
    { kind: SpanKind.SERVER, startTime, attributes: { 'weir.exchange.id': id } },
    context,
  )
}
