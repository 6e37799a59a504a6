import type { TextEnd } from '../open-reading.ts'
import type { Runs } from './characters.ts'

/** A text under reading. */
export interface Source {
  readonly text: string
  readonly textEnd: TextEnd
  readonly runs: Runs
}

/** What stands at an anchor. UTF-16 offsets, end exclusive. */
export type Match =
  | {
      readonly kind: 'secret'
      /** The name of the rule. */
      readonly rule: string
      readonly score: number
      readonly start: number
      readonly end: number
      /** `guess`: told by what stands around it only, so that a key of a known format in its place goes before. */
      readonly told: 'by-format' | 'guess'
    }
  /** Nothing, and nothing else in it either. */
  | { readonly kind: 'refused'; readonly end: number }
  /** Nothing, and up to `end` no other guess: what was looked at as one value is not looked at again. */
  | { readonly kind: 'no-guess'; readonly end: number }
  /** More text decides. A secret would begin at `start`; only what `wake` matches decides it soon, if it is given. */
  | { readonly kind: 'open'; readonly start: number; readonly wake?: RegExp }

/** Looks at what stands at `at`, where the anchor begins. Undefined when it is nothing. */
export type Matcher = (source: Source, at: number) => Match | undefined

/** What ends a run of token characters. */
export const AFTER_TOKEN = /[^\w.~%:$+/=-]/
