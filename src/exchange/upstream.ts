import type { FailureReason } from '../guardrail/guardrail.ts'
import type { ProviderError } from '../llm/format.ts'
import { mayLeaveEarly } from './body-modes.ts'
import { requestMutation } from './header-mutations.ts'
import type { ExchangeHost } from './host.ts'
import { type Judged, judgeFault, whenAllKnown } from './judge.ts'
import type { KnownRequest } from './known-request.ts'
import { type FaultStatus, faultStatus, REFUSALS, requestFault } from './local-reply.ts'
import type { Outlet } from './outlet.ts'
import type { ParallelCheck } from './parallel-check.ts'
import type { Because, Effective } from './record.ts'
import type { RequestAnswers } from './request-answers.ts'

/**
 * How it stands with a request on its way:
 *
 *   waiting → withheld → going → over      nothing of it goes on until it was judged
 *           → going → over                 it goes on as it comes, and a copy is looked at
 *           → passing → over               what still comes goes on, and nobody looks at it
 *
 * `over`: all of it has gone on, or the client got an answer in its place.
 */
export type UpstreamState = 'waiting' | 'withheld' | 'going' | 'passing' | 'over'

/** The way to the upstream: what goes on, or who is answered in its place, and the record of what became of it. */
export class Upstream {
  readonly #host: ExchangeHost
  readonly #outlet: Outlet
  readonly known: KnownRequest
  /** Its verdict may come after the request has gone. */
  readonly parallel: ParallelCheck
  readonly #answers: RequestAnswers
  #state: UpstreamState = 'waiting'

  constructor(
    host: ExchangeHost,
    outlet: Outlet,
    known: KnownRequest,
    parallel: ParallelCheck,
    answers: RequestAnswers,
  ) {
    this.#host = host
    this.#outlet = outlet
    this.known = known
    this.parallel = parallel
    this.#answers = answers
  }

  get state(): UpstreamState {
    return this.#state
  }

  withhold(): void {
    this.#state = 'withheld'
  }

  /** Nothing holds it back any more; what is left of it goes by `release` or as it comes. */
  letGo(): void {
    this.#state = 'going'
  }

  passRest(): void {
    this.#state = 'passing'
  }

  /** `may-change`: the body may be redacted, or already is. */
  replyHeaders(body: 'as-it-came' | 'may-change'): void {
    const { guarded } = this.known
    this.#outlet.replyHeaders(guarded && requestMutation(guarded.policy, body))
  }

  /** All of it is here, and goes. */
  release(): void {
    this.replyHeaders('as-it-came')
    this.#passHeld()
    this.finish()
  }

  /** All of it has gone. */
  finish(): void {
    this.#outlet.finish()
    this.#state = 'over'
    this.known.forgetTexts()
    this.leave()
  }

  /** Ends the call where nothing is left to inspect. */
  leave(): void {
    const { guarded, restores } = this.known
    const isAnswerGuarded = (guarded?.policy.outputRules.length ?? 0) > 0
    const isNeeded = isAnswerGuarded || restores || this.parallel.pending
    if (isNeeded || !mayLeaveEarly(this.#host)) return
    this.#outlet.settle({ judging: false })
    this.#host.emit({ kind: 'end', status: 'ok', why: 'nothing left to inspect' })
  }

  /** Nothing of it is left to judge. */
  goOn(): void {
    this.parallel.drop()
    if (this.#state === 'withheld') this.release()
    else if (this.#state === 'over') this.leave()
  }

  /** One failure of every rule that it is read for: refuses it, or lets all of it pass. `status`: where the reason alone is not it. */
  fault(reason: FailureReason, status: FaultStatus = faultStatus(reason)): void {
    const judged = judgeFault(this.known.readingRules, reason)
    if (judged.decision.kind === 'deny') {
      this.refuse('failed-closed', requestFault(status), judged)
      return
    }
    this.parallel.drop()
    this.record('released', 'failed-open', judged)
    this.replyHeaders('as-it-came')
    // Outside of `withheld` it is a copy.
    if (this.#state === 'withheld') this.#passHeld()
    else this.known.body?.take()
    if (this.#state === 'over') this.leave()
    else this.passRest()
  }

  #passHeld(): void {
    for (const chunk of this.known.body?.take() ?? []) this.#outlet.pass(chunk)
  }

  /** Traffic that no guard can look at: fail_mode. */
  unsupported(): 'passes' | 'refused' {
    this.#host.emit({ kind: 'count', what: 'unsupported' })
    const failMode = this.known.head.policy?.failMode
    if (failMode === 'error') {
      this.refuse('unsupported', REFUSALS.unsupported)
      return 'refused'
    }
    if (failMode === 'warn') this.record('released', 'unsupported', undefined)
    return 'passes'
  }

  deny(because: Because, judged: Judged | undefined): void {
    this.#decide()
    this.#answers.deny(because, judged)
  }

  /** A denial that is an error whatever deny_code says. */
  refuse(because: Because, error: ProviderError, judged?: Judged): void {
    if (this.#host.init.observed) {
      this.record('released', because, judged)
      this.passRest()
      return
    }
    this.#decide()
    this.#answers.refuse(because, error, judged)
  }

  /** Before the answer, which ends the exchange: what is undecided then is recorded as discarded. */
  #decide(): void {
    this.parallel.drop()
    this.#state = 'over'
    this.known.body?.take()
  }

  /** Nobody waits for what becomes of it. */
  abandon(): void {
    if (this.#state === 'withheld') this.record('discarded', 'cancelled', undefined)
    else if (this.parallel.pending) this.record('released', 'cancelled', undefined)
    this.#state = 'over'
  }

  /** It went on, or goes now: the record comes when the rules that only watch have had their word. */
  recordGone(judged: Judged): void {
    this.known.isWatched = judged.watched.length > 0
    whenAllKnown(judged, all => {
      this.known.isWatched = false
      if (all.decision.kind === 'release') this.record('released', all.decision.because, all)
      else this.record('redacted', 'flagged', all)
    })
  }

  record(effective: Effective, because: Because, judged: Judged | undefined): void {
    this.#answers.record(effective, because, judged)
  }
}
