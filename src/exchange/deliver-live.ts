import { assertNever } from '../errors.ts'
import type { Delivery } from './delivery.ts'
import type { Downstream, GuardedResponse } from './downstream.ts'
import type { ExchangeHost } from './host.ts'
import { type Judged, judge, judgeFault } from './judge.ts'
import { type Copied, LiveTap } from './live-tap.ts'
import { becauseReleased } from './record.ts'

/** Nothing can be denied or changed: chunks pass untouched and at once, a copy is judged at the end. */
export class LiveDelivery implements Delivery {
  readonly over = false
  readonly judging = false
  readonly heldBytes = 0
  readonly gathers = false
  readonly canWait = false
  readonly #host: ExchangeHost
  readonly #downstream: Downstream
  readonly #guarded: GuardedResponse
  readonly #tap: LiveTap
  readonly #readable: boolean
  #ended = false

  constructor(
    host: ExchangeHost,
    downstream: Downstream,
    guarded: GuardedResponse,
    copy: 'readable' | 'unreadable',
  ) {
    this.#host = host
    this.#downstream = downstream
    this.#guarded = guarded
    this.#tap = new LiveTap(guarded.policy.limits.maxResponseBytes)
    this.#readable = copy === 'readable'
  }

  get keptBytes(): number {
    return this.#tap.keptBytes
  }

  push(chunk: Uint8Array): void {
    this.#downstream.pass(chunk)
    this.#tap.push(chunk)
  }

  end(): void {
    this.#downstream.finish()
    this.#judgeCopy()
  }

  windowDue(): void {}

  goOn(): void {}

  /** Never while chunks pass as they came: the copy is decoded at the end. */
  fault(): void {}

  overBudget(): void {
    if (!this.#ended) this.#tap.drop('over-budget')
  }

  deadline(): void {}

  /** What was delivered before the cut is judged all the same. */
  closed(): void {
    this.#judgeCopy()
  }

  heartbeat(): undefined {
    return undefined
  }

  #judgeCopy(): void {
    if (this.#ended) return
    this.#ended = true
    if (this.#readable) this.#tap.read(this.#host, this.#guarded, copied => this.#judge(copied))
    else this.#judge({ kind: 'fault', reason: 'undecodable' })
  }

  #judge(copied: Copied): void {
    const { policy } = this.#guarded
    switch (copied.kind) {
      case 'fault':
        this.#record(judgeFault(policy.outputRules, copied.reason))
        return
      case 'text': {
        this.#downstream.countUninspectable(copied.uninspectable)
        const { segments } = copied
        const subject = {
          side: 'output' as const,
          conversation: this.#guarded.conversation,
          segments,
          final: true,
        }
        const rules = segments.length > 0 ? policy.outputRules : []
        judge(this.#host.openStage, rules, subject, 'shadow', judged => this.#record(judged))
        return
      }
      default:
        assertNever(copied)
    }
  }

  #record({ decision, outcomes }: Judged): void {
    // Until now its text was.
    this.#tap.close()
    this.#downstream.record('released', becauseReleased(decision), outcomes, 0)
  }
}
