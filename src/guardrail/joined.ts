import type { Span } from './guardrail.ts'
import type { Piece } from './pieces.ts'

/** One unit, as `batchesOf` counts; no name, number or address runs over it. */
const SEPARATOR = '\n'

/** The batch as one text. A lone surrogate, which no service's JSON reader takes, becomes U+FFFD, a unit for a unit. */
export function joined(batch: readonly Piece[]): string {
  return batch
    .map(({ text }) => text)
    .join(SEPARATOR)
    .toWellFormed()
}

/** Where [start, end) of the joined text lies in the segments: one span in each that it touches, none for the rest. */
export function spansIn(batch: readonly Piece[], start: number, end: number): readonly Span[] {
  const spans: Span[] = []
  let at = 0
  for (const piece of batch) {
    const from = Math.max(start - at, 0)
    const to = Math.min(end - at, piece.text.length)
    if (from < to) spans.push({ segment: piece.segment, start: piece.start + from, end: piece.start + to })
    at += piece.text.length + SEPARATOR.length
  }
  return spans
}
