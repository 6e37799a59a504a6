import type { Span } from '../guardrail.ts'
import { spansIn } from '../joined.ts'
import { codePointOffsets } from '../text/code-points.ts'
import type { SentMessage } from './request.ts'

/** One match of a detector in one message, as the service tells it. */
export interface Match {
  readonly text: string
  /** In a unit that Lakera does not document. */
  readonly start?: number | null | undefined
  /** Whether it is exclusive, Lakera does not document either. */
  readonly end?: number | null | undefined
}

/** UTF-16 offsets into a message's content, end exclusive. */
interface Range {
  readonly start: number
  readonly end: number
}

/** Where matches stand in one message, as places of the segments that it came from. */
export interface Places {
  /** Empty for a match that cannot be found there, or that lies in what stands for no segment. */
  of(match: Match): readonly Span[]
}

/**
 * Offsets are believed only where the match's own text stands there: counted in code points or in UTF-16 units, the end
 * exclusive or else inclusive. Where both units fit at different places, both are taken. Where none does, every
 * occurrence of the text is.
 */
export function placesIn({ content, pieces }: SentMessage): Places {
  let counted: readonly number[] | undefined
  const codePoints = (): readonly number[] => {
    counted ??= codePointOffsets(content)
    return counted
  }
  return {
    of(match) {
      const ranges = statedRanges(match, content, codePoints) ?? occurrences(match.text, content)
      return ranges.flatMap(({ start, end }) => spansIn(pieces, start, end))
    },
  }
}

function statedRanges(
  { text, start, end }: Match,
  content: string,
  codePoints: () => readonly number[],
): readonly Range[] | undefined {
  if (typeof start !== 'number' || typeof end !== 'number') return undefined
  const offsets = codePoints()
  for (const stop of [end, end + 1]) {
    const inCodePoints = { start: offsets[start] ?? -1, end: offsets[stop] ?? -1 }
    const fitting = [inCodePoints, { start, end: stop }].filter(range => stands(text, content, range))
    if (fitting.length > 0) return fitting
  }
  return undefined
}

function stands(text: string, content: string, { start, end }: Range): boolean {
  return start >= 0 && end - start === text.length && content.startsWith(text, start)
}

/** Those that overlap are one range, so that a text which repeats itself stays one. */
function occurrences(text: string, content: string): readonly Range[] {
  const ranges: { readonly start: number; end: number }[] = []
  if (text === '') return ranges
  for (let at = content.indexOf(text); at !== -1; at = content.indexOf(text, at + 1)) {
    const last = ranges.at(-1)
    if (last !== undefined && at < last.end) last.end = at + text.length
    else ranges.push({ start: at, end: at + text.length })
  }
  return ranges
}
