import type { RuleOutcome } from '../policy/decide.ts'

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
