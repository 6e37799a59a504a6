import type { Span } from '../guardrail.ts'
import type { Piece } from '../pieces.ts'

/** Everywhere `match` stands in the pieces: the service says what it masked, not where. */
export function occurrences(match: string, pieces: readonly Piece[]): readonly Span[] {
  if (match === '') return []
  return pieces.flatMap(({ segment, start, text }) => {
    const spans: Span[] = []
    for (let at = text.indexOf(match); at !== -1; at = text.indexOf(match, at + match.length)) {
      spans.push({ segment, start: start + at, end: start + at + match.length })
    }
    return spans
  })
}

/**
 * Whether what the spans leave in, is left in by the service as well: its masked texts must hold every stretch of the
 * pieces outside of the spans, in order. If one is missing, the service masked something that was not found.
 */
export function spansCoverMasks(
  pieces: readonly Piece[],
  spans: readonly Span[],
  masked: readonly string[],
): boolean {
  const maskedText = masked.join('\n')
  let from = 0
  for (const stretch of pieces.flatMap(piece => stretchesOutside(piece, spans))) {
    const at = maskedText.indexOf(stretch, from)
    if (at === -1) return false
    from = at + stretch.length
  }
  return true
}

function stretchesOutside({ segment, start, text }: Piece, spans: readonly Span[]): readonly string[] {
  const inside = spans
    .filter(span => span.segment === segment && span.start < start + text.length && span.end > start)
    .sort((a, b) => a.start - b.start)
  const stretches: string[] = []
  let at = 0
  for (const span of inside) {
    if (span.start - start > at) stretches.push(text.slice(at, span.start - start))
    at = Math.max(at, span.end - start)
  }
  if (at < text.length) stretches.push(text.slice(at))
  return stretches
}
