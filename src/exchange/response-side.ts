import { assertNever } from '../errors.ts'
import type { FailureReason } from '../guardrail/guardrail.ts'
import type { LlmFormat, ProviderError } from '../llm/format.ts'
import { canIntervene, type RuleOutcome } from '../policy/decide.ts'
import type { Policy } from '../policy/policy.ts'
import { type BodyDecoder, contentEncodingOf, type DecodeFault } from './content-coding.ts'
import { BodyDelivery } from './deliver-body.ts'
import { LiveDelivery } from './deliver-live.ts'
import { StreamDelivery } from './deliver-stream.ts'
import type { Delivery } from './delivery.ts'
import { Downstream, type GuardedResponse } from './downstream.ts'
import type { ExchangeEvent, HeaderMutation, ModeOverride } from './events.ts'
import { heldBody, withoutCoding } from './header-mutations.ts'
import { judgeFault } from './judge.ts'
import { errorReply, REFUSALS } from './local-reply.ts'
import { type Outlet, openOutlet } from './outlet.ts'
import { type ExchangeHost, type Pinned, pinByResponse, whyBlind } from './pinned.ts'
import { type Because, type Effective, unreadRecord } from './record.ts'
import { type Told, UnreadBody } from './unread-body.ts'

type HeadersEvent = Extract<ExchangeEvent, { kind: 'headers' }>
type Guarded = Extract<Pinned, { kind: 'guard' }>

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
  #downstream: Downstream | undefined
  /** What the headers say of the body's coding. */
  #encoding: string | undefined
  /** Set where the body goes on without its coding. */
  #decoder: BodyDecoder | undefined
  /** Set while nothing seen so far tells what the body is. */
  #unread: { readonly guarded: Guarded; readonly body: UnreadBody } | undefined
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
    return (this.#delivery?.heldBytes ?? 0) + (this.#unread?.body.heldBytes ?? 0)
  }

  /** Bytes kept in memory, for whatever reason. */
  get keptBytes(): number {
    return this.#delivery === undefined ? (this.#unread?.body.heldBytes ?? 0) : this.#delivery.keptBytes
  }

  /** Bytes that may go and wait for their place. */
  get leavingBytes(): number {
    return this.#outlet.pendingBytes
  }

  /** What comes now is held until the body is whole. */
  get gathers(): boolean {
    return this.#delivery === undefined ? this.#unread !== undefined : this.#delivery.gathers
  }

  /** A verdict is on its way, whatever Envoy sends, and Envoy has no timer for it. */
  get canWait(): boolean {
    return this.#outlet.canSpeakUnasked && (this.#delivery?.canWait ?? false)
  }

  onHeaders(event: HeadersEvent, known: Pinned | undefined): void {
    this.#headers = event
    this.#outlet.receivedHeaders(event.endOfStream)
    const status = Number(event.headers.get(':status'))
    const isCompletion = status >= 200 && status < 300 && !event.endOfStream
    const pinned = isCompletion ? (known ?? pinByResponse(this.#host.init, event.attributes)) : PASS
    if (pinned.kind === 'unmatched') this.#host.emit({ kind: 'count', what: 'unmatched' })
    if (pinned.kind === 'refuse') {
      this.#refuse(pinned.because, REFUSALS[pinned.because])
      return
    }
    if (pinned.kind !== 'guard' || (pinned.policy.outputRules.length === 0 && !pinned.restorer)) {
      this.#outlet.replyHeaders()
      if (event.endOfStream) this.#end()
      return
    }
    if (known === undefined && this.#host.init.observed && canIntervene(pinned.policy.outputRules)) {
      this.#host.emit({ kind: 'unenforced', policy: pinned.policy.name })
    }
    const why = whyBlind(pinned.policy, this.#host.init)
    if (why === undefined) this.#open(event, pinned)
    else this.#host.emit({ kind: 'end', status: 'failed-precondition', why })
  }

  onBody(body: Uint8Array, endOfStream: boolean): void {
    if (this.#ended) return
    this.#outlet.receivedBody(body)
    this.#take(this.#decoder === undefined ? body : this.#decoder.push(body))
    // BUFFERED sends the whole body in one message; with trailers to come it does not say that it is the end.
    if (endOfStream || this.#host.init.responseMode === 'buffered') this.#end()
  }

  onTrailers(): void {
    this.#outlet.receivedTrailers()
    const isLeft = this.heldBytes > 0 || this.#outlet.pendingBytes > 0
    if (isLeft && !this.#outlet.canSpeakUnasked && !this.#outlet.hasPlace) {
      // STREAMED leaves no place for what has not left yet once trailers came; a cut is all that is left.
      this.onClosed()
      this.#host.emit({
        kind: 'end',
        status: 'unavailable',
        why: 'trailers ended a STREAMED body that is held',
      })
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

  onGoOn(): void {
    this.#delivery?.goOn()
  }

  onWindowDue(): void {
    this.#delivery?.windowDue()
  }

  onDeadline(): void {
    if (this.#unread) this.#act({ kind: 'fault', reason: 'over-limit' })
    else this.#delivery?.deadline()
  }

  onOverBudget(): void {
    if (this.#unread) this.#act({ kind: 'fault', reason: 'over-budget' })
    else this.#delivery?.overBudget()
    const { responseMode } = this.#host.init
    if (responseMode !== 'buffered' || !this.#downstream?.over || this.#outlet.hasPlace) return
    // The only place for a refusal comes with the body that there is no room for.
    this.#host.emit({ kind: 'end', status: 'unavailable', why: 'over budget' })
  }

  onClosed(): void {
    if (this.#unread) this.#record('discarded', 'cancelled', this.#unread.guarded.policy)
    this.#unread = undefined
    this.#ended = true
    this.#delivery?.closed()
  }

  settle(): void {
    const filler = this.#heartbeatDue ? this.#delivery?.heartbeat() : undefined
    const { sent, filled } = this.#outlet.settle({ awaiting: this.#delivery?.judging ?? false, filler })
    if (filled) this.#host.emit({ kind: 'count', what: 'heartbeat' })
    if (sent > 0) this.#heartbeatDue = false
  }

  #open(event: HeadersEvent, guarded: Guarded): void {
    const { policy, format } = guarded
    if (!this.#isLive(guarded)) {
      this.#host.emit({ kind: 'start-deadline', afterMs: policy.stream.maxDurationMs })
    }
    const contentType = event.headers.get('content-type')
    const shape = format?.shapeOf(contentType, NO_BYTES)
    const { maxResponseBytes } = policy.limits
    const encoding = contentEncodingOf(event.headers.get('content-encoding'))
    const { codings } = this.#host.init
    const isReadable = encoding === undefined || codings.knows(encoding)
    this.#encoding = encoding
    if (!isReadable || shape === 'unknown-encoding') {
      if (format === undefined) this.#faultUnread(guarded, 'undecodable')
      else this.#deliver(guarded, format, 'json', 'unreadable')
    } else if (shape === 'opaque') this.#unsupported(guarded)
    else if (format !== undefined && shape === 'json') this.#deliver(guarded, format, shape)
    else {
      // A stream has to be cut into its events, and a body of unknown shape to be read, before anything goes on.
      const goesDecoded = shape !== 'event-stream' || !this.#isLive(guarded)
      if (encoding !== undefined && goesDecoded) this.#decoder = codings.open(encoding, maxResponseBytes)
      if (format !== undefined && shape === 'event-stream') this.#deliver(guarded, format, shape)
      else {
        this.#unread = { guarded, body: new UnreadBody(format, contentType, maxResponseBytes) }
        if (!this.#outlet.canWithholdHeaders) this.#replyHeaders(heldBody(policy))
      }
    }
  }

  #replyHeaders(mutation?: HeaderMutation, override?: ModeOverride): void {
    this.#outlet.replyHeaders(this.#wasDecoded ? withoutCoding(mutation) : mutation, override)
  }

  get #wasDecoded(): boolean {
    return this.#decoder !== undefined
  }

  /** Does what the bytes of an unread body call for. */
  #act(told: Told): void {
    const { guarded } = this.#unread!
    switch (told.kind) {
      case 'more':
        return
      case 'read':
        this.#read(told.format, told.shape)
        return
      case 'fault':
        if (guarded.format === undefined) this.#faultUnread(guarded, told.reason)
        else {
          // The format has its own words for it.
          this.#read(guarded.format, 'json')
          this.#delivery?.fault(told.reason)
        }
        return
      case 'unsupported':
        this.#unsupported(guarded)
        return
      case 'empty':
        this.#passUnread()
        return
      default:
        assertNever(told)
    }
  }

  /** The bytes told what they are. */
  #read(format: LlmFormat, shape: 'json' | 'event-stream'): void {
    const { guarded, body } = this.#unread!
    this.#deliver(guarded, format, shape)
    for (const chunk of body.take()) this.#delivery?.push(chunk)
  }

  /** A failure of every rule before it was known what the body is. */
  #faultUnread({ policy }: Guarded, reason: FailureReason): void {
    const { decision, outcomes } = judgeFault(policy.outputRules, reason)
    if (decision.kind === 'deny') {
      this.#refuse('failed-closed', REFUSALS.unsupported, policy, outcomes)
    } else {
      this.#record('released', 'failed-open', policy, outcomes)
      this.#passUnread()
    }
  }

  /** No format takes it: fail_mode. */
  #unsupported({ policy }: Guarded): void {
    this.#host.emit({ kind: 'count', what: 'unsupported' })
    if (policy.failMode === 'error' && !this.#host.init.observed) {
      this.#refuse('unsupported', REFUSALS.unsupported, policy)
      return
    }
    if (policy.failMode === 'warn') this.#record('released', 'unsupported', policy)
    this.#passUnread()
  }

  #passUnread(): void {
    const chunks = this.#unread?.body.take() ?? []
    this.#unread = undefined
    this.#replyHeaders()
    for (const chunk of chunks) this.#outlet.pass(chunk)
  }

  #deliver(
    pinned: Guarded,
    format: LlmFormat,
    shape: 'json' | 'event-stream',
    charset: 'readable' | 'unreadable' = 'readable',
  ): void {
    const { clientStreams, request, conversation, restorer } = pinned
    const policy = withOwnDelivery(pinned.policy)
    const contentType = this.#headers?.headers.get('content-type')
    const contentEncoding = this.#wasDecoded ? undefined : this.#encoding
    const guarded: GuardedResponse = {
      policy,
      format,
      request,
      conversation,
      restorer,
      clientStreams,
      contentType,
      contentEncoding,
      wasDecoded: this.#wasDecoded,
      shape,
    }
    this.#unread = undefined
    const isLive = this.#isLive(pinned)
    const way = isLive
      ? 'live'
      : shape === 'event-stream' && charset === 'readable'
        ? policy.stream.delivery
        : 'body'
    const downstream = new Downstream(this.#host, this.#outlet, guarded, way)
    this.#downstream = downstream
    if (isLive) {
      this.#replyHeaders()
      this.#delivery = new LiveDelivery(this.#host, downstream, guarded, charset)
    } else if (charset === 'unreadable') {
      this.#delivery = new BodyDelivery(this.#host, downstream, guarded, undefined)
      this.#delivery.fault('undecodable')
    } else if (shape === 'event-stream') this.#deliverStream(guarded, downstream)
    else this.#deliverBody(guarded, downstream)
  }

  /** Nothing can be denied or changed. */
  #isLive({ policy, restorer }: Guarded): boolean {
    return this.#host.init.observed || (!canIntervene(policy.outputRules) && restorer === undefined)
  }

  #deliverStream(guarded: GuardedResponse, downstream: Downstream): void {
    const { stream } = guarded.policy
    if (!this.#outlet.canWithholdHeaders || stream.headers === 'at_once') {
      downstream.releaseHeaders(heldBody(guarded.policy))
    }
    this.#delivery = new StreamDelivery(this.#host, downstream, guarded)
    const canBeat = guarded.format.heartbeat !== undefined && this.#host.init.responseMode !== 'buffered'
    if (canBeat) this.#host.emit({ kind: 'start-heartbeats', everyMs: stream.heartbeatMs })
  }

  #deliverBody(guarded: GuardedResponse, downstream: Downstream): void {
    const { requestMode, responseMode } = this.#host.init
    if (responseMode === 'streamed') {
      const override: ModeOverride = { requestBody: requestMode, responseBody: 'buffered' }
      downstream.releaseHeaders(heldBody(guarded.policy), override)
    } else if (responseMode === 'buffered') downstream.releaseHeaders()
    // In STREAMED the last place for bytes is the last chunk, and trailers may follow it unannounced.
    const length = responseMode === 'streamed' ? this.#headers?.headers.get('content-length') : undefined
    const expected = length === undefined ? undefined : Number(length)
    this.#delivery = new BodyDelivery(this.#host, downstream, guarded, expected)
  }

  /** Bytes as they are to be read, or why they cannot be. */
  #take(bytes: Uint8Array | DecodeFault): void {
    if (typeof bytes === 'string') this.#broken(bytes)
    else if (this.#unread) this.#act(this.#unread.body.push(bytes))
    else if (this.#delivery) this.#delivery.push(bytes)
    else this.#outlet.pass(bytes)
  }

  /** The content coding cannot be undone: nothing that follows can be read, nor passed on without its coding. */
  #broken(fault: DecodeFault): void {
    if (this.#unread) this.#act({ kind: 'fault', reason: fault === 'broken' ? 'undecodable' : fault })
    else this.#delivery?.fault(fault === 'broken' ? 'undecodable' : fault)
    if (this.#ended || this.#downstream?.over) return
    this.onClosed()
    this.#host.emit({ kind: 'end', status: 'unavailable', why: `the content coding is ${fault}` })
  }

  #end(): void {
    if (this.#ended) return
    if (this.#decoder) this.#take(this.#decoder.end())
    if (this.#ended) return
    this.#ended = true
    if (this.#unread) this.#act(this.#unread.body.end())
    if (this.#delivery) this.#delivery.end()
    else this.#outlet.finish()
  }

  /** A denial in the place of a body that no format could speak for. */
  #refuse(
    because: Because,
    error: ProviderError,
    policy?: Policy,
    outcomes: readonly RuleOutcome[] = [],
  ): void {
    this.#record('denied', because, policy, outcomes)
    this.#unread = undefined
    this.#ended = true
    const denial = { side: 'response' as const, because, findings: [] }
    const reply = errorReply(error, denial, undefined, policy, this.#host.init.stamp, undefined)
    if (this.#outlet.canReplaceAnswer) {
      this.#host.emit({ kind: 'reply', reply: { kind: 'local', ...reply } })
      this.#host.emit({ kind: 'end', status: 'ok', why: 'answered' })
    } else {
      this.#host.emit({ kind: 'end', status: 'unavailable', why: because })
    }
  }

  #record(
    effective: Effective,
    because: Because,
    policy: Policy | undefined,
    outcomes: readonly RuleOutcome[] = [],
  ): void {
    const { stamp, observed } = this.#host.init
    const record = unreadRecord(stamp.id, policy?.name, effective, because, outcomes, observed)
    const held = effective === 'released' ? 'bytesReleased' : 'bytesDiscarded'
    this.#host.emit({ kind: 'record', record: { ...record, [held]: this.heldBytes } })
  }
}

/** Where nothing can be denied there is nothing to withhold for: placeholders are restored as they come. */
function withOwnDelivery(policy: Policy): Policy {
  if (canIntervene(policy.outputRules) || policy.stream.delivery === 'window') return policy
  return { ...policy, stream: { ...policy.stream, delivery: 'window' } }
}

const PASS: Pinned = { kind: 'pass' }
const NO_BYTES = new Uint8Array(0)
