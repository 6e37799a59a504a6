import { assertNever } from '../errors.ts'
import type { BodyEvent, Effect, ExchangeEnd, ExchangeEvent, Reply, ScanEffect } from '../exchange/events.ts'
import { Exchange } from '../exchange/exchange.ts'
import type { DecisionRecord } from '../exchange/record.ts'
import { type FailureStatus, GRPC_STATUS, type Rpc, type RpcListener } from '../grpc/rpc.ts'
import type { Outcome } from '../guardrail/guardrail.ts'
import { inAnotherTurn, scanAtOnce } from '../guardrail/run-stage.ts'
import { Alarms } from './alarms.ts'
import { beginTrace } from './begin-trace.ts'
import type { CallDeps, ExchangeTrace, PolicyPin } from './call-deps.ts'
import { CallMemory, type MemoryHost } from './call-memory.ts'
import { decisionsIn } from './decision-metadata.ts'
import { decodeProcessingRequest, type ProcessingRequest } from './decode.ts'
import { encodeReply } from './encode.ts'
import { exchangeInit } from './exchange-init.ts'
import { LaterWork } from './later-work.ts'

/**
 * One gRPC call: feeds the exchange and performs its effects, in order. Whatever breaks here ends the call with a
 * status that is not OK, since Envoy lets everything pass after an OK end.
 */
export class Call implements RpcListener, MemoryHost {
  readonly #grpc: Rpc
  readonly #deps: CallDeps
  readonly #onEnd: () => void
  readonly #id: string
  readonly #startedAt: number
  /** These are made when they are first needed. */
  #laterWork: LaterWork | undefined
  #setAlarms: Alarms | undefined
  #exchange: Exchange | undefined
  #pin: PolicyPin | undefined
  #trace: ExchangeTrace | undefined
  /** Events that came while one is being worked on. */
  readonly #inbox: ExchangeEvent[] = []
  #isStepping = false
  #ended = false
  readonly #memory: CallMemory
  /** Reading stops for each: what is held has reached its cap, Envoy does not take our writes, memory is short. */
  #heldAtCap = false
  #writeBlocked = false

  constructor(grpc: Rpc, deps: CallDeps, onEnd: () => void) {
    this.#grpc = grpc
    this.#deps = deps
    this.#onEnd = onEnd
    this.#id = deps.newId()
    this.#startedAt = deps.clock()
    this.#memory = new CallMemory(deps.ledger, this, () => deps.telemetry.overBudget())
    deps.telemetry.exchangeOpened()
  }

  onMessage(message: Buffer): void {
    // Not by #guarded: this runs for every chunk.
    try {
      this.#receive(message)
    } catch (error) {
      this.#broke(error)
    }
  }

  onHalfClose(): void {
    this.#closedByEnvoy()
  }

  onCancel(): void {
    this.#closedByEnvoy()
  }

  onDrain(): void {
    this.#guarded(() => this.#drained())
  }

  onWaiting(): void {
    this.#guarded(() => this.#settle())
  }

  /** The drain deadline has passed: ends what is left, never OK. */
  abandon(): void {
    this.#guarded(() => this.#step({ kind: 'closed' }))
    this.#fail(GRPC_STATUS.unavailable, 'shutting down', 'drained')
  }

  #receive(message: Buffer): void {
    if (this.#ended) return
    const request = decodeProcessingRequest(message)
    this.#exchange ??= this.#begin(request)
    const { event } = request
    if (event === undefined) return
    if (event.kind === 'body' && !this.#memory.hasRoomFor(event.body.byteLength)) this.#admit(event)
    this.#step(event)
  }

  #begin(request: ProcessingRequest): Exchange {
    const pin = this.#deps.pin()
    this.#pin = pin
    this.#trace = beginTrace(this.#deps, this.#id, this.#startedAt, this.#grpc, request)
    return new Exchange(exchangeInit(this.#id, request, this.#grpc, pin.policies, this.#deps))
  }

  /** Effects of one event are all performed before the next event: a local scan ends while they are. */
  #step(event: ExchangeEvent): void {
    const exchange = this.#exchange
    if (exchange === undefined) return
    if (this.#isStepping) {
      this.#inbox.push(event)
      return
    }
    this.#isStepping = true
    try {
      for (let next: ExchangeEvent | undefined = event; next !== undefined; next = this.#inbox.shift()) {
        this.#performAll(exchange.step(next))
      }
    } finally {
      this.#isStepping = false
    }
    if (this.#ended) this.#dropExchange()
    this.#settle()
  }

  #admit({ side, body }: BodyEvent): void {
    if (this.#exchange?.gathers(side)) this.#memory.admit(body.byteLength)
  }

  #settle(): void {
    if (!this.#isStepping) this.#memory.settle()
  }

  get heldBytes(): number {
    // What the inbox holds is gone by the end of the turn.
    const kept = this.#exchange?.keptBytes ?? 0
    return this.#ended ? kept : kept + this.#grpc.waitingBytes
  }

  get leavingBytes(): number {
    return this.#ended ? 0 : (this.#exchange?.leavingBytes ?? 0) + this.#grpc.unsentBytes
  }

  get hasBegun(): boolean {
    return this.#exchange !== undefined
  }

  get canWait(): boolean {
    return this.#exchange?.canWait ?? false
  }

  letGo(): void {
    this.#step({ kind: 'over-budget' })
  }

  relieved(): void {
    this.#guarded(() => this.regulate())
  }

  giveUp(): void {
    this.#fail(GRPC_STATUS.resourceExhausted, 'over budget', 'failed')
  }

  /**
   * node:http2 and V8 keep a stream, and with it its call, long after its end. What was read of an exchange goes as soon
   * as no shadow scan has a word to say to it, and what it ran on may be closed.
   */
  #dropExchange(): void {
    if (this.#isStepping || this.#laterWork?.outlives) return
    const [trace, model] = [this.#trace, this.#exchange?.model]
    this.#trace = undefined
    this.#exchange = undefined
    this.#setAlarms = undefined
    this.#tell(() => this.#pin?.release())
    this.#pin = undefined
    this.#tell(() => trace?.end(model))
  }

  #performAll(effects: readonly Effect[]): void {
    const told = decisionsIn(effects)
    for (let index = 0; index < effects.length; index++) {
      const effect = effects[index]!
      if (effect.kind === 'reply') this.#send(effect.reply, index === told?.at ? told.metadata : undefined)
      else this.#perform(effect)
    }
  }

  #perform(effect: Exclude<Effect, { kind: 'reply' }>): void {
    switch (effect.kind) {
      case 'scan':
        this.#scan(effect)
        return
      case 'read':
        this.#later().read(effect)
        return
      case 'record':
        this.#decided(effect.record)
        return
      case 'count':
        this.#deps.telemetry.count(effect.what)
        return
      case 'window':
        this.#deps.telemetry.windowScanned(effect.chars)
        return
      case 'unenforced':
        this.#deps.telemetry.unenforced(effect.policy)
        return
      case 'setup-gap':
        this.#deps.telemetry.setupGap(effect.gap)
        return
      case 'start-heartbeats':
        this.#alarms().startHeartbeats(effect.everyMs)
        return
      case 'stop-heartbeats':
        this.#setAlarms?.stopHeartbeats()
        return
      case 'start-deadline':
        this.#alarms().startDeadline(effect.afterMs)
        return
      case 'start-window':
        this.#alarms().startWindow(effect.afterMs)
        return
      case 'go-on-later':
        inAnotherTurn(() => this.#guarded(() => this.#step({ kind: 'go-on' })))
        return
      case 'pause':
      case 'resume':
        this.#heldAtCap = effect.kind === 'pause'
        this.regulate()
        return
      case 'end':
        this.#end(effect)
        return
      default:
        assertNever(effect)
    }
  }

  #decided(record: DecisionRecord): void {
    this.#deps.telemetry.decision(record, this.#deps.clock() - this.#startedAt, this.#trace?.ids)
    this.#trace?.decided(record)
  }

  #alarms(): Alarms {
    this.#setAlarms ??= new Alarms(this.#deps.clock, {
      heartbeatDue: () => this.#guarded(() => this.#step({ kind: 'heartbeat-due' })),
      windowDue: () => this.#guarded(() => this.#step({ kind: 'window-due' })),
      deadline: () => this.#guarded(() => this.#step({ kind: 'deadline' })),
    })
    return this.#setAlarms
  }

  #send(reply: Reply, metadata: Buffer | undefined): void {
    if (this.#ended) return
    const message = encodeReply(reply)
    if (this.#grpc.write(metadata ? Buffer.concat([message, metadata]) : message) === 'full') {
      this.#writeBlocked = true
      this.regulate()
    }
    this.#setAlarms?.sent(reply)
  }

  #drained(): void {
    this.#writeBlocked = false
    this.regulate()
    this.#settle()
  }

  regulate(): void {
    if (this.#heldAtCap || this.#writeBlocked || this.#memory.waits) this.#grpc.pause()
    else this.#grpc.resume()
  }

  /** Local guardrails judge what is small at once. What is large, and remote ones, are answered when they are done. */
  #scan(effect: ScanEffect): void {
    const { rules, subject } = effect
    const { clock } = this.#deps
    const onFault = (error: unknown): void => this.#tellFault(error)
    const around = this.#trace?.around(effect)
    const task = { guardrails: rules.map(rule => rule.guardrail), subject, clock, onFault, around }
    const known = scanAtOnce(task)
    if (known === undefined) this.#later().scan(effect, task)
    else this.#scanned(effect, known)
  }

  #scanned({ scan, rules }: ScanEffect, outcomes: readonly Outcome[]): void {
    const known = outcomes.map((outcome, index) => ({ rule: rules[index]!, outcome }))
    this.#step({ kind: 'scan-end', scan, outcomes: known })
  }

  #later(): LaterWork {
    this.#laterWork ??= new LaterWork(this.#deps, {
      scanned: (effect, outcomes) => this.#guarded(() => this.#scanned(effect, outcomes)),
      read: ({ read }, result) => this.#guarded(() => this.#step({ kind: 'read-end', read, result })),
      broke: error => this.#broke(error),
    })
    if (this.#ended) this.#laterWork.stop()
    return this.#laterWork
  }

  #end({ status, why }: Extract<Effect, { kind: 'end' }>): void {
    switch (status) {
      case 'ok':
        this.#close('done', () => this.#grpc.end())
        return
      case 'unavailable':
        this.#fail(GRPC_STATUS.unavailable, why, 'failed')
        return
      case 'failed-precondition':
        this.#deps.telemetry.refused(why, this.#id, this.#trace?.ids)
        this.#fail(GRPC_STATUS.failedPrecondition, why, 'refused')
        return
      default:
        assertNever(status)
    }
  }

  /** Cancelled or half-closed: the normal end of a full-duplex exchange, and of one whose client went. */
  #closedByEnvoy(): void {
    if (this.#ended) return
    this.#guarded(() => this.#step({ kind: 'closed' }))
    if (this.#ended) return
    this.#close('closed-by-envoy', () => this.#grpc.end())
  }

  #guarded(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#broke(error)
    }
  }

  /** A bug of ours ends this exchange, closed, and no other. */
  #broke(error: unknown): void {
    this.#tellFault(error)
    this.#account()
    this.#fail(GRPC_STATUS.internal, 'internal error', 'failed')
    // It may have broken after its end, in the midst of a step.
    this.#dropExchange()
    this.#tell(() => this.#settle())
  }

  /** What was held is accounted for, as far as a broken exchange still can. */
  #account(): void {
    this.#inbox.length = 0
    if (this.#ended) this.#dropExchange()
    try {
      this.#step({ kind: 'closed' })
    } catch {
      // It broke a second time: the fault that counts is the first, and it is told.
    }
  }

  #fail(code: FailureStatus, details: string, how: ExchangeEnd): void {
    this.#close(how, () => this.#grpc.fail(code, details))
  }

  /** At its end: no part of it that breaks must keep Envoy waiting, or the others from being let go of. */
  #tell(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#tellFault(error)
    }
  }

  #tellFault(error: unknown): void {
    try {
      this.#deps.telemetry.fault(error, this.#id, this.#trace?.ids)
    } catch {
      // There is nobody left to tell.
    }
  }

  /** `say` gives Envoy the status. It goes first: whatever else of an end breaks, nobody must wait for it. */
  #close(how: ExchangeEnd, say: () => void): void {
    if (this.#ended) return
    this.#ended = true
    this.#tell(say)
    this.#setAlarms?.stop()
    this.#laterWork?.stop()
    this.#tell(() => this.#deps.telemetry.exchangeEnded(how))
    this.#tell(() => this.#trace?.closed(how))
    this.#onEnd()
    this.#dropExchange()
    this.#tell(() => this.#memory.ended())
  }
}
