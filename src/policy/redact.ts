import type { TextSegment } from '../llm/format.ts'
import type { Redaction } from './decide.ts'

/**
 * The segments with every redaction replaced by its placeholder, as in `<EMAIL>` for `pii/email`. Overlapping or
 * touching-inside spans become one placeholder, named by the first of them. Segments without one are the same objects.
 */
export function redactSegments(
  segments: readonly TextSegment[],
  redactions: readonly Redaction[],
): readonly TextSegment[] {
  const bySegment = new Map<number, Redaction[]>()
  for (const redaction of redactions) {
    const list = bySegment.get(redaction.span.segment)
    if (list) list.push(redaction)
    else bySegment.set(redaction.span.segment, [redaction])
  }
  return segments.map((segment, index) => {
    const list = bySegment.get(index)
    return list ? { ...segment, text: redactText(segment.text, list) } : segment
  })
}

function redactText(text: string, redactions: Redaction[]): string {
  redactions.sort((a, b) => a.span.start - b.span.start || b.span.end - a.span.end)
  let out = ''
  let at = 0
  for (const { span, detector } of redactions) {
    if (span.start >= at) out += `${text.slice(at, span.start)}${placeholder(detector)}`
    at = Math.max(at, span.end)
  }
  return out + text.slice(at)
}

function placeholder(detector: string): string {
  const entity = detector.slice(detector.lastIndexOf('/') + 1)
  return `<${entity.toUpperCase().replace(/[^A-Z0-9]+/g, '_')}>`
}
