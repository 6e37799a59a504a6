/** Where a text comes to a model: the user's own words, or what a tool or a document brought. */
export type Channel = 'user' | 'tool'

/** `hard`: harmless, yet alike to attacks. `ordinary`: harmless and of no special kind. */
export type AttackLabel = 'attack' | 'ordinary' | 'hard'

/** A text as a source gives it. */
export interface AttackText {
  readonly label: AttackLabel
  /** What kind within its label, such as `jailbreak` or `question`. */
  readonly category: string
  readonly channel: Channel
  readonly text: string
  /** What makes two texts copies of each other, where that is not the whole text: the template without its filling. */
  readonly basis?: string
}

/** UTF-16 offsets, end exclusive. */
export interface LabelledSpan {
  readonly start: number
  readonly end: number
  /** An entity of personal data, or the kind of a secret. */
  readonly entity: string
}

/** A text in which everything that is to be found has a span; none at all in a negative one. */
export interface SpanText {
  /** What it is about: an entity, or the kind of the near miss. */
  readonly category: string
  /** What the text is dressed in, such as `json` or `emoji`. */
  readonly wrap: string
  readonly text: string
  readonly spans: readonly LabelledSpan[]
  readonly basis: string
}

export type Side = 'tune' | 'heldout'

/** A text in a set, with the side it is on for good. */
export type Placed<T> = T & { readonly id: string; readonly source: string; readonly side: Side }
