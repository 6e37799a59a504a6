import type { ProviderError } from '../llm/format.ts'
import type { RuleOutcome } from '../policy/decide.ts'
import type { Policy } from '../policy/policy.ts'
import type { ExchangeHost } from './host.ts'
import { errorReply } from './local-reply.ts'
import type { Outlet } from './outlet.ts'
import { type Because, type Effective, judgedRules } from './record.ts'

/** What reaches the client of a response that no format speaks for, and the record of it. */
export class UnreadDownstream {
  readonly #host: ExchangeHost
  readonly #outlet: Outlet
  readonly #policy: Policy | undefined

  constructor(host: ExchangeHost, outlet: Outlet, policy: Policy | undefined) {
    this.#host = host
    this.#outlet = outlet
    this.#policy = policy
  }

  /** An error in its place, or a cut where headers are out. */
  refuse(because: Because, error: ProviderError, heldBytes: number, outcomes: readonly RuleOutcome[]): void {
    this.record('denied', because, heldBytes, outcomes)
    const denial = { side: 'response' as const, because, findings: [] }
    const reply = errorReply(error, denial, undefined, this.#policy, this.#host.init.stamp, undefined)
    if (this.#outlet.canReplaceAnswer) {
      this.#host.emit({ kind: 'reply', reply: { kind: 'local', ...reply } })
      this.#host.emit({ kind: 'end', status: 'ok', why: 'answered' })
    } else {
      this.#host.emit({ kind: 'end', status: 'unavailable', why: because })
    }
  }

  record(
    effective: Effective,
    because: Because,
    heldBytes: number,
    outcomes: readonly RuleOutcome[] = [],
  ): void {
    const { stamp, observed } = this.#host.init
    const goesOn = effective === 'released'
    this.#host.emit({
      kind: 'record',
      record: {
        exchangeId: stamp.id,
        policy: this.#policy?.name,
        phase: 'response',
        format: undefined,
        delivery: 'body',
        effective,
        because,
        ...judgedRules(outcomes, effective, observed),
        uninspectable: 0,
        bytesReleased: goesOn ? heldBytes : 0,
        bytesDiscarded: goesOn ? 0 : heldBytes,
      },
    })
  }
}
