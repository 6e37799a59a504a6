import { endsInHalfCharacter } from '../incremental.ts'

/** How far an entity can reach over a text. */
export interface Extent {
  /** The characters it can start with. */
  readonly starts: string
  /** Every character that it can hold, and those after its end that call for a look at the one behind them. */
  readonly holds: string
  /** Units read for one entity at most, the ones behind its end included. */
  readonly reach: number
}

/**
 * Where the first entity may stand that more text can still make, extend or undo: the start of the run of its
 * characters that the text ends in. Any other entity has a character behind it that it cannot hold, and is decided.
 */
export function openTail(text: string, { starts, holds, reach }: Extent): number {
  const lowest = Math.max(0, text.length - reach)
  let start = text.length
  // What follows an entity must not be a letter, and half a character may become one.
  if (endsInHalfCharacter(text)) start--
  while (start > lowest && holds.includes(text.charAt(start - 1))) start--
  while (start < text.length && !starts.includes(text.charAt(start))) start++
  return start
}
