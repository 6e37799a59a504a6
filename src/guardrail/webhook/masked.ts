import type { Finding } from '../guardrail.ts'
import type { Piece } from '../pieces.ts'

/** Cells of the table that aligns what lies between the first and the last change; past it all of that is one change. */
const MAX_CELLS = 250_000

/** UTF-16 offsets, end exclusive. */
export interface Stretch {
  readonly start: number
  readonly end: number
}

/**
 * What a service changed when it sent back the texts of a batch, each in its place: a finding for every changed stretch;
 * one without a place for a text in which nothing was taken out but something was put in. Empty when all came back as
 * they went.
 */
export function maskedFindings(batch: readonly Piece[], texts: readonly string[]): readonly Finding[] {
  return batch.flatMap(({ segment, start, text }, index): Finding[] => {
    const masked = texts[index]
    if (masked === text) return []
    const changed = masked === undefined ? [] : changedStretches(text, masked)
    if (changed.length === 0) return [{ detector: 'webhook' }]
    return changed.map(one => ({
      detector: 'webhook',
      span: { segment, start: start + one.start, end: start + one.end },
    }))
  })
}

/**
 * The stretches of `before` whose words are not in `after`. Words that stay are a subsequence of those of `after`, so
 * that without these stretches the text says nothing that the service did not let through.
 */
export function changedStretches(before: string, after: string): readonly Stretch[] {
  const ours = wordsOf(before)
  const theirs = wordsOf(after)
  let head = 0
  while (head < ours.length && ours[head]?.word === theirs[head]?.word) head += 1
  let tail = 0
  const most = Math.min(ours.length, theirs.length) - head
  while (tail < most && ours.at(-1 - tail)?.word === theirs.at(-1 - tail)?.word) tail += 1
  const middle = ours.slice(head, ours.length - tail)
  const kept = alignment(middle, theirs.slice(head, theirs.length - tail))
  return joined(before, middle, kept)
}

interface Word extends Stretch {
  readonly word: string
}

/** Runs of letters and digits, and each other character that is not blank. */
function wordsOf(text: string): readonly Word[] {
  return Array.from(text.matchAll(/[\p{L}\p{N}\p{M}_]+|[^\p{L}\p{N}\p{M}_\s]/gu), match => ({
    word: match[0],
    start: match.index,
    end: match.index + match[0].length,
  }))
}

/** Which words of `ours` belong to a longest common subsequence. */
function alignment(ours: readonly Word[], theirs: readonly Word[]): ReadonlySet<Word> {
  const width = theirs.length + 1
  const kept = new Set<Word>()
  if (ours.length * theirs.length > MAX_CELLS) return kept
  const lengths = new Uint32Array((ours.length + 1) * width)
  const at = (row: number, column: number) => lengths[row * width + column] ?? 0
  for (let row = ours.length - 1; row >= 0; row -= 1) {
    for (let column = theirs.length - 1; column >= 0; column -= 1) {
      lengths[row * width + column] =
        ours[row]?.word === theirs[column]?.word
          ? at(row + 1, column + 1) + 1
          : Math.max(at(row + 1, column), at(row, column + 1))
    }
  }
  let column = 0
  for (const [row, word] of ours.entries()) {
    while (column < theirs.length && at(row, column + 1) === at(row, column)) column += 1
    if (column < theirs.length && word.word === theirs[column]?.word) {
      kept.add(word)
      column += 1
    }
  }
  return kept
}

/** Signs that hold an address or a number together: a mask that spares them would still be one. */
const GLUE = /^[.@:/+-]{1,3}$/

/** Neighbours among the words that went become one stretch, with the blanks between them. */
function joined(text: string, words: readonly Word[], kept: ReadonlySet<Word>): readonly Stretch[] {
  const stretches: { start: number; end: number }[] = []
  let isNeighbour = false
  for (const word of words) {
    if (kept.has(word)) {
      isNeighbour = false
      continue
    }
    const last = stretches.at(-1)
    if (last !== undefined && (isNeighbour || GLUE.test(text.slice(last.end, word.start))))
      last.end = word.end
    else stretches.push({ start: word.start, end: word.end })
    isNeighbour = true
  }
  return stretches
}
