import { detectResponseFormat, responseShape } from '../llm/detect.ts'
import type { LlmFormat, ProviderError } from '../llm/format.ts'
import { canIntervene } from '../policy/decide.ts'
import { selectPolicy } from '../policy/select.ts'
import { BodyGate } from './body-gate.ts'
import { BodyDelivery } from './deliver-body.ts'
import { LiveDelivery } from './deliver-live.ts'
import { StreamDelivery } from './deliver-stream.ts'
import type { Delivery } from './delivery.ts'
import { Downstream, type GuardedResponse } from './downstream.ts'
import type { ExchangeEvent, ModeOverride } from './events.ts'
import { HELD_BODY } from './header-mutations.ts'
import { judgeFault } from './judge.ts'
import { errorReply, REFUSALS } from './local-reply.ts'
import { type Outlet, openOutlet } from './outlet.ts'
import { type ExchangeHost, type Pinned, whyBlind } from './pinned.ts'
import type { Because } from './record.ts'

type HeadersEvent = Extract<ExchangeEvent, { kind: 'headers' }>
type Guarded = Extract<Pinned, { kind: 'guard' }>

/** A body that nothing seen so far names. Held whole under max_response_bytes until something does. */
interface Unread {
  readonly guarded: Guarded
  readonly gate: BodyGate
}

/**
 * The response's way through an exchange: its headers, or failing them its first bytes, choose a delivery; the body
 * goes through that.
 */
export class ResponseSide {
  readonly #host: ExchangeHost
  readonly #outlet: Outlet
  #headers: HeadersEvent | undefined
  /** Undefined while the body passes unseen, or while `#unread` is set. */
  #delivery: Delivery | undefined
  /** Set while nothing seen so far tells what the body is. */
  #unread: Unread | undefined
  /** The upstream's body is over, as far as its bytes go. */
  #ended = false
  /** STREAMED: the next empty answer should be a sign of life. */
  #heartbeatDue = false

  constructor(host: ExchangeHost) {
    this.#host = host
    this.#outlet = openOutlet('response', host.init.responseMode, reply =>
      host.emit({ kind: 'reply', reply }),
    )
  }

  get heldBytes(): number {
    return (this.#delivery?.heldBytes ?? 0) + (this.#unread?.gate.heldBytes ?? 0)
  }

  onHeaders(event: HeadersEvent, known: Pinned | undefined): void {
    this.#headers = event
    this.#outlet.receivedHeaders(event.endOfStream)
    const status = Number(event.headers.get(':status'))
    const isCompletion = status >= 200 && status < 300 && !event.endOfStream
    const pinned = isCompletion ? (known ?? this.#pinWithoutRequest(event)) : PASS
    if (pinned === undefined) return
    if (pinned.kind === 'pass' || pinned.policy.outputRules.length === 0) {
      this.#outlet.replyHeaders()
      if (event.endOfStream) this.#end()
      return
    }
    const why = whyBlind(pinned.policy, this.#host.init)
    if (why === undefined) this.#open(event, pinned)
    else this.#host.emit({ kind: 'end', status: 'failed-precondition', why })
  }

  onBody(body: Uint8Array, endOfStream: boolean): void {
    if (this.#ended) return
    this.#outlet.receivedBody(body)
    if (this.#unread) this.#sniff(this.#unread, body)
    else if (this.#delivery) this.#delivery.push(body)
    else this.#outlet.pass(body)
    // BUFFERED sends the whole body in one message; with trailers to come it does not say that it is the end.
    if (endOfStream || this.#host.init.responseMode === 'buffered') this.#end()
  }

  onTrailers(): void {
    this.#outlet.receivedTrailers()
    if (this.heldBytes > 0 && !this.#outlet.canWrite) {
      // STREAMED leaves no place for what is held once trailers came; a cut is all that is left.
      this.#delivery?.closed()
      const why = 'trailers ended a STREAMED body that is held'
      this.#host.emit({ kind: 'end', status: 'unavailable', why })
      return
    }
    this.#end()
  }

  onHeartbeatDue(): void {
    if (!this.#outlet.canSpeakUnasked) {
      this.#heartbeatDue = true
      return
    }
    const beat = this.#delivery?.heartbeat()
    if (beat === undefined) return
    this.#outlet.write(beat)
    this.#host.emit({ kind: 'count', what: 'heartbeat' })
  }

  onDeadline(): void {
    this.#delivery?.deadline()
  }

  onClosed(): void {
    this.#ended = true
    this.#delivery?.closed()
  }

  settle(): void {
    const filler = this.#heartbeatDue ? this.#delivery?.heartbeat() : undefined
    const { sent, filled } = this.#outlet.settle({ awaiting: this.#delivery?.judging ?? false, filler })
    if (filled) this.#host.emit({ kind: 'count', what: 'heartbeat' })
    if (sent > 0) this.#heartbeatDue = false
  }

  /** An earlier filter answered, or request headers are skipped: Envoy's own facts choose the policy. */
  #pinWithoutRequest(event: HeadersEvent): Pinned | undefined {
    const selection = selectPolicy(this.#host.init.policies, {
      policyName: this.#host.init.policyName,
      host: event.attributes.get('request.host'),
      path: event.attributes.get('request.url_path') ?? event.attributes.get('request.path'),
      route: event.attributes.get('xds.route_name'),
    })
    switch (selection.kind) {
      case 'policy':
        return {
          kind: 'guard',
          policy: selection.policy,
          format: undefined,
          request: undefined,
          clientStreams: false,
        }
      case 'unmatched':
        this.#host.emit({ kind: 'count', what: 'unmatched' })
        if (this.#host.init.policies.unmatched === 'pass') return PASS
        this.#refuse('unmatched', REFUSALS.unmatched)
        return undefined
      case 'unknown-policy':
        this.#refuse('unknown-policy', REFUSALS['unknown-policy'])
        return undefined
    }
  }

  #open(event: HeadersEvent, guarded: Guarded): void {
    const shape = responseShape(event.headers.get('content-type'), NO_BYTES)
    if (guarded.format !== undefined && (shape === 'json' || shape === 'event-stream')) {
      this.#deliver(guarded, guarded.format, shape)
      return
    }
    this.#unread = { guarded, gate: new BodyGate(guarded.policy.limits.maxResponseBytes) }
    if (!this.#outlet.canWithholdHeaders) this.#outlet.replyHeaders(HELD_BODY)
  }

  /** Holds the first bytes until they tell what they are. */
  #sniff(unread: Unread, chunk: Uint8Array): void {
    const overLimit = unread.gate.push(chunk) === 'over-limit'
    const contentType = this.#headers?.headers.get('content-type')
    const { format } = unread.guarded
    if (format !== undefined) {
      const shape = responseShape(contentType, unread.gate.body())
      if (shape === 'json' || shape === 'event-stream') this.#read(format, shape)
      else if (shape !== 'more' || overLimit) this.#read(format, 'json')
      return
    }
    if (overLimit) this.#tooLarge(unread.guarded)
    else this.#detect(unread, 'prefix')
  }

  /** The request was never seen: the response tells by its own shape. */
  #detect({ guarded, gate }: Unread, extent: 'prefix' | 'whole'): void {
    const contentType = this.#headers?.headers.get('content-type')
    const found = detectResponseFormat(contentType, gate.body(), extent)
    if (found.kind === 'format') this.#read(found.format, found.shape)
    else if (found.kind === 'none') this.#unsupported(guarded)
  }

  /** Too large to tell what it is: a failure of every rule. */
  #tooLarge({ policy }: Guarded): void {
    if (judgeFault(policy.outputRules, 'over-limit').decision.kind === 'deny') {
      this.#refuse('failed-closed', REFUSALS.unsupported)
    } else {
      this.#passUnread()
    }
  }

  /** The bytes told what they are. */
  #read(format: LlmFormat, shape: 'json' | 'event-stream'): void {
    const { guarded, gate } = this.#unread!
    this.#unread = undefined
    this.#deliver(guarded, format, shape)
    for (const chunk of gate.take()) this.#delivery?.push(chunk)
  }

  /** No format takes it: fail_mode. */
  #unsupported({ policy }: Guarded): void {
    this.#host.emit({ kind: 'count', what: 'unsupported' })
    if (policy.failMode === 'error') this.#refuse('unsupported', REFUSALS.unsupported)
    else this.#passUnread()
  }

  #passUnread(): void {
    const gate = this.#unread?.gate
    this.#unread = undefined
    this.#outlet.replyHeaders()
    for (const chunk of gate?.take() ?? []) this.#outlet.pass(chunk)
  }

  #deliver(pinned: Guarded, format: LlmFormat, shape: 'json' | 'event-stream'): void {
    const { policy, request, clientStreams } = pinned
    const guarded: GuardedResponse = { policy, format, request, clientStreams, shape }
    const encoding = this.#contentEncoding()
    if (this.#host.init.observed || !canIntervene(policy.outputRules)) {
      this.#outlet.replyHeaders()
      const downstream = new Downstream(this.#host, this.#outlet, guarded, 'live')
      this.#delivery = new LiveDelivery(this.#host, downstream, guarded, encoding)
      return
    }
    if (encoding !== undefined) {
      const downstream = new Downstream(this.#host, this.#outlet, guarded, 'body')
      const delivery = new BodyDelivery(this.#host, downstream, guarded, undefined)
      this.#delivery = delivery
      delivery.fault('undecodable')
      return
    }
    if (shape === 'event-stream') this.#deliverStream(guarded)
    else this.#deliverBody(guarded)
  }

  #deliverStream(guarded: GuardedResponse): void {
    const { stream } = guarded.policy
    const downstream = new Downstream(this.#host, this.#outlet, guarded, 'withhold')
    if (!this.#outlet.canWithholdHeaders || stream.headers === 'at_once') {
      this.#outlet.replyHeaders(HELD_BODY)
    }
    this.#delivery = new StreamDelivery(this.#host, downstream, guarded)
    const canBeat = guarded.format.heartbeat !== undefined && this.#host.init.responseMode !== 'buffered'
    if (canBeat) this.#host.emit({ kind: 'start-heartbeats', everyMs: stream.heartbeatMs })
    this.#host.emit({ kind: 'start-deadline', afterMs: stream.maxDurationMs })
  }

  #deliverBody(guarded: GuardedResponse): void {
    const { requestMode, responseMode } = this.#host.init
    const downstream = new Downstream(this.#host, this.#outlet, guarded, 'body')
    if (responseMode === 'streamed') {
      const override: ModeOverride = { requestBody: requestMode, responseBody: 'buffered' }
      this.#outlet.replyHeaders(HELD_BODY, override)
    } else if (responseMode === 'buffered') this.#outlet.replyHeaders()
    // In STREAMED the last place for bytes is the last chunk, and trailers may follow it unannounced.
    const length = responseMode === 'streamed' ? this.#headers?.headers.get('content-length') : undefined
    const expected = length === undefined ? undefined : Number(length)
    this.#delivery = new BodyDelivery(this.#host, downstream, guarded, expected)
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    if (this.#unread) this.#readNothing(this.#unread)
    if (this.#delivery) this.#delivery.end()
    else this.#outlet.finish()
  }

  /** The body ended before it told what it is. An empty one has nothing to look at. */
  #readNothing({ guarded, gate }: Unread): void {
    if (gate.heldBytes === 0) this.#passUnread()
    else if (guarded.format !== undefined) this.#read(guarded.format, 'json')
    else this.#detect({ guarded, gate }, 'whole')
  }

  #contentEncoding(): string | undefined {
    const encoding = this.#headers?.headers.get('content-encoding')?.toLowerCase()
    return encoding === undefined || encoding === 'identity' ? undefined : encoding
  }

  #refuse(because: Because, error: ProviderError): void {
    const denial = { side: 'response' as const, because, findings: [] }
    const reply = errorReply(error, denial, undefined, undefined, this.#host.init.stamp)
    if (this.#outlet.canReplaceAnswer) {
      this.#host.emit({ kind: 'reply', reply: { kind: 'local', ...reply } })
      this.#host.emit({ kind: 'end', status: 'ok', why: 'answered' })
    } else {
      this.#host.emit({ kind: 'end', status: 'unavailable', why: because })
    }
  }
}

const PASS: Pinned = { kind: 'pass' }
const NO_BYTES = new Uint8Array(0)
