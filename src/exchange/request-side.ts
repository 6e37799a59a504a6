import { assertNever } from '../errors.ts'
import { canIntervene } from '../policy/decide.ts'
import { mayLeaveEarly } from './body-modes.ts'
import { CopiedRequest } from './copied-request.ts'
import type { HeadersEvent, SetupGap } from './events.ts'
import { GatheredRequest } from './gathered-request.ts'
import type { ExchangeHost } from './host.ts'
import type { Judged } from './judge.ts'
import { KnownRequest } from './known-request.ts'
import { REFUSALS } from './local-reply.ts'
import { type Outlet, openOutlet } from './outlet.ts'
import { ParallelCheck } from './parallel-check.ts'
import type { Pinned } from './pinned.ts'
import { RequestAnswers } from './request-answers.ts'
import { RequestBody } from './request-body.ts'
import { type Opening, openingOf } from './request-opening.ts'
import type { RequestWay } from './request-way.ts'
import { Upstream } from './upstream.ts'

type GuardedBody = Extract<Opening, { kind: 'body' }>

/**
 * The request's way through an exchange: its headers choose a policy, a format and a way; the body goes by that, or
 * passes unseen. With parallel rules the response then waits for the verdict of the parallel check.
 */
export class RequestSide {
  readonly #host: ExchangeHost
  readonly #outlet: Outlet
  readonly #known = new KnownRequest()
  readonly #upstream: Upstream
  /** Undefined where its body is not looked at. */
  #way: RequestWay | undefined
  /** Its verdict may come after the request has gone. */
  readonly parallel: ParallelCheck

  constructor(host: ExchangeHost) {
    this.#host = host
    this.parallel = new ParallelCheck(host, judged => this.#settleParallel(judged))
    this.#outlet = openOutlet('request', host.init.requestMode, reply => host.emit({ kind: 'reply', reply }))
    const answers = new RequestAnswers(host, this.#known)
    this.#upstream = new Upstream(host, this.#outlet, this.#known, this.parallel, answers)
  }

  /** What the response must know. Undefined while no request headers were seen. */
  get pinned(): Pinned | undefined {
    return this.begun ? this.#known.pinned : undefined
  }

  /** Its headers have come. */
  get begun(): boolean {
    return this.#upstream.state !== 'waiting'
  }

  /** The model that the request asks for, once it was read. */
  get model(): string | undefined {
    return this.#known.request?.model
  }

  /** Bytes kept in memory, for whatever reason. */
  get keptBytes(): number {
    return Math.max(this.#known.keptBytes, this.parallel.judging ? this.#known.readBytes : 0)
  }

  /** Bytes that may go and wait for their place. */
  get leavingBytes(): number {
    return this.#outlet.pendingBytes
  }

  /** What comes now is kept until a verdict. */
  get gathers(): boolean {
    return this.#way?.gathers ?? false
  }

  /** A verdict is on its way, whatever Envoy sends, and Envoy has no timer for it. */
  get canWait(): boolean {
    return this.#outlet.canSpeakUnasked && (this.#judging || this.parallel.judging)
  }

  get #judging(): boolean {
    return this.#way?.judging ?? false
  }

  /** Lets go of a copy that nobody waits for; returns whether there was one. */
  dropCopy(): boolean {
    return this.#way?.drop('over-budget') ?? false
  }

  onOverBudget(): void {
    if (this.gathers) this.#upstream.fault('over-budget')
  }

  /** The response goes on: with a verdict still to come only when it is no answer to guard. */
  onResponseOpen(): void {
    if (!this.parallel.pending) return
    this.parallel.drop()
    if (this.#upstream.state !== 'withheld') this.#upstream.record('released', 'cancelled', undefined)
  }

  #tellGap(gap: SetupGap): void {
    this.#host.emit({ kind: 'setup-gap', gap })
  }

  onHeaders(event: HeadersEvent): void {
    this.#outlet.receivedHeaders(event.endOfStream)
    const [head, opening, kept] = openingOf(event, this.#host.init)
    this.#known.head = head
    for (const { name } of kept) this.#tellGap({ kind: 'unnamed-route', policy: name })
    switch (opening.kind) {
      case 'unknown-policy':
        this.#upstream.refuse('unknown-policy', REFUSALS['unknown-policy'])
        return
      case 'unmatched':
        this.#host.emit({ kind: 'count', what: 'unmatched' })
        if (this.#host.init.policies.unmatched === 'pass') {
          this.#tellGap({ kind: 'passed-unmatched' })
          this.#passWhole(event)
        } else this.#upstream.refuse('unmatched', REFUSALS.unmatched)
        return
      case 'unruled':
        this.#passWhole(event)
        return
      case 'unsupported':
        if (this.#upstream.unsupported() === 'passes') this.#passWhole(event)
        return
      case 'upgrade':
        this.#upstream.refuse('unsupported', REFUSALS.upgrade)
        return
      case 'blind':
        this.#host.emit({ kind: 'end', status: 'failed-precondition', why: opening.why })
        this.#upstream.abandon()
        return
      case 'bodiless':
        this.#known.guarded = opening.guarded
        this.#upstream.replyHeaders('as-it-came')
        this.#upstream.finish()
        return
      case 'body':
        this.#open(opening)
        return
      default:
        assertNever(opening)
    }
  }

  #passWhole(event: HeadersEvent): void {
    this.#outlet.replyHeaders()
    const isComing = this.#outlet.canSpeakUnasked || this.#host.init.sendsBodyBeforeHeaderReply
    if (event.endOfStream || (!isComing && mayLeaveEarly(this.#host))) this.#upstream.finish()
    else this.#upstream.passRest()
  }

  #open({ guarded, way, coding }: GuardedBody): void {
    const { codings, observed } = this.#host.init
    const { policy } = guarded
    this.#known.guarded = guarded
    const inputRules = this.#known.inputRules
    if (observed && (canIntervene(inputRules) || canIntervene(policy.outputRules))) {
      this.#host.emit({ kind: 'unenforced', policy: policy.name })
    }
    if (policy.parallelRules.length > 0 && !observed) this.parallel.expect(policy)
    const body = new RequestBody(codings, coding.contentEncoding, policy.limits.maxRequestBytes)
    this.#known.body = body
    const Way = way === 'gathered' ? GatheredRequest : CopiedRequest
    this.#way = new Way(this.#host, this.#upstream, guarded, body)
    if (way === 'gathered') this.#upstream.withhold()
    else this.#upstream.letGo()
    const isUnreadable = !coding.isReadable && !observed
    if (isUnreadable && this.#known.readingRules.length > 0) this.#upstream.fault('undecodable', 415)
    else if (way === 'copied') this.#upstream.replyHeaders('as-it-came')
    else if (!this.#outlet.canWithholdHeaders) this.#upstream.replyHeaders('may-change')
  }

  onBody(body: Uint8Array, endOfStream: boolean): void {
    // As it stands when the chunk comes: where a fault lets all go that was gathered, this chunk goes with it.
    const { state } = this.#upstream
    if (state === 'over' || this.#judging) return
    this.#outlet.receivedBody(body)
    this.#known.receivedBytes += body.byteLength
    if (state === 'passing' || state === 'going') this.#outlet.pass(body)
    if (state === 'withheld' || state === 'going') this.#way?.push(body)
    // BUFFERED sends the whole body in one message; with trailers to come it does not say that it is the end.
    if (endOfStream || this.#host.init.requestMode === 'buffered') this.#end()
  }

  onTrailers(): void {
    if (this.#upstream.state === 'over' && this.#host.init.requestMode === 'full-duplex') return
    this.#outlet.receivedTrailers()
    const isHeld = this.#upstream.state === 'withheld' && (this.#known.body?.heldBytes ?? 0) > 0
    if (isHeld && !this.#judging && !this.#outlet.hasPlace) {
      // STREAMED leaves no place for what is held once trailers came.
      this.#upstream.refuse('failed-closed', REFUSALS.trailers)
    }
    this.#end()
  }

  #end(): void {
    const { state } = this.#upstream
    if (state === 'withheld' || state === 'going') this.#way?.end()
    if (this.#upstream.state === 'going' || this.#upstream.state === 'passing') this.#upstream.finish()
  }

  onClosed(): void {
    this.#upstream.abandon()
  }

  settle(): void {
    this.#outlet.settle({ judging: this.#judging })
  }

  #settleParallel(judged: Judged): void {
    if (judged.decision.kind === 'deny') {
      this.#upstream.deny(judged.decision.because, judged)
    } else if (this.#upstream.state !== 'withheld') {
      this.#upstream.recordGone(judged)
      if (this.#upstream.state === 'over') this.#upstream.leave()
    }
  }
}
