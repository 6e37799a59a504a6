/** A stretch of one segment: `text` stands at `start` (UTF-16) of `segments[segment].text`. */
export interface Piece {
  readonly segment: number
  readonly start: number
  readonly text: string
}

/** What a piece repeats of the one before: of a phrase on the cut, half as long, one of them sees the whole. */
const OVERLAP_CHARS = 200

/** From the best place to cut to the worst. Each match ends where a piece may end; none of them backtracks. */
const BOUNDARIES = [/\n\n/g, /[.!?]\s|[。！？\n]/g, /\s/g]

/**
 * Cuts a text into pieces of at most `maxChars` UTF-16 units, at least 1000: after a paragraph, else a sentence, else
 * a space where there is one in the second half of the piece, and never inside a surrogate pair. Every character is
 * in a piece; blank pieces are left out, since the service refuses them.
 */
export function splitText(segment: number, text: string, maxChars: number): readonly Piece[] {
  const pieces: Piece[] = []
  let start = 0
  for (;;) {
    const end = text.length - start <= maxChars ? text.length : cutBefore(text, start, start + maxChars)
    const piece = text.slice(start, end)
    if (piece.trim() !== '') pieces.push({ segment, start, text: piece })
    if (end === text.length) return pieces
    start = overlapStart(text, end)
  }
}

function cutBefore(text: string, start: number, limit: number): number {
  const floor = start + Math.floor((limit - start) / 2)
  const late = text.slice(floor, limit)
  for (const boundary of BOUNDARIES) {
    const last = [...late.matchAll(boundary)].at(-1)
    if (last !== undefined) return floor + last.index + last[0].length
  }
  return outsidePair(text, limit)
}

/** With a whole word, where one begins in the first half of the overlap. */
function overlapStart(text: string, end: number): number {
  const earliest = end - OVERLAP_CHARS
  const space = text.slice(earliest, end - OVERLAP_CHARS / 2).search(/\s\S/)
  return space === -1 ? outsidePair(text, earliest) : earliest + space + 1
}

/** `at`, or one less where it would part the halves of a surrogate pair. */
function outsidePair(text: string, at: number): number {
  return /^[\uD800-\uDBFF][\uDC00-\uDFFF]/.test(text.slice(at - 1, at + 1)) ? at - 1 : at
}
