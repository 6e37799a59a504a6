import type { TextSegment } from '../../llm/format.ts'
import type { Piece } from '../pieces.ts'
import { batchesOf, MAX_REQUESTS } from '../pieces.ts'

/** spaCy, which reads the text, refuses over 1,000,000 characters and wants 1 GB of memory for every 100,000. */
const MAX_CHARS = 100_000
/** Texts that share requests are spread over about this many … */
const SHARED_REQUESTS = 8
/** … unless they are so short that the round trip costs more than the reading. */
const MIN_SHARED_CHARS = 5000

/**
 * A request for each text. In a conversation of more texts than one scan may send requests, neighbours share them: it
 * must not fail for being long. Throws GuardrailFailure `over-limit`.
 */
export function presidioBatches(segments: readonly TextSegment[]): readonly (readonly Piece[])[] {
  const own = segments.flatMap((segment, index) =>
    batchesOf([segment], MAX_CHARS).map(batch => batch.map(piece => ({ ...piece, segment: index }))),
  )
  if (own.length <= MAX_REQUESTS) return own
  const chars = segments.reduce((sum, { text }) => sum + text.length + 1, 0)
  const shared = Math.max(MIN_SHARED_CHARS, Math.ceil(chars / SHARED_REQUESTS))
  return batchesOf(segments, Math.min(MAX_CHARS, shared))
}
