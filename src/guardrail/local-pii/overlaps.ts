import type { Candidate } from './candidate.ts'

/** A candidate with its place among equals: the lower `rank` is the reading that counts. */
export interface RankedCandidate extends Candidate {
  readonly rank: number
}

const KEPT = 1
const UNDECIDED = 2

/**
 * Of candidates that overlap, the longest counts; the others are other readings of the same characters. Candidates
 * still to come start at `openFrom` or after: those of `undecided` may lose against one of them, or against one that
 * may. Each link of such a chain goes before the one to its left, mostly by length, so there are few. `kept` is in text
 * order.
 */
export function settleOverlaps<T extends RankedCandidate>(candidates: readonly T[], openFrom: number) {
  const kept: T[] = []
  const undecided: T[] = []
  const offset = candidates.reduce((least, { start }) => Math.min(least, start), Number.POSITIVE_INFINITY)
  const length = candidates.reduce((most, { end }) => Math.max(most, end - offset), 0)
  const taken = new Uint8Array(length)
  const isTaken = ({ start, end }: T, by: number) =>
    taken[start - offset] === by || taken[end - 1 - offset] === by
  for (const candidate of candidates.toSorted(byPrecedence)) {
    // What was taken before is at least as long, so an overlap always covers an end of this one.
    if (isTaken(candidate, KEPT)) continue
    const isOpen = candidate.end > openFrom || isTaken(candidate, UNDECIDED)
    taken.fill(isOpen ? UNDECIDED : KEPT, candidate.start - offset, candidate.end - offset)
    if (isOpen) undecided.push(candidate)
    else kept.push(candidate)
  }
  kept.sort((a, b) => a.start - b.start)
  return { kept, undecided }
}

function byPrecedence(a: RankedCandidate, b: RankedCandidate): number {
  return b.end - b.start - (a.end - a.start) || b.score - a.score || a.rank - b.rank || a.start - b.start
}
