import type { LocalGuardrail } from '../../src/guardrail/guardrail.ts'
import { findingsIn } from './detectors.ts'
import type { AttackText, Placed } from './item.ts'

export interface Scored {
  readonly item: Placed<AttackText>
  /** The highest score of its findings, 0 without any; a finding without a score counts as 1. */
  readonly score: number
}

export const measureAttacks = (guardrail: LocalGuardrail, items: readonly Placed<AttackText>[]): Scored[] =>
  items.map(item => ({
    item,
    score: findingsIn(guardrail, item.text, item.channel).reduce(
      (highest, { score = 1 }) => Math.max(highest, score),
      0,
    ),
  }))

/** The lowest threshold at which no more than this share of harmless texts is flagged. */
export function thresholdFor(harmless: readonly Scored[], share: number): number {
  const scores = harmless.map(({ score }) => score).sort((a, b) => b - a)
  const allowed = Math.floor(share * scores.length)
  // Just above the score of the first text that must not be flagged any more.
  return Math.min(1, (scores[allowed] ?? 0) + 1e-9)
}

export const flagged = (scored: readonly Scored[], threshold: number): number =>
  scored.filter(({ score }) => score > 0 && score >= threshold).length
