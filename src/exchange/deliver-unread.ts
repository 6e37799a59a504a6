import { assertNever } from '../errors.ts'
import type { FailureReason } from '../guardrail/guardrail.ts'
import type { LlmFormat } from '../llm/format.ts'
import type { RuleOutcome } from '../policy/decide.ts'
import type { Delivery } from './delivery.ts'
import type { HeaderMutation } from './events.ts'
import { withoutCoding } from './header-mutations.ts'
import type { ExchangeHost } from './host.ts'
import { judgeFault } from './judge.ts'
import { REFUSALS } from './local-reply.ts'
import type { Outlet } from './outlet.ts'
import type { PinnedGuard } from './pinned.ts'
import type { Because } from './record.ts'
import type { ResponseHead } from './response-opening.ts'
import { type Told, UnreadBody } from './unread-body.ts'
import { UnreadDownstream } from './unread-downstream.ts'

/** Opens the delivery that takes the place of this one. */
type OpenKnown = (format: LlmFormat, shape: 'json' | 'event-stream') => Delivery

/**
 * A response of which nothing tells yet what it is: held until its bytes do, and then another delivery's. What no
 * format takes passes, or is refused, by its policy.
 */
export class UnreadDelivery implements Delivery {
  readonly judging = false
  readonly canWait = false
  readonly #host: ExchangeHost
  readonly #outlet: Outlet
  readonly #guarded: PinnedGuard
  readonly #head: ResponseHead
  readonly #openKnown: OpenKnown
  readonly #downstream: UnreadDownstream
  readonly #body: UnreadBody
  /**
   *   holding → read       another delivery has it
   *           → passing    no format takes it, it is empty, or a fault that its rules forgive
   *           → over       refused, or gone with its call
   */
  #state: 'holding' | 'read' | 'passing' | 'over' = 'holding'

  constructor(
    host: ExchangeHost,
    outlet: Outlet,
    guarded: PinnedGuard,
    head: ResponseHead,
    openKnown: OpenKnown,
  ) {
    const { policy, format } = guarded
    this.#host = host
    this.#outlet = outlet
    this.#guarded = guarded
    this.#head = head
    this.#openKnown = openKnown
    this.#downstream = new UnreadDownstream(host, outlet, policy)
    this.#body = new UnreadBody(format, head.contentType, policy.limits.maxResponseBytes)
  }

  get over(): boolean {
    return this.#state === 'over'
  }

  get heldBytes(): number {
    return this.#body.heldBytes
  }

  get keptBytes(): number {
    return this.#body.heldBytes
  }

  get gathers(): boolean {
    return this.#state === 'holding'
  }

  push(bytes: Uint8Array): void {
    if (this.#state === 'passing') this.#outlet.pass(bytes)
    else if (this.#state === 'holding') this.#act(this.#body.push(bytes))
  }

  end(): void {
    const read = this.#state === 'holding' ? this.#act(this.#body.end()) : undefined
    if (read === undefined) this.#outlet.finish()
    else read.end()
  }

  fault(reason: FailureReason): void {
    if (this.#state === 'holding') this.#act({ kind: 'fault', reason })
  }

  overBudget(): void {
    this.fault('over-budget')
  }

  deadline(): void {
    if (this.#state !== 'holding') return
    // Whose words it is refused in cuts it where there is no place for them.
    this.#act({ kind: 'fault', reason: 'over-limit' })?.deadline()
  }

  closed(): void {
    if (this.#state !== 'holding') return
    // It has reached the client, as far as it went.
    if (this.#host.init.observed) this.end()
    else this.#downstream.record('discarded', 'cancelled', this.#drop())
  }

  windowDue(): void {}

  goOn(): void {}

  heartbeat(): undefined {
    return undefined
  }

  releaseHeaders(mutation: HeaderMutation | undefined): void {
    this.#outlet.replyHeaders(this.#head.isDecoded ? withoutCoding(mutation) : mutation)
  }

  /** No format takes it: fail_mode. */
  unsupported(): void {
    this.#host.emit({ kind: 'count', what: 'unsupported' })
    const { failMode } = this.#guarded.policy
    if (failMode === 'error' && !this.#host.init.observed) {
      this.#refuse('unsupported', [])
      return
    }
    if (failMode === 'warn') this.#downstream.record('released', 'unsupported', this.heldBytes)
    this.#pass()
  }

  /** Does what the bytes call for; returns the delivery that has them now. */
  #act(told: Told): Delivery | undefined {
    switch (told.kind) {
      case 'more':
        return undefined
      case 'read':
        return this.#read(told.format, told.shape)
      case 'fault':
        return this.#fault(told.reason)
      case 'unsupported':
        this.unsupported()
        return undefined
      case 'empty':
        this.#pass()
        return undefined
      default:
        return assertNever(told)
    }
  }

  #read(format: LlmFormat, shape: 'json' | 'event-stream'): Delivery {
    this.#state = 'read'
    const delivery = this.#openKnown(format, shape)
    for (const chunk of this.#body.take()) delivery.push(chunk)
    return delivery
  }

  /** A failure of every rule. */
  #fault(reason: FailureReason): Delivery | undefined {
    const { policy, format } = this.#guarded
    if (format !== undefined) {
      // The format has its own words for it.
      const delivery = this.#read(format, 'json')
      delivery.fault(reason)
      return delivery
    }
    const { decision, outcomes } = judgeFault(policy.outputRules, reason)
    if (decision.kind === 'deny' && !this.#host.init.observed) {
      this.#refuse('failed-closed', outcomes)
    } else {
      this.#downstream.record('released', 'failed-open', this.heldBytes, outcomes)
      this.#pass()
    }
    return undefined
  }

  #pass(): void {
    this.#state = 'passing'
    this.releaseHeaders(undefined)
    for (const chunk of this.#body.take()) this.#outlet.pass(chunk)
  }

  #refuse(because: Because, outcomes: readonly RuleOutcome[]): void {
    this.#downstream.refuse(because, REFUSALS.unsupported, this.#drop(), outcomes)
  }

  /** Nothing of it goes on; returns the bytes that were held. */
  #drop(): number {
    const { heldBytes } = this
    this.#state = 'over'
    this.#body.take()
    return heldBytes
  }
}
