import { decide, type RuleOutcome, stricter } from '../policy/decide.ts'
import type { Judged } from './judge.ts'

/** The outcomes of rules that only watch, whenever they come. */
export class Watched {
  #outcomes: readonly RuleOutcome[] | undefined
  #then: ((outcomes: readonly RuleOutcome[]) => void) | undefined

  settle(outcomes: readonly RuleOutcome[]): void {
    this.#outcomes = outcomes
    this.#then?.(outcomes)
  }

  /** Calls back once, now or later. */
  whenKnown(then: (outcomes: readonly RuleOutcome[]) => void): void {
    if (this.#outcomes === undefined) this.#then = then
    else then(this.#outcomes)
  }
}

/** Calls back, now or later, when the rules that only watch have their outcomes as well: for what is recorded. */
export function whenAllKnown(judged: Judged, then: (judged: Judged) => void): void {
  const [next, ...rest] = judged.watched
  if (next === undefined) then(judged)
  else {
    next.whenKnown(outcomes =>
      whenAllKnown(
        {
          ...judged,
          decision: stricter(judged.decision, decide(outcomes)),
          outcomes: [...judged.outcomes, ...outcomes],
          watched: rest,
        },
        then,
      ),
    )
  }
}
