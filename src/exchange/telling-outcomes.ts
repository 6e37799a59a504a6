import type { Outcome } from '../guardrail/guardrail.ts'
import { mostTelling, type RuleOutcome } from '../policy/decide.ts'
import type { Rule } from '../policy/policy.ts'
import { isIncremental } from './track.ts'

/** An incremental rule that has found nothing. Its cost is spread over the chunks and not measured. */
const CLEAN: Outcome = { kind: 'verdict', verdict: { kind: 'clean' }, ms: 0 }

/** The most telling outcome of each rule, over all scans of a stream. */
export class TellingOutcomes {
  readonly #outcomes = new Map<Rule, RuleOutcome>()

  constructor(rules: readonly Rule[]) {
    for (const rule of rules) if (isIncremental(rule)) this.#outcomes.set(rule, { rule, outcome: CLEAN })
  }

  get all(): readonly RuleOutcome[] {
    return [...this.#outcomes.values()]
  }

  note(outcomes: readonly RuleOutcome[]): void {
    for (const one of outcomes) {
      const known = this.#outcomes.get(one.rule)
      this.#outcomes.set(one.rule, known === undefined ? one : mostTelling(known, one))
    }
  }
}
