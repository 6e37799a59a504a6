import { assertNever } from '../errors.ts'
import { canIntervene } from '../policy/decide.ts'
import { whyBlind } from './body-modes.ts'
import type { BodyDecoder, DecodeFault } from './content-coding.ts'
import { UnreadDelivery } from './deliver-unread.ts'
import type { Delivery } from './delivery.ts'
import type { HeadersEvent } from './events.ts'
import { heldBody } from './header-mutations.ts'
import type { ExchangeHost } from './host.ts'
import { REFUSALS } from './local-reply.ts'
import { openDelivery } from './open-delivery.ts'
import { type Outlet, openOutlet } from './outlet.ts'
import { type Pinned, type PinnedGuard, pinByResponse } from './pinned.ts'
import { isLive, type ReadAs, type ResponseHead, responseOpening } from './response-opening.ts'
import { UnreadDownstream } from './unread-downstream.ts'

/**
 * The response's way through an exchange: its headers, or failing them its first bytes, choose a delivery; the body
 * goes through that, without its coding where it has to be cut.
 */
export class ResponseSide {
  readonly #host: ExchangeHost
  readonly #outlet: Outlet
  /** Undefined while the body passes unseen. */
  #delivery: Delivery | undefined
  /** Set where the body goes on without its coding. */
  #decoder: BodyDecoder | undefined
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

  /** Bytes kept in memory, for whatever reason. */
  get keptBytes(): number {
    return this.#delivery?.keptBytes ?? 0
  }

  /** Bytes that may go and wait for their place. */
  get leavingBytes(): number {
    return this.#outlet.pendingBytes
  }

  /** What comes now is held until the body is whole. */
  get gathers(): boolean {
    return this.#delivery?.gathers ?? false
  }

  /** A verdict is on its way, whatever Envoy sends, and Envoy has no timer for it. */
  get canWait(): boolean {
    return this.#outlet.canSpeakUnasked && (this.#delivery?.canWait ?? false)
  }

  onHeaders(event: HeadersEvent, known: Pinned | undefined): void {
    this.#outlet.receivedHeaders(event.endOfStream)
    const status = Number(event.headers.get(':status'))
    const isCompletion = status >= 200 && status < 300 && !event.endOfStream
    const pinned = isCompletion ? (known ?? pinByResponse(this.#host.init, event.attributes)) : PASS
    if (pinned.kind === 'unmatched') this.#passesUnmatched()
    if (pinned.kind === 'refuse') {
      const downstream = new UnreadDownstream(this.#host, this.#outlet, undefined)
      downstream.refuse(pinned.because, REFUSALS[pinned.because], 0, [])
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

  #passesUnmatched(): void {
    this.#host.emit({ kind: 'count', what: 'unmatched' })
    // An exchange that Weir only watches passes whatever is set.
    if (this.#host.init.policies.unmatched !== 'pass') return
    this.#host.emit({ kind: 'setup-gap', gap: { kind: 'passed-unmatched' } })
  }

  #open({ headers }: HeadersEvent, guarded: PinnedGuard): void {
    const { init } = this.#host
    const { stream, limits } = guarded.policy
    const [head, opening] = responseOpening(headers, guarded, init)
    // What nothing names yet is held whatever its rules may do: it may have to wait for its end to tell.
    const isHeld = !isLive(guarded, init) || (opening.kind === 'unread' && !init.observed)
    if (isHeld) this.#host.emit({ kind: 'start-deadline', afterMs: stream.maxDurationMs })
    if (head.isDecoded && head.contentEncoding !== undefined) {
      this.#decoder = init.codings.open(head.contentEncoding, limits.maxResponseBytes)
    }
    if (opening.kind === 'read') {
      this.#deliver(guarded, head, opening.as)
      return
    }
    const unread = new UnreadDelivery(this.#host, this.#outlet, guarded, head, (format, shape) =>
      this.#deliver(guarded, head, { format, shape, charset: 'readable' }),
    )
    this.#delivery = unread
    switch (opening.kind) {
      case 'unread':
        if (!this.#outlet.canWithholdHeaders) unread.releaseHeaders(heldBody(guarded.policy))
        return
      case 'undecodable':
        unread.fault('undecodable')
        return
      case 'unsupported':
        unread.unsupported()
        return
      default:
        assertNever(opening)
    }
  }

  #deliver(guarded: PinnedGuard, head: ResponseHead, as: ReadAs): Delivery {
    const delivery = openDelivery(this.#host, this.#outlet, guarded, head, as)
    this.#delivery = delivery
    if (as.charset === 'unreadable') delivery.fault('undecodable')
    return delivery
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
    const isLeft = (this.#delivery?.heldBytes ?? 0) > 0 || this.#outlet.pendingBytes > 0
    const { observed } = this.#host.init
    if (isLeft && !observed && !this.#outlet.canSpeakUnasked && !this.#outlet.hasPlace) {
      // STREAMED leaves no place for what has not left yet once trailers came; a cut is all that is left.
      this.#cut('trailers ended a STREAMED body that is held')
      return
    }
    this.#end()
  }

  /** Bytes as they are to be read, or why they cannot be. */
  #take(bytes: Uint8Array | DecodeFault): void {
    if (typeof bytes === 'string') this.#broken(bytes)
    else if (this.#delivery) this.#delivery.push(bytes)
    else this.#outlet.pass(bytes)
  }

  /** The content coding cannot be undone: nothing that follows can be read, nor passed on without its coding. */
  #broken(fault: DecodeFault): void {
    this.#delivery?.fault(fault === 'broken' ? 'undecodable' : fault)
    if (!this.#ended && !this.#delivery?.over) this.#cut(`the content coding is ${fault}`)
  }

  #cut(why: string): void {
    this.onClosed()
    // What Envoy only shows goes on whatever becomes of the call.
    if (this.#host.init.observed) return
    this.#host.emit({ kind: 'end', status: 'unavailable', why })
  }

  #end(): void {
    if (this.#ended) return
    if (this.#decoder) this.#take(this.#decoder.end())
    if (this.#ended) return
    this.#ended = true
    if (this.#delivery) this.#delivery.end()
    else this.#outlet.finish()
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
    this.#delivery?.deadline()
  }

  onOverBudget(): void {
    this.#delivery?.overBudget()
    const { responseMode } = this.#host.init
    if (responseMode !== 'buffered' || !this.#delivery?.over || this.#outlet.hasPlace) return
    // The only place for a refusal comes with the body that there is no room for.
    this.#host.emit({ kind: 'end', status: 'unavailable', why: 'over budget' })
  }

  onClosed(): void {
    this.#ended = true
    this.#delivery?.closed()
  }

  settle(): void {
    const filler = this.#heartbeatDue ? this.#delivery?.heartbeat() : undefined
    const { sent, filled } = this.#outlet.settle({ judging: this.#delivery?.judging ?? false, filler })
    if (filled) this.#host.emit({ kind: 'count', what: 'heartbeat' })
    if (sent > 0) this.#heartbeatDue = false
  }
}

const PASS: Pinned = { kind: 'pass' }
