import type { Span } from '../guardrail.ts'
import type { Piece } from '../pieces.ts'

/** Where the service says that something stands. Anything may be missing or wrong. */
export interface Place {
  readonly messageIndex?: number | null | undefined
  readonly contentIndex?: number | null | undefined
  readonly beginOffset?: number | null | undefined
  readonly endOffset?: number | null | undefined
}

/**
 * The span of a place, or undefined for one that cannot be relied on: whoever redacts must not leave half of it in. The
 * reference says "character offset" and no unit. Up to the first character beyond the BMP, UTF-16 units and code points
 * are the same; behind it the place might be either. Nor is a place relied on that begins or ends inside of a word of
 * ASCII letters and digits, as one would that counts bytes, or whose end is the last character.
 */
export function spanOf(place: Place, places: readonly (readonly Piece[])[]): Span | undefined {
  const { messageIndex, contentIndex, beginOffset: begin, endOffset: end } = place
  const piece = places[messageIndex ?? -1]?.[contentIndex ?? -1]
  if (piece === undefined || !isOffset(begin) || !isOffset(end)) return undefined
  const { segment, start, text } = piece
  if (begin >= end || end > text.length) return undefined
  if (/[\ud800-\udfff]/.test(text.slice(0, end)) || text.slice(begin, end).trim() === '') return undefined
  if (isInsideWord(text, begin) || isInsideWord(text, end)) return undefined
  return { segment, start: start + begin, end: start + end }
}

function isOffset(value: number | null | undefined): value is number {
  return Number.isInteger(value) && Number(value) >= 0
}

function isInsideWord(text: string, at: number): boolean {
  return at > 0 && /^[A-Za-z0-9]{2}/.test(text.slice(at - 1, at + 1))
}
