import { AsyncLocalStorage } from 'node:async_hooks'
import { type Context, type Span, SpanKind, SpanStatusCode, type Tracer } from '@opentelemetry/api'
import { ATTR_ERROR_TYPE } from '@opentelemetry/semantic-conventions'
import { assertNever } from '../../errors.ts'
import type { Effect } from '../../exchange/events.ts'
import { MAX_NAME_LENGTH, shownNames } from '../../exchange/record.ts'
import type { Outcome } from '../../guardrail/guardrail.ts'
import type { ServiceEvent } from '../../service/service-events.ts'
import type { SpanClock } from './span-clock.ts'

type ScanEffect = Extract<Effect, { kind: 'scan' }>

/** One scan of a stage, and the span that it stands below. */
export interface ScanPlace {
  readonly context: Context
  readonly clock: SpanClock
  readonly effect: ScanEffect
  readonly index: number
}

/** The kind of a guardrail, by its name. */
export type KindOf = (guardrail: string) => string | undefined

/** What is gathered while a scan runs. */
interface OpenScanSpan {
  readonly span: Span
  readonly clock: SpanClock
  cacheHits: number
  cacheMisses: number
}

/** One span a scan: begun before it, ended with its outcome, whatever became of its exchange meanwhile. */
export class ScanSpans {
  readonly #tracer: Tracer
  readonly #kindOf: KindOf
  /** Which scan it is that something happens in: the events of a service do not say. */
  readonly #running = new AsyncLocalStorage<OpenScanSpan>()

  constructor(tracer: Tracer, kindOf: KindOf) {
    this.#tracer = tracer
    this.#kindOf = kindOf
  }

  run<T extends Outcome | Promise<Outcome>>(place: ScanPlace, scan: () => T): T {
    const open = { span: this.#start(place), clock: place.clock, cacheHits: 0, cacheMisses: 0 }
    const result = this.#running.run(open, scan)
    if (result instanceof Promise) {
      // Of a scan that breaks the exchange is told; its span ends all the same.
      const end = (outcome?: Outcome) => this.#end(open, outcome)
      result.then(end, () => end())
    } else this.#end(open, result)
    return result
  }

  /** Something happened to a request of the scan that is running. Nothing without one. */
  serviceEvent(event: ServiceEvent): void {
    const open = this.#running.getStore()
    if (open === undefined) return
    switch (event) {
      case 'cache-hit':
        open.cacheHits += 1
        return
      case 'cache-miss':
      case 'cache-error':
        open.cacheMisses += 1
        return
      case 'retry':
      case 'hedge':
      case 'queue-full':
        open.span.addEvent(event, open.clock.now())
        return
      // Of a pause the outcome tells; a second request that was not sent changed nothing; a circuit is no one scan's.
      case 'paused':
      case 'hedge-refused':
      case 'circuit-closed':
      case 'circuit-half-open':
      case 'circuit-open':
        return
      default:
        assertNever(event)
    }
  }

  #start({ context, clock, effect, index }: ScanPlace): Span {
    const { rules, subject, lifetime } = effect
    const { guardrail, action } = rules[index]!
    const { name, locality } = guardrail
    const kind = this.#kindOf(name)
    return this.#tracer.startSpan(
      `scan ${name}`,
      {
        kind: locality === 'remote' ? SpanKind.CLIENT : SpanKind.INTERNAL,
        startTime: clock.now(),
        attributes: {
          'weir.guardrail.name': name,
          ...(kind !== undefined && { 'weir.guardrail.kind': kind }),
          'weir.guardrail.action': action,
          'weir.phase': subject.side === 'input' ? 'request' : 'response',
          'weir.scan.lifetime': lifetime,
        },
      },
      context,
    )
  }

  #end({ span, clock, cacheHits, cacheMisses }: OpenScanSpan, outcome: Outcome | undefined): void {
    if (cacheHits + cacheMisses > 0)
      span.setAttributes({ 'weir.cache.hits': cacheHits, 'weir.cache.misses': cacheMisses })
    if (outcome !== undefined) setOutcome(span, outcome)
    span.end(clock.now())
  }
}

function setOutcome(span: Span, outcome: Outcome): void {
  if (outcome.kind === 'failure') {
    const { reason, detail } = outcome
    span.setAttributes({ 'weir.outcome': 'failure', 'weir.reason': reason })
    if (detail !== undefined) span.setAttribute('weir.detail', detail)
    // Nobody waited for it any more: that is no error of the guardrail's.
    if (reason === 'cancelled') return
    span.setAttribute(ATTR_ERROR_TYPE, reason)
    span.setStatus({ code: SpanStatusCode.ERROR })
    return
  }
  const { verdict } = outcome
  span.setAttribute('weir.outcome', verdict.kind)
  if (verdict.requestId !== undefined)
    span.setAttribute('weir.guardrail.request_id', verdict.requestId.slice(0, MAX_NAME_LENGTH))
  if (verdict.kind === 'clean') return
  span.setAttribute('weir.detectors', [...shownNames(verdict.findings.map(({ detector }) => detector))])
  if (verdict.incomplete !== undefined) span.setAttribute('weir.reason', verdict.incomplete)
}
