import type { Verdict } from './guardrail.ts'
import { failureReason } from './guardrail.ts'
import type { Piece } from './pieces.ts'
import { askAll, betweenCharacters, cutBefore, MAX_REQUESTS, overlapOf } from './pieces.ts'

/**
 * As askAll, for services whose limit is not known here: what one finds too large (`over-limit`) it gets again in
 * halves, and their halves, while all requests of the scan together stay within MAX_REQUESTS. Then the failure stands.
 * `halve` gives no halves of what cannot be cut any more.
 */
export async function askAllHalving<Batch>(
  batches: readonly Batch[],
  ask: (batch: Batch) => Promise<Verdict>,
  halve: (batch: Batch) => readonly Batch[],
): Promise<Verdict> {
  let left = MAX_REQUESTS - batches.length
  const askOne = async (batch: Batch): Promise<Verdict> => {
    try {
      return await ask(batch)
    } catch (error) {
      const halves = failureReason(error) === 'over-limit' ? halve(batch) : []
      if (halves.length === 0 || halves.length > left) throw error
      left -= halves.length
      return askAll(halves, askOne)
    }
  }
  return askAll(batches, askOne)
}

/** Shorter texts are over nobody's limit: something else is wrong. */
const MIN_HALVED_CHARS = 1000

/**
 * The batch in two of about the same length: between two texts when one ends near the middle, else inside of a text, at
 * a boundary and with an overlap as everywhere. Blank text is left out, so that there may be one half only. Empty for a
 * batch that is too short to be cut.
 */
export function halvesOf(batch: readonly Piece[]): readonly (readonly Piece[])[] {
  const chars = batch.reduce((sum, { text }) => sum + text.length, 0)
  if (chars <= MIN_HALVED_CHARS) return []
  let at = 0
  let before = 0
  while (before + batch[at]!.text.length < chars / 2) {
    before += batch[at]!.text.length
    at += 1
  }
  const middle = batch[at]!
  const fromStart = chars / 2 - before
  const fromEnd = middle.text.length - fromStart
  if (Math.min(fromStart, fromEnd) < chars / 8) {
    const cut = fromStart < fromEnd ? at : at + 1
    if (cut > 0 && cut < batch.length) return withText(batch.slice(0, cut), batch.slice(cut))
  }
  const [first, second] = cutPiece(middle, fromStart)
  return withText([...batch.slice(0, at), first], [second, ...batch.slice(at + 1)])
}

/** About `chars` from its start: boundaries are looked for in the last quarter before a limit. */
function cutPiece(piece: Piece, chars: number): readonly [Piece, Piece] {
  const { start, text } = piece
  const limit = Math.min(Math.round((chars * 8) / 7), text.length - 1)
  const end = cutBefore(text, 0, limit)
  const from = betweenCharacters(text, end - overlapOf(end))
  return [
    { ...piece, text: text.slice(0, end) },
    { ...piece, start: start + from, text: text.slice(from) },
  ]
}

function withText(...halves: readonly (readonly Piece[])[]): readonly (readonly Piece[])[] {
  return halves.map(half => half.filter(({ text }) => text.trim() !== '')).filter(half => half.length > 0)
}
