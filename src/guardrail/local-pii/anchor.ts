import type { Candidate } from './candidate.ts'
import { DigitGroups } from './digit-groups.ts'
import { isAlphanumeric, isDigit, isLetter, type TextView } from './text-view.ts'

/** The longest entity of letters and digits alone: a taproot address has 62. */
export const MAX_WORD = 64

/** The first digit of a word, and the word: letters and digits of ASCII in a row. */
export class Anchor {
  readonly view: TextView
  /** Of the first digit. */
  readonly at: number
  /** Of the word. */
  readonly start: number
  readonly end: number
  /** Where the first digits end. */
  readonly digitsEnd: number
  #groups: DigitGroups | undefined
  #word: string | undefined

  constructor(view: TextView, at: number, start: number, digitsEnd: number, end: number) {
    this.view = view
    this.at = at
    this.start = start
    this.digitsEnd = digitsEnd
    this.end = end
  }

  /** The unit behind the word. */
  get next(): number {
    return this.view.code(this.end)
  }

  /** The one behind that. */
  get second(): number {
    return this.view.code(this.end + 1)
  }

  get word(): string {
    this.#word ??= this.view.text.slice(this.start, this.end)
    return this.#word
  }

  /** The word holds nothing but digits. */
  get isDigits(): boolean {
    return this.start === this.at && this.digitsEnd === this.end
  }

  /** The first digits of the word and the groups of digits behind them. */
  get groups(): DigitGroups {
    this.#groups ??= new DigitGroups(this.view, this.at)
    return this.#groups
  }
}

/** Takes what was found, if anything was. */
export type Emit = (candidate: Candidate | undefined) => void

/** Looks for one entity at an anchor. It reads the text behind the anchor through the view only. */
export type Matcher = (anchor: Anchor, emit: Emit) => void

/** The word whose first digit is at `at`; undefined when it has an earlier one, or is part of something longer. */
export function anchorAt(view: TextView, at: number): Anchor | undefined {
  let start = letterRunStart(view.text, at)
  if (start === undefined || isDigit(view.code(start - 1))) return undefined
  if (!view.startsWord(start)) return undefined
  // The letter of an escaped line break is none of the word.
  if (start < at && view.code(start - 1) === BACKSLASH && view.startsWord(start + 1)) start++
  const most = MAX_WORD - (at - start) + 1
  const digitsEnd = view.runEnd(at, most, isDigit)
  const end = view.runEnd(digitsEnd, at + most - digitsEnd, isAlphanumeric)
  if (end - start > MAX_WORD || (start < at && !view.endsWord(end))) return undefined
  return new Anchor(view, at, start, digitsEnd, end)
}

const BACKSLASH = 0x5c

/** Where the letters that end at `at` start; undefined when there are too many for a word. */
export function letterRunStart(text: string, at: number): number | undefined {
  let start = at
  while (start > 0 && isLetter(text.charCodeAt(start - 1))) {
    start--
    if (at - start > MAX_WORD) return undefined
  }
  return start
}
