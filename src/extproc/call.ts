import { status as GrpcStatus, type ServerDuplexStream } from '@grpc/grpc-js'
import { assertNever } from '../errors.ts'
import type { Effect, ExchangeEvent, Reply } from '../exchange/events.ts'
import { Exchange } from '../exchange/exchange.ts'
import type { Outcome } from '../guardrail/guardrail.ts'
import { runLocalScan } from '../guardrail/run-scan.ts'
import { runStage } from '../guardrail/run-stage.ts'
import { isFinal } from '../policy/decide.ts'
import { Alarms } from './alarms.ts'
import type { CallDeps, CallEnd } from './call-deps.ts'
import { decodeProcessingRequest, type ProcessingRequest } from './decode.ts'
import { encodeReply } from './encode.ts'

type GrpcCall = ServerDuplexStream<Buffer, Buffer>
type ScanEffect = Extract<Effect, { kind: 'scan' }>

/** Remote scans that are judged together, while some of them still run. */
interface Stage {
  readonly stop: AbortController
  running: number
}

/**
 * One gRPC call: feeds the exchange and performs its effects, in order. Whatever breaks here ends the call with a
 * status that is not OK, since Envoy lets everything pass after an OK end.
 */
export class Call {
  readonly #grpc: GrpcCall
  readonly #deps: CallDeps
  readonly #onEnd: () => void
  readonly #id: string
  readonly #startedAt: number
  /** Those that end with the call, by number. */
  readonly #stages = new Map<number, Stage>()
  readonly #alarms: Alarms
  #exchange: Exchange | undefined
  /** Events not yet taken; the first is being worked on. */
  readonly #inbox: ExchangeEvent[] = []
  #ended = false
  #heldBytes = 0
  /** Reading stops for either: what is held has reached its cap, or Envoy does not take our writes. */
  #heldAtCap = false
  #writeBlocked = false

  constructor(grpc: GrpcCall, deps: CallDeps, onEnd: () => void) {
    this.#grpc = grpc
    this.#deps = deps
    this.#onEnd = onEnd
    this.#id = deps.newId()
    this.#startedAt = deps.clock()
    this.#alarms = new Alarms(deps.clock, {
      heartbeatDue: () => this.#guarded(() => this.#step({ kind: 'heartbeat-due' })),
      windowDue: () => this.#guarded(() => this.#step({ kind: 'window-due' })),
      deadline: () => this.#guarded(() => this.#step({ kind: 'deadline' })),
    })
    deps.telemetry.exchangeOpened()
    grpc.on('data', (message: Buffer) => this.#guarded(() => this.#receive(message)))
    grpc.on('end', () => this.#closedByEnvoy())
    grpc.on('cancelled', () => this.#closedByEnvoy())
    grpc.on('error', () => this.#closedByEnvoy())
    grpc.on('drain', () => this.#guarded(() => this.#drained()))
  }

  /** The drain deadline has passed: ends what is left, never OK. */
  abandon(): void {
    this.#guarded(() => this.#step({ kind: 'closed' }))
    this.#fail(GrpcStatus.UNAVAILABLE, 'shutting down', 'drained')
  }

  #receive(message: Buffer): void {
    if (this.#ended) return
    const request = decodeProcessingRequest(message)
    this.#exchange ??= this.#openExchange(request)
    if (request.event) this.#step(request.event)
  }

  #openExchange({ protocol, observabilityMode }: ProcessingRequest): Exchange {
    const policyName = this.#grpc.metadata.get('x-weir-policy')[0]
    return new Exchange({
      stamp: { id: this.#id, startedAtSec: this.#deps.unixSeconds() },
      policies: this.#deps.policies(),
      codings: this.#deps.codings,
      policyName: policyName === undefined ? undefined : String(policyName),
      // Envoy before 1.33 does not say. One answer per message is what all of its modes take.
      requestMode: protocol?.requestBodyMode ?? 'streamed',
      responseMode: protocol?.responseBodyMode ?? 'streamed',
      sendsBodyBeforeHeaderReply: protocol?.sendsBodyBeforeHeaderReply ?? false,
      observed: observabilityMode,
    })
  }

  /** Effects of one event are all performed before the next event: a local scan ends while they are. */
  #step(event: ExchangeEvent): void {
    if (this.#exchange === undefined) return
    this.#inbox.push(event)
    if (this.#inbox.length > 1) return
    for (let next = this.#inbox[0]; next !== undefined; next = this.#inbox[0]) {
      for (const effect of this.#exchange.step(next)) this.#perform(effect)
      this.#inbox.shift()
    }
    this.#reportHeld(this.#ended ? 0 : this.#exchange.heldBytes)
  }

  #reportHeld(bytes: number): void {
    if (bytes === this.#heldBytes) return
    this.#deps.telemetry.held(bytes - this.#heldBytes)
    this.#heldBytes = bytes
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case 'reply':
        this.#send(effect.reply)
        return
      case 'scan':
        this.#scan(effect)
        return
      case 'record':
        this.#deps.telemetry.decision(effect.record, this.#deps.clock() - this.#startedAt)
        return
      case 'count':
        this.#deps.telemetry.count(effect.what)
        return
      case 'unenforced':
        this.#deps.telemetry.unenforced(effect.policy)
        return
      case 'start-heartbeats':
        this.#alarms.startHeartbeats(effect.everyMs)
        return
      case 'stop-heartbeats':
        this.#alarms.stopHeartbeats()
        return
      case 'start-deadline':
        this.#alarms.startDeadline(effect.afterMs)
        return
      case 'start-window':
        this.#alarms.startWindow(effect.afterMs)
        return
      case 'pause':
      case 'resume':
        this.#heldAtCap = effect.kind === 'pause'
        this.#regulate()
        return
      case 'end':
        this.#end(effect)
        return
      default:
        assertNever(effect)
    }
  }

  #send(reply: Reply): void {
    if (this.#ended) return
    if (!this.#grpc.write(encodeReply(reply))) {
      this.#writeBlocked = true
      this.#regulate()
    }
    this.#alarms.sent(reply)
  }

  #drained(): void {
    this.#writeBlocked = false
    this.#regulate()
  }

  #regulate(): void {
    if (this.#heldAtCap || this.#writeBlocked) this.#grpc.pause()
    else this.#grpc.resume()
  }

  /** A stage is all local or all remote. Local ones answer at once, remote ones whenever they are done. */
  #scan(effect: ScanEffect): void {
    const { scan, rules, subject, lifetime } = effect
    const { clock, telemetry } = this.#deps
    const onFault = (error: unknown): void => telemetry.fault(error, this.#id)
    const settle = (outcomes: readonly Outcome[]): void =>
      this.#guarded(() =>
        this.#step({
          kind: 'scan-end',
          scan,
          outcomes: outcomes.map((outcome, index) => ({ rule: rules[index]!, outcome })),
        }),
      )
    const guardrails = rules.map(rule => rule.guardrail)
    const local = guardrails.filter(guardrail => guardrail.locality === 'local')
    if (local.length === guardrails.length) {
      settle(local.map(guardrail => runLocalScan(guardrail, subject, clock, onFault)))
      return
    }
    const task = { guardrails, subject, clock, onFault }
    if (lifetime === 'call') {
      const { stop } = this.#enterStage(effect.stage)
      runStage({ ...task, stop, isFinal: (index, outcome) => isFinal({ rule: rules[index]!, outcome }) })
        .then(settle)
        .catch((error: unknown) => this.#broke(error))
        .finally(() => this.#leaveStage(effect.stage))
      return
    }
    // Nobody waits for it, so nothing is gained by cutting it short.
    const run = (): Promise<void> =>
      runStage({ ...task, stop: new AbortController(), isFinal: () => false })
        .then(settle)
        .catch(onFault)
    if (!this.#deps.shadows.run(run))
      settle(rules.map(() => ({ kind: 'failure', reason: 'over-limit', ms: 0 })))
  }

  #enterStage(number: number): Stage {
    const stage = this.#stages.get(number) ?? { stop: new AbortController(), running: 0 }
    stage.running += 1
    this.#stages.set(number, stage)
    if (this.#ended) stage.stop.abort()
    return stage
  }

  #leaveStage(number: number): void {
    const stage = this.#stages.get(number)
    if (stage === undefined) return
    stage.running -= 1
    if (stage.running === 0) this.#stages.delete(number)
  }

  #end({ status, why }: Extract<Effect, { kind: 'end' }>): void {
    switch (status) {
      case 'ok':
        this.#close('done')
        this.#grpc.end()
        return
      case 'unavailable':
        this.#fail(GrpcStatus.UNAVAILABLE, why, 'failed')
        return
      case 'failed-precondition':
        this.#deps.telemetry.refused(why)
        this.#fail(GrpcStatus.FAILED_PRECONDITION, why, 'refused')
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
    this.#close('closed-by-envoy')
    this.#grpc.end()
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
    this.#deps.telemetry.fault(error, this.#id)
    this.#account()
    this.#fail(GrpcStatus.INTERNAL, 'internal error', 'failed')
  }

  /** What was held is accounted for, as far as a broken exchange still can. */
  #account(): void {
    if (this.#ended || this.#exchange === undefined) return
    this.#inbox.length = 0
    try {
      this.#step({ kind: 'closed' })
    } catch {
      // It broke a second time: the fault that counts is the first, and it is told.
    }
  }

  #fail(code: GrpcStatus, details: string, how: CallEnd): void {
    if (this.#ended) return
    this.#close(how)
    this.#grpc.emit('error', { code, details })
  }

  #close(how: CallEnd): void {
    if (this.#ended) return
    this.#ended = true
    this.#alarms.stop()
    for (const { stop } of this.#stages.values()) stop.abort()
    this.#reportHeld(0)
    this.#deps.telemetry.exchangeEnded(how)
    this.#onEnd()
  }
}
