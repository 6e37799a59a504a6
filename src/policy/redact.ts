import type { TextSegment } from '../llm/format.ts'
import { type Name, plainName } from './placeholder.ts'
import type { Redaction } from './redaction.ts'

/** One stretch of a text and what takes its place. UTF-16 positions, end exclusive. */
export interface Replacement {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** A replacement that says what was found there, so that one that overlaps it can be joined to it. */
export interface Redacted extends Replacement {
  readonly redaction: Redaction
}

/**
 * Puts a redaction among those of its text, which stand in order and do not overlap. Those that it overlaps become one
 * with it, named by the first of them. `original` gives the text between two positions.
 */
export function insertRedaction(
  list: Redacted[],
  redaction: Redaction,
  original: (start: number, end: number) => string,
  name: Name,
): void {
  let { start, end } = redaction.span
  let first = redaction
  // Findings come mostly in order: their place is near the end.
  let from = list.length
  while (from > 0 && list[from - 1]!.end > start) from -= 1
  let to = from
  while (to < list.length && list[to]!.start < end) to += 1
  const joined = list.slice(from, to)
  if (joined[0] !== undefined && joined[0].start <= start) first = joined[0].redaction
  for (const one of joined) {
    start = Math.min(start, one.start)
    end = Math.max(end, one.end)
  }
  const text = name(first, original(start, end))
  list.splice(from, joined.length, { start, end, text, redaction: first })
}

/** The redactions of each segment, in order and without overlap. */
export function redactionsBySegment(
  segments: readonly TextSegment[],
  redactions: readonly Redaction[],
  name: Name = plainName,
): ReadonlyMap<number, readonly Redacted[]> {
  const bySegment = new Map<number, Redacted[]>()
  const ordered = [...redactions].sort((a, b) => a.span.start - b.span.start || b.span.end - a.span.end)
  for (const redaction of ordered) {
    const index = redaction.span.segment
    const segment = segments[index]
    const list = bySegment.get(index) ?? []
    bySegment.set(index, list)
    insertRedaction(
      list,
      redaction,
      (start, end) => segment?.text.slice(start, end) ?? '',
      (one, original) => name(one, original, segment?.syntax),
    )
  }
  return bySegment
}

/** The segments with their replacements made. Those without any are the same objects. */
export function redactSegments(
  segments: readonly TextSegment[],
  replacements: ReadonlyMap<number, readonly Replacement[]>,
): readonly TextSegment[] {
  return segments.map((segment, index) => {
    const list = replacements.get(index)
    return list ? { ...segment, text: redactPiece(segment.text, 0, list) } : segment
  })
}

/**
 * A piece of a longer text, which begins at position `from` there, with the replacements of that longer text made in it.
 * What takes a stretch's place stands where the stretch begins; the pieces it goes on into lose their part of it.
 */
export function redactPiece(piece: string, from: number, replacements: readonly Replacement[]): string {
  const to = from + piece.length
  let out = ''
  let at = from
  for (let index = firstAfter(replacements, from); index < replacements.length; index++) {
    const { start, end, text } = replacements[index]!
    if (start >= to) break
    out += piece.slice(at - from, Math.max(start, at) - from)
    if (start >= from) out += text
    at = Math.min(end, to)
  }
  return at === from && out === '' ? piece : out + piece.slice(at - from)
}

/** The index of the first one that ends after `position`. */
function firstAfter(replacements: readonly Replacement[], position: number): number {
  let [low, high] = [0, replacements.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (replacements[middle]!.end <= position) low = middle + 1
    else high = middle
  }
  return low
}

/**
 * A redaction found in a redacted piece, as a place of the text before. The piece begins at `from` there. What touches
 * a replacement takes all of the stretch behind it.
 */
export function inOriginal(redaction: Redaction, replacements: readonly Replacement[], from = 0): Redaction {
  const { segment, start, end } = redaction.span
  const first = placeOf(replacements, from, start)
  const last = placeOf(replacements, from, end - 1)
  return { ...redaction, span: { segment, start: first.start, end: last.end } }
}

/** The stretch of the original that the character at `position` of the redacted piece stands for. */
function placeOf(
  replacements: readonly Replacement[],
  from: number,
  position: number,
): { readonly start: number; readonly end: number } {
  let [at, left] = [from, position]
  for (let index = firstAfter(replacements, from); index < replacements.length; index++) {
    const { start, end, text } = replacements[index]!
    // One that begins before the piece left nothing in it.
    if (start >= from) {
      if (left < start - at) break
      left -= start - at
      if (left < text.length) return { start, end }
      left -= text.length
    }
    at = end
  }
  return { start: at + left, end: at + left + 1 }
}

/**
 * What changes between two positions: both lists as one, in order, and of `weaker` only what touches nothing of
 * `stronger`.
 */
export function overlay(
  stronger: readonly Replacement[],
  weaker: readonly Replacement[],
  from = 0,
  to: number = Number.POSITIVE_INFINITY,
): readonly Replacement[] {
  const free = within(weaker, from, to).filter(one => {
    const next = stronger[firstAfter(stronger, one.start)]
    return next === undefined || next.start >= one.end
  })
  const own = within(stronger, from, to)
  return free.length === 0 ? own : [...own, ...free].sort((a, b) => a.start - b.start)
}

function within(list: readonly Replacement[], from: number, to: number): readonly Replacement[] {
  const first = firstAfter(list, from)
  let last = first
  while (last < list.length && list[last]!.start < to) last += 1
  return list.slice(first, last)
}
