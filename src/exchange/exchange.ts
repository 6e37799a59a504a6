import { assertNever } from '../errors.ts'
import type { RuleOutcome } from '../policy/decide.ts'
import { type ReadResult, readIfLight } from './body-reading.ts'
import type { Effect, ExchangeEvent, MessageEvent, Side } from './events.ts'
import { HeldResponse } from './held-response.ts'
import type { ExchangeHost, ExchangeInit, OpenRead } from './host.ts'
import type { OpenScan, OpenStage } from './judge.ts'
import { whyNotShown } from './not-shown.ts'
import { PendingWork } from './pending-work.ts'
import { RequestSide } from './request-side.ts'
import { ResponseSide } from './response-side.ts'

const NOTHING: readonly Effect[] = []
/** Events that still count when the exchange has had its last word. */
const OUTLIVES: { readonly [kind in ExchangeEvent['kind']]?: true } = {
  'scan-end': true,
  'read-end': true,
}

/** A class, since V8 makes an object with accessors slowly and keeps it long when each has accessors of its own. */
class Host implements ExchangeHost {
  readonly init: ExchangeInit
  readonly openStage: OpenStage
  readonly openRead: OpenRead
  readonly emit: (effect: Effect) => void
  responseSeen = false
  responseOpen = false

  constructor(init: ExchangeInit, openStage: OpenStage, openRead: OpenRead, emit: (effect: Effect) => void) {
    this.init = init
    this.openStage = openStage
    this.openRead = openRead
    this.emit = emit
  }
}

/**
 * One HTTP exchange as a state machine: events in, effects out. It has no clock, no randomness and no I/O, so that
 * the same events always give the same effects. The caller performs the effects in order and feeds back the outcome
 * of every scan it was asked for.
 */
export class Exchange {
  readonly #observed: boolean
  readonly #id: string
  readonly #host: Host
  readonly #request: RequestSide
  readonly #response: ResponseSide
  #effects: Effect[] = []
  readonly #scans = new PendingWork<readonly RuleOutcome[]>()
  /** Of bodies that are read elsewhere. */
  readonly #reads = new PendingWork<ReadResult>()
  #lastStage = 0
  readonly #heldResponse = new HeldResponse()
  #paused = false
  /** We gave the answer or ended the call: nothing more is owed, whatever still comes. */
  #over = false

  constructor(init: ExchangeInit) {
    this.#observed = init.observed
    this.#id = init.stamp.id
    this.#host = new Host(init, this.#openStage, this.#openRead, effect => this.#emit(effect))
    this.#request = new RequestSide(this.#host)
    this.#response = new ResponseSide(this.#host)
  }

  /** Body bytes of both sides that are kept in memory, for whatever reason, but for those that are leaving. */
  get keptBytes(): number {
    return this.#request.keptBytes + this.#response.keptBytes + this.#heldResponse.bytes
  }

  /** What the request asks for, as the client wrote it; undefined where it was not read or names none. */
  get model(): string | undefined {
    return this.#request.model
  }

  /** Bytes of both sides that may go and wait for their place. */
  get leavingBytes(): number {
    return this.#request.leavingBytes + this.#response.leavingBytes
  }

  /** Whether a chunk of that side that came now would be kept until its body is whole. */
  gathers(side: Side): boolean {
    if (side === 'request') return this.#request.gathers
    return !this.#heldResponse.isEmpty || this.#response.gathers
  }

  /** Verdicts are on their way that nothing Envoy sends can hasten: it may wait with it. */
  get canWait(): boolean {
    return this.#request.canWait || this.#response.canWait
  }

  step(event: ExchangeEvent): readonly Effect[] {
    if (this.#over && !OUTLIVES[event.kind]) return NOTHING
    this.#take(event)
    if (!this.#over && !this.#heldResponse.isEmpty && !this.#request.parallel.pending) this.#letResponseGo()
    if (!this.#over) this.#request.settle()
    if (!this.#over) this.#response.settle()
    const effects = this.#effects
    if (effects.length === 0) return NOTHING
    this.#effects = []
    return effects
  }

  #take(event: ExchangeEvent): void {
    switch (event.kind) {
      case 'headers':
      case 'body':
      case 'trailers':
        if (event.side === 'request') this.#takeRequest(event)
        else if (this.#mustWait(event)) this.#hold(event)
        else this.#takeResponse(event)
        return
      case 'scan-end':
        this.#scans.end(event.scan, event.outcomes)
        return
      case 'read-end':
        this.#reads.end(event.read, event.result)
        return
      case 'heartbeat-due':
        this.#response.onHeartbeatDue()
        return
      case 'window-due':
        this.#response.onWindowDue()
        return
      case 'go-on':
        this.#response.onGoOn()
        return
      case 'deadline':
        if (this.#heldResponse.isEmpty) this.#response.onDeadline()
        else this.#request.parallel.onLimit('over-limit')
        return
      case 'over-budget':
        this.#overBudget()
        return
      case 'closed':
        this.#finish()
        return
      default:
        assertNever(event)
    }
  }

  #takeRequest(event: MessageEvent): void {
    if (this.#refusesUnseen(event, this.#request.begun)) return
    if (event.kind === 'headers' && this.#request.begun) this.#refuseTwice(event.side)
    else if (event.kind === 'headers') this.#request.onHeaders(event)
    else if (event.kind === 'body') this.#request.onBody(event.body, event.endOfStream)
    else this.#request.onTrailers()
  }

  #takeResponse(event: MessageEvent): void {
    if (this.#refusesUnseen(event, this.#host.responseOpen)) return
    if (event.kind === 'headers' && this.#host.responseOpen) this.#refuseTwice(event.side)
    else if (event.kind === 'headers') {
      this.#host.responseSeen = true
      this.#host.responseOpen = true
      this.#request.onResponseOpen()
      this.#response.onHeaders(event, this.#request.pinned)
    } else if (event.kind === 'body') this.#response.onBody(event.body, event.endOfStream)
    else this.#response.onTrailers()
  }

  #refusesUnseen(event: MessageEvent, begun: boolean): boolean {
    const why = this.#observed ? undefined : whyNotShown(event, begun, this.#host.init)
    if (why !== undefined) this.#emit({ kind: 'end', status: 'failed-precondition', why })
    return why !== undefined
  }

  /** No Envoy does that: what was judged so far was judged under the first ones. */
  #refuseTwice(side: Side): void {
    this.#emit({ kind: 'end', status: 'failed-precondition', why: `${side} headers came twice` })
  }

  #mustWait(event: MessageEvent): boolean {
    if (!this.#heldResponse.isEmpty) return true
    return event.kind === 'headers' && this.#request.parallel.mustHold(event)
  }

  #hold(event: MessageEvent): void {
    this.#host.responseSeen = true
    if (this.#heldResponse.isEmpty) this.#request.parallel.onHeld()
    this.#heldResponse.push(event)
    if (this.#heldResponse.bytes <= this.#request.parallel.maxHeldBytes || this.#paused) return
    if (this.#request.parallel.judging) {
      this.#paused = true
      this.#emit({ kind: 'pause' })
    } else this.#request.parallel.onLimit('over-limit')
  }

  /** What nobody waits for goes first. */
  #overBudget(): void {
    if (this.#request.dropCopy()) return
    if (this.#request.gathers) this.#request.onOverBudget()
    else if (!this.#heldResponse.isEmpty) this.#request.parallel.onLimit('over-budget')
    else this.#response.onOverBudget()
  }

  #letResponseGo(): void {
    if (this.#paused) this.#emit({ kind: 'resume' })
    this.#paused = false
    for (const event of this.#heldResponse.take()) if (!this.#over) this.#takeResponse(event)
  }

  /** What was still to be judged is discarded, and recorded so. Shadow scans run on. */
  #finish(): void {
    this.#over = true
    this.#request.onClosed()
    this.#response.onClosed()
    this.#heldResponse.take()
    this.#scans.forgetCall()
    this.#reads.forgetCall()
  }

  #openStage: OpenStage = () => {
    this.#lastStage += 1
    const stage = this.#lastStage
    return (...scan) => this.#openScan(stage, ...scan)
  }

  #openScan(stage: number, ...[rules, subject, lifetime, onEnd]: Parameters<OpenScan>): void {
    if (this.#over && lifetime === 'call') return
    const scan = this.#scans.begin(lifetime, onEnd)
    const origin = { exchangeId: this.#id, model: this.#request.model }
    this.#effects.push({ kind: 'scan', scan, stage, rules, subject: { ...subject, origin }, lifetime })
  }

  #openRead: OpenRead = (job, lifetime, done) => {
    if (this.#over && lifetime === 'call') return
    const result = readIfLight(job, this.#host.init.codings)
    if (result !== undefined) {
      done(result)
      return
    }
    this.#effects.push({ kind: 'read', read: this.#reads.begin(lifetime, done), job, lifetime })
  }

  #emit(effect: Effect): void {
    // In observability_mode Envoy takes no replies and goes on by itself.
    if (effect.kind === 'reply' && this.#observed) return
    // After the last word only the account of it is left to give.
    if (this.#over && effect.kind !== 'record' && effect.kind !== 'count') return
    if (effect.kind === 'end') this.#finish()
    this.#effects.push(effect)
  }
}
