/** Sets of ASCII characters, one bit each; any sum of them is a set. */
export const DIGIT = 1
export const LOWER_HEX = 2
export const UPPER_HEX = 4
export const LOWER = 8
export const UPPER = 16
export const DASH = 32
export const UNDERSCORE = 64
/** `+` and `/`. */
export const BASE64_SIGNS = 128
export const EQUALS = 256
export const DOT = 512
/** What else a URL or a key can hold: `~ % : $`. */
export const OTHER_SIGNS = 1024

export const HEX = DIGIT | LOWER_HEX
export const ALNUM = DIGIT | LOWER | UPPER
export const BASE64URL = ALNUM | DASH | UNDERSCORE
/** Of these every token consists, whatever its format. */
export const TOKEN = BASE64URL | BASE64_SIGNS | EQUALS | DOT | OTHER_SIGNS

const SETS: readonly (readonly [string, number])[] = [
  ['0123456789', DIGIT],
  ['abcdef', LOWER_HEX | LOWER],
  ['ghijklmnopqrstuvwxyz', LOWER],
  ['ABCDEF', UPPER_HEX | UPPER],
  ['GHIJKLMNOPQRSTUVWXYZ', UPPER],
  ['-', DASH],
  ['_', UNDERSCORE],
  ['+/', BASE64_SIGNS],
  ['=', EQUALS],
  ['.', DOT],
  ['~%:$', OTHER_SIGNS],
]

const SET_OF = new Uint16Array(128)
for (const [characters, set] of SETS) {
  for (const character of characters) SET_OF[character.charCodeAt(0)] = set
}

/** Whether the unit at `at` is in the set; nothing beyond the text is. */
export function isIn(text: string, at: number, set: number): boolean {
  // A unit beyond the text is NaN, and so is its set.
  return ((SET_OF[text.charCodeAt(at)] ?? 0) & set) !== 0
}

/** Tells where runs of characters end. Asked for one set and one `place` again and again, it reads each unit once. */
export interface Runs {
  /** `place` tells apart runs that one and the same key is made of, at most 4. */
  endOf(at: number, set: number, place?: number): number
}

const MAX_PLACES = 4

export function openRuns(text: string): Runs {
  const known = new Map<number, { start: number; end: number }>()
  /** The last one that was asked for, which is mostly the one asked for next. */
  let last = { key: -1, start: 0, end: 0 }
  return {
    endOf(at, set, place = 0) {
      const key = set * MAX_PLACES + place
      const run = last.key === key ? last : known.get(key)
      if (run !== undefined && run.start <= at && at <= run.end) return run.end
      let end = at
      while (end < text.length && isIn(text, end, set)) end++
      last = { key, start: at, end }
      known.set(key, last)
      return end
    },
  }
}

/**
 * Whether a token can start at `at`: behind no letter or digit, but for those of an escape, such as in `\nAKIA…` or
 * `%3DAKIA…`. Six units before it are looked at, at most.
 */
export function isTokenStart(text: string, at: number): boolean {
  if (at === 0 || !isIn(text, at - 1, ALNUM)) return true
  if (text[at - 2] === '\\' && 'nrtbf'.includes(text.charAt(at - 1))) return true
  if (text[at - 3] === '%') return isIn(text, at - 2, HEX | UPPER_HEX) && isIn(text, at - 1, HEX | UPPER_HEX)
  return text[at - 6] === '\\' && text[at - 5] === 'u'
}

/** Characters that end a stretch; blanks, controls and everything beyond ASCII always do. */
export type Stops = Uint8Array

export function stopsAt(characters: string): Stops {
  const stops = new Uint8Array(128).fill(1, 0, 0x21)
  stops[0x7f] = 1
  for (const character of characters) stops[character.charCodeAt(0)] = 1
  return stops
}

/** Where the stretch from `from` on ends, `most` units on at the latest. */
export function endOfStretch(text: string, from: number, stops: Stops, most: number): number {
  const limit = Math.min(text.length, from + most)
  let end = from
  while (end < limit && (stops[text.charCodeAt(end)] ?? 1) === 0) end++
  return end
}
