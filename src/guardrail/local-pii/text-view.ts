import type { TextEnd } from './candidate.ts'

/** What `code` gives where there is no text. */
export const NOTHING = -1

const SPACE = 0x20
const UNDERSCORE = 0x5f
const BACKSLASH = 0x5c
/** Markdown's `_` and `__` around a word are none of it. */
const MAX_EMPHASIS = 2

const WORD = /[\p{L}\p{N}]/u
/** Scripts without spaces between words: a number stands right behind the word that names it. */
const SPACELESS =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]/u

/**
 * A text that is read from left to right, and knows whether a look at it would have gone beyond its end: what was made
 * of it then may change with more text.
 */
export class TextView {
  readonly text: string
  readonly #open: boolean
  #touched = false
  #beforeAt = NOTHING
  #before = ''

  constructor(text: string, textEnd: TextEnd) {
    this.text = text
    this.#open = textEnd === 'open'
  }

  /** Forgets what was looked at. */
  begin(): void {
    this.#touched = false
  }

  /** More text could change what was made of this since `begin`. */
  get undecided(): boolean {
    return this.#touched && this.#open
  }

  /** The UTF-16 unit at `at`, or NOTHING. */
  code(at: number): number {
    if (at >= this.text.length) {
      this.#touched = true
      return NOTHING
    }
    return at < 0 ? NOTHING : this.text.charCodeAt(at)
  }

  /** What `read` makes of the text before `start`: the last one is remembered, since many ask for the same. */
  rememberBefore(start: number, read: (view: TextView, start: number) => string): string {
    if (start !== this.#beforeAt) {
      this.#before = read(this, start)
      this.#beforeAt = start
    }
    return this.#before
  }

  isDigit(at: number): boolean {
    return isDigit(this.code(at))
  }

  /** Where the run of units from `at` on ends that `holds` holds; it reads `most` of them at most. */
  runEnd(at: number, most: number, holds: (code: number) => boolean): number {
    let end = at
    while (end < at + most && holds(this.code(end))) end++
    return end
  }

  /** The text of [start, end), and less where it ends before. */
  slice(start: number, end: number): string {
    if (end > this.text.length) this.#touched = true
    return this.text.slice(Math.max(0, start), end)
  }

  /** Whether a word that starts at `at` is not the rest of a longer one. */
  startsWord(at: number): boolean {
    if (at === 0 || this.text.charCodeAt(at - 1) === SPACE) return true
    let before = at - 1
    while (before >= at - MAX_EMPHASIS && this.code(before) === UNDERSCORE) before--
    if (!this.#isWord(before)) return this.code(before) !== UNDERSCORE
    // The `n` of an escaped line break.
    return before === at - 1 && isEscape(this.code(before)) && this.code(before - 1) === BACKSLASH
  }

  /** Whether a word that ends before `at` does not go on. */
  endsWord(at: number): boolean {
    if (this.text.charCodeAt(at) === SPACE) return true
    let after = at
    while (after < at + MAX_EMPHASIS && this.code(after) === UNDERSCORE) after++
    return !this.#isWord(after) && this.code(after) !== UNDERSCORE
  }

  #isWord(at: number): boolean {
    const code = this.code(at)
    if (code < 0x80) return isAlphanumeric(code)
    const isSecondHalf = code >= 0xdc00 && code <= 0xdfff
    const character = String.fromCodePoint(this.text.codePointAt(isSecondHalf && at > 0 ? at - 1 : at) ?? 0)
    return WORD.test(character) && !SPACELESS.test(character)
  }
}

/** Tells these ASCII characters by one look. */
export function oneOf(characters: string): (code: number) => boolean {
  const table = new Uint8Array(0x80)
  for (const character of characters) {
    const code = character.charCodeAt(0)
    if (code < 0x80) table[code] = 1
  }
  return code => table[code] === 1
}

export function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}

export function isLetter(code: number): boolean {
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x7a
}

export function isUpper(code: number): boolean {
  return code >= 0x41 && code <= 0x5a
}

export function isAlphanumeric(code: number): boolean {
  return isDigit(code) || isLetter(code)
}

/** The second character of an escaped line break or tab. */
export function isEscape(code: number): boolean {
  return code === 0x6e || code === 0x72 || code === 0x74
}
