import type { TextSegment } from '../llm/format.ts'
import type { Redaction } from './decide.ts'

/** One stretch of a text and what takes its place. UTF-16 positions, end exclusive. */
export interface Replacement {
  readonly start: number
  readonly end: number
  readonly placeholder: string
}

/**
 * The redactions of each segment, in order and without overlap. Those that overlap become one, named by the first of
 * them.
 */
export function replacementsOf(
  redactions: readonly Redaction[],
): ReadonlyMap<number, readonly Replacement[]> {
  const bySegment = new Map<number, Replacement[]>()
  const ordered = [...redactions].sort((a, b) => a.span.start - b.span.start || b.span.end - a.span.end)
  for (const { span, detector } of ordered) {
    const list = bySegment.get(span.segment) ?? []
    bySegment.set(span.segment, list)
    const last = list.at(-1)
    if (last !== undefined && span.start < last.end) {
      list[list.length - 1] = { ...last, end: Math.max(last.end, span.end) }
    } else list.push({ start: span.start, end: span.end, placeholder: placeholder(detector) })
  }
  return bySegment
}

/** The segments with every redaction replaced by its placeholder, as in `<EMAIL>` for `pii/email`. Segments without one
 * are the same objects. */
export function redactSegments(
  segments: readonly TextSegment[],
  redactions: readonly Redaction[],
): readonly TextSegment[] {
  const replacements = replacementsOf(redactions)
  return segments.map((segment, index) => {
    const list = replacements.get(index)
    return list ? { ...segment, text: redactPiece(segment.text, 0, list) } : segment
  })
}

/**
 * A piece of a longer text, which begins at position `from` there, with the replacements of that longer text made in it.
 * A placeholder stands where its stretch begins; the pieces it goes on into lose their part of it.
 */
export function redactPiece(piece: string, from: number, replacements: readonly Replacement[]): string {
  const to = from + piece.length
  let out = ''
  let at = from
  for (const { start, end, placeholder } of replacements) {
    if (end <= from || start >= to) continue
    out += piece.slice(at - from, Math.max(start, at) - from)
    if (start >= from) out += placeholder
    at = Math.min(end, to)
  }
  return out + piece.slice(at - from)
}

/**
 * Redactions found in texts that were redacted before, as places of the original texts. What touches a placeholder
 * takes all of the stretch behind it.
 */
export function inOriginal(earlier: readonly Redaction[], later: readonly Redaction[]): readonly Redaction[] {
  const replacements = replacementsOf(earlier)
  return later.map(redaction => {
    const { segment, start, end } = redaction.span
    const list = replacements.get(segment)
    if (list === undefined) return redaction
    return { ...redaction, span: { segment, start: originalStart(list, start), end: originalEnd(list, end) } }
  })
}

function originalStart(replacements: readonly Replacement[], position: number): number {
  let shift = 0
  for (const { start, end, placeholder } of replacements) {
    const from = start - shift
    if (position < from) break
    if (position < from + placeholder.length) return start
    shift += end - start - placeholder.length
  }
  return position + shift
}

function originalEnd(replacements: readonly Replacement[], position: number): number {
  let shift = 0
  for (const { start, end, placeholder } of replacements) {
    const from = start - shift
    if (position <= from) break
    if (position <= from + placeholder.length) return end
    shift += end - start - placeholder.length
  }
  return position + shift
}

function placeholder(detector: string): string {
  const entity = detector.slice(detector.lastIndexOf('/') + 1)
  return `<${entity.toUpperCase().replace(/[^A-Z0-9]+/g, '_')}>`
}
