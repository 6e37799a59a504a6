/** Is the cut before `text[at]` one that a reader would make too? */
type IsBoundary = (text: string, at: number) => boolean

const endsWith =
  (ending: RegExp, units: number): IsBoundary =>
  (text, at) =>
    ending.test(text.slice(Math.max(0, at - units), at))

/** Best first: after a paragraph, after a sentence or line, after a space. None of them is inside a surrogate pair. */
const BOUNDARIES: readonly IsBoundary[] = [
  endsWith(/\n\r?\n$/, 3),
  endsWith(/[.!?…]\s$|[。！？\n]$/, 2),
  endsWith(/\s$/, 1),
]

/**
 * Pieces of at most `maxUnits` (2 or more) UTF-16 units that together are the text. The best boundary in a piece's
 * second half is taken, so that pieces are never less than half full; without one the cut is between two characters.
 */
export function splitText(text: string, maxUnits: number): readonly string[] {
  const pieces: string[] = []
  let start = 0
  while (text.length - start > maxUnits) {
    const end = lastCut(text, start + (maxUnits >> 1), start + maxUnits)
    pieces.push(text.slice(start, end))
    start = end
  }
  pieces.push(text.slice(start))
  return pieces
}

/** The best place to cut after `floor` and up to `limit`. */
function lastCut(text: string, floor: number, limit: number): number {
  for (const isBoundary of BOUNDARIES) {
    for (let at = limit; at > floor; at--) if (isBoundary(text, at)) return at
  }
  const isInsidePair = (text.codePointAt(limit - 1) ?? 0) > 0xffff
  return isInsidePair ? limit - 1 : limit
}
