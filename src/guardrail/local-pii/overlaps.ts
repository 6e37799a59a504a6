import type { Candidate } from './candidate.ts'

const KEPT = 1
const UNDECIDED = 2
/** So few are compared with each other, whatever they reach over: hidden characters can make one very long. */
const FEW = 32

/**
 * Of candidates that overlap, the longest counts; the others are other readings of the same characters. Candidates
 * still to come start at `openFrom` or after: those of `undecided` may lose against one of them, or against one that
 * may. Each link of such a chain goes before the one to its left, mostly by length, so there are few. `kept` is in text
 * order.
 */
export function settleOverlaps(candidates: readonly Candidate[], openFrom: number) {
  const kept: Candidate[] = []
  const undecided: Candidate[] = []
  const taken = candidates.length > FEW ? markUnits(candidates) : comparePairs(kept, undecided)
  for (const candidate of candidates.toSorted(byPrecedence)) {
    if (taken.has(candidate, KEPT)) continue
    const isOpen = candidate.end > openFrom || taken.has(candidate, UNDECIDED)
    taken.take(candidate, isOpen ? UNDECIDED : KEPT)
    if (isOpen) undecided.push(candidate)
    else kept.push(candidate)
  }
  kept.sort((a, b) => a.start - b.start)
  return { kept, undecided }
}

/** What the candidates settled so far, each at least as long as the next, leave taken. */
interface Taken {
  has(candidate: Candidate, by: number): boolean
  take(candidate: Candidate, by: number): void
}

function comparePairs(kept: readonly Candidate[], undecided: readonly Candidate[]): Taken {
  return {
    has({ start, end }, by) {
      return (by === KEPT ? kept : undecided).some(other => other.start < end && start < other.end)
    },
    take() {},
  }
}

function markUnits(candidates: readonly Candidate[]): Taken {
  const offset = candidates.reduce((least, { start }) => Math.min(least, start), Number.POSITIVE_INFINITY)
  const units = new Uint8Array(candidates.reduce((most, { end }) => Math.max(most, end - offset), 0))
  return {
    // What was taken before is at least as long, so an overlap always covers an end of this one.
    has: ({ start, end }, by) => units[start - offset] === by || units[end - 1 - offset] === by,
    take: ({ start, end }, by) => void units.fill(by, start - offset, end - offset),
  }
}

function byPrecedence(a: Candidate, b: Candidate): number {
  return b.end - b.start - (a.end - a.start) || b.score - a.score || a.rank - b.rank || a.start - b.start
}
