/** One stretch of text that is an entity, in UTF-16 offsets, end exclusive. `score` is 0 to 1. */
export interface Candidate {
  readonly start: number
  readonly end: number
  readonly score: number
}

/** Reads a text and returns what it takes for its entity. Linear in the text, whatever it holds. */
export type Recogniser = (text: string) => Candidate[]
