/** One stretch of text that is an entity, in UTF-16 offsets, end exclusive. `score` is 0 to 1. */
export interface Candidate {
  readonly start: number
  readonly end: number
  readonly score: number
}

/** Whether text may still follow: `open` in a stream, `closed` at its end and for a whole text. */
export type TextEnd = 'open' | 'closed'

/** What a reader makes of the text it is given. */
export interface Reading {
  /** Those that no further text can extend, change or undo. */
  readonly found: readonly Candidate[]
  /** Everything found later starts here or after. The text's length when no entity can be under way. */
  readonly openFrom: number
  /** Where the next reading has to begin, at most `openFrom`: what stands before is done with. */
  readonly resumeAt: number
}

/**
 * Reads a text for its entity, from `from` on; before it, at most `CONTEXT_UNITS` are looked at. Linear in what it
 * reads, whatever that holds. Going on from `resumeAt` when more text has come finds what one reading of it all finds,
 * and `text.length - resumeAt` is bounded by the longest entity.
 */
export type Reader = (text: string, from: number, textEnd: TextEnd) => Reading

/** A digit joined to another by a dot, or one character outside of the BMP. */
export const CONTEXT_UNITS = 2
