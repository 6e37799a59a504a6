/** One stretch of text that is an entity, in UTF-16 offsets, end exclusive. `score` is 0 to 1. */
export interface Candidate {
  /** The category of what it is, such as `pii/email`. */
  readonly detector: string
  /** The entity's place in the config: of readings that tie, the one of the entity named first counts. */
  readonly rank: number
  readonly start: number
  readonly end: number
  readonly score: number
  /** The config says that it is nobody's: it takes its place, so that nothing else is found in it, and is no finding. */
  readonly allowed: boolean
}

/** Whether text may still follow: `open` in a stream, `closed` at its end and for a whole text. */
export type TextEnd = 'open' | 'closed'

/** What a reader makes of the text it is given. */
export interface Reading {
  /** Those that no further text can extend, change or undo. */
  readonly found: readonly Candidate[]
  /** Everything found later starts here or after. The text's length when no entity can be under way. */
  readonly openFrom: number
  /** Where the next reading has to begin: what stands before is done with. */
  readonly resumeAt: number
}

/**
 * Reads a text for its entities, from `from` on; before it, at most `CONTEXT_UNITS` are looked at. Linear in what it
 * reads, whatever that holds. Going on from `resumeAt` when more text has come finds what one reading of it all finds,
 * and `text.length - resumeAt` is bounded by the longest entity.
 */
export type Reader = (text: string, from: number, textEnd: TextEnd) => Reading

/** What an entity can hold before its first digit or sign, and the words before it that name it. */
export const CONTEXT_UNITS = 192
