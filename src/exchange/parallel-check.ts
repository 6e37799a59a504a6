import type { TextSegment } from '../llm/format.ts'
import { stricter } from '../policy/decide.ts'
import { conversationRules } from '../policy/needs.ts'
import type { Policy } from '../policy/policy.ts'
import type { HeadersEvent } from './events.ts'
import type { ExchangeHost } from './host.ts'
import { type Judged, judge, judgeFault } from './judge.ts'

/**
 * The check of a request that is on its way to the upstream already (`during_call`): the response waits for its
 * verdict.
 *
 *   unasked → gathering → judging → settled
 */
export class ParallelCheck {
  readonly #host: ExchangeHost
  readonly #onVerdict: (judged: Judged) => void
  #state: 'unasked' | 'gathering' | 'judging' | 'settled' = 'unasked'
  #policy: Policy | undefined
  /** Why nobody waits for its verdict any more, though nothing was judged. */
  #fault: Judged | undefined

  constructor(host: ExchangeHost, onVerdict: (judged: Judged) => void) {
    this.#host = host
    this.#onVerdict = onVerdict
  }

  /** No response may go on yet. */
  get pending(): boolean {
    return this.#state === 'gathering' || this.#state === 'judging'
  }

  /** The verdict is on its way, whatever Envoy sends or does not send. */
  get judging(): boolean {
    return this.#state === 'judging'
  }

  /** Most bytes of the response that may wait. */
  get maxHeldBytes(): number {
    return this.#policy?.stream.maxHeldBytes ?? 0
  }

  /**
   * Whether a response that begins now has to wait. An error of the upstream's that comes before it has the whole
   * request does not: the rest of the request may never come then.
   */
  mustHold({ headers }: HeadersEvent): boolean {
    return this.judging || (this.pending && (headers.get(':status')?.startsWith('2') ?? false))
  }

  /** There will be something to judge once the request is complete. */
  expect(policy: Policy): void {
    this.#policy = policy
    this.#state = 'gathering'
  }

  /** `earlier`: what the rules came to that ran before the request went on. */
  judge(segments: readonly TextSegment[], earlier: Judged | undefined): void {
    this.#state = 'judging'
    const rules = this.#policy?.parallelRules ?? []
    judge(this.#host.openStage, rules, { side: 'input', segments }, 'call', judged => {
      if (this.#state !== 'judging') return
      this.#settle(earlier ? together(earlier, judged) : judged)
    })
  }

  /** The first part of a response waits. */
  onHeld(): void {
    const afterMs = this.#policy?.stream.maxDurationMs
    if (afterMs !== undefined) this.#host.emit({ kind: 'start-deadline', afterMs })
  }

  /** A response has waited too long, or has become too large. */
  onLimit(reason: 'over-limit' | 'over-budget'): void {
    const policy = this.#policy
    if (policy === undefined || !this.pending) return
    // Of a request that was not read yet the rules know nothing either that judge its answer by it.
    const blind = this.judging ? [] : conversationRules(policy)
    this.#fault = judgeFault([...policy.parallelRules, ...blind], reason)
    this.#settle(this.#fault)
  }

  /** For the record of a request that goes on after the check is over: what that came to beside `judged`. */
  recorded(judged: Judged): Judged {
    return this.#fault === undefined ? judged : together(judged, this.#fault)
  }

  /** Without a verdict: the response need not wait any more. */
  drop(): void {
    this.#state = 'settled'
  }

  #settle(judged: Judged): void {
    this.#state = 'settled'
    this.#onVerdict(judged)
  }
}

/** What two sets of rules came to over one request. */
function together(first: Judged, second: Judged): Judged {
  return {
    ...first,
    decision: stricter(first.decision, second.decision),
    outcomes: [...first.outcomes, ...second.outcomes],
    watched: [...first.watched, ...second.watched],
  }
}
