import type { RuleOutcome } from '../policy/decide.ts'
import type { Rule } from '../policy/policy.ts'
import type { GuardedResponse } from './downstream.ts'
import type { ExchangeHost } from './host.ts'
import { judge, judgeFault } from './judge.ts'
import { type Copied, LiveTap } from './live-tap.ts'

/** A copy of a held event stream, for rules that only watch: they judge it at the end, and nobody waits for them. */
export class WatchedCopy {
  readonly #host: ExchangeHost
  readonly #guarded: GuardedResponse
  readonly #watching: readonly Rule[]
  readonly #tap: LiveTap

  constructor(host: ExchangeHost, guarded: GuardedResponse, watching: readonly Rule[]) {
    this.#host = host
    this.#guarded = guarded
    this.#watching = watching
    this.#tap = new LiveTap(guarded.policy.limits.maxResponseBytes)
  }

  get keptBytes(): number {
    return this.#tap.keptBytes
  }

  push(chunk: Uint8Array): void {
    this.#tap.push(chunk)
  }

  drop(why: 'over-budget'): void {
    this.#tap.drop(why)
  }

  /** What the rules say to all that the upstream said, as local rules let it be seen; `done` is called now or later. */
  judge(done: (outcomes: readonly RuleOutcome[]) => void): void {
    this.#tap.read(this.#host, this.#guarded, copied =>
      this.#judgeCopied(copied, outcomes => {
        this.#tap.close()
        done(outcomes)
      }),
    )
  }

  #judgeCopied(copied: Copied, done: (outcomes: readonly RuleOutcome[]) => void): void {
    const { policy, conversation } = this.#guarded
    if (copied.kind === 'fault') {
      done(judgeFault(this.#watching, copied.reason).outcomes)
      return
    }
    const { segments } = copied
    const redacting = policy.outputRules.filter(
      ({ action, guardrail }) => action === 'redact' && guardrail.locality === 'local',
    )
    const rules = segments.length > 0 ? [...redacting, ...this.#watching] : []
    const subject = { side: 'output' as const, conversation, segments, final: true }
    judge(this.#host.openStage, rules, subject, 'shadow', ({ outcomes }) =>
      done(outcomes.filter(({ rule }) => this.#watching.includes(rule))),
    )
  }
}
