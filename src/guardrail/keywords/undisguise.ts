import { asciiOfTag, isBlank, isHidden, isLooseMark } from '../text/characters.ts'
import type { OffsetMap } from '../text/offset-map.ts'
import { LOOK_ALIKES } from './look-alikes.ts'

/**
 * How a text is read a second time. `as-spelled`: without hidden characters, compatibility forms and odd spaces, each
 * letter of its own script; `as-drawn`: also with the Latin letter for each that is drawn like one.
 */
export type Reading = 'as-spelled' | 'as-drawn'

/** Keeps every UTF-16 offset; what no case is told of stays as it is. */
export type FoldCase = (text: string) => string

/** Reads one text that comes in pieces of whole characters. */
export interface Undisguiser {
  /** What `text` reads as; where it comes from is added to `map`. */
  read(text: string, start: number, map: OffsetMap): string
}

/** Reads as it is written, and so does one space behind it: ASCII but controls, Latin-1 and half of Latin Extended-A, kana, Han, Hangul. */
const PLAIN = '!-~\\u00c0-\\u012f\\u3041-\\u3096\\u30a1-\\u30fa\\u3400-\\u9fff\\uac00-\\ud7a3'
const WHITE_SPACE = ' \\t\\n\\r'

const EVERY_DISGUISE = new RegExp(`[^ ${PLAIN}]|(?<=[^${PLAIN}]) `, 'gu')

/**
 * Where a lowered text stops reading as it is written, as far as these words can tell: for most of them white space
 * other than a single one matters in few places, which saves looking at the end of every line.
 */
export function disguisePattern(words: readonly string[]): RegExp {
  if (words.some(word => /^\s/.test(word))) return new RegExp(EVERY_DISGUISE)
  const beforeSpace = new Set(
    words.flatMap(word => [...word.matchAll(/\S(?=\s)/gu)].map(([character]) => character)),
  )
  const sign = `[^${PLAIN}${WHITE_SPACE}]`
  if (beforeSpace.size === 0) return new RegExp(sign, 'gu')
  const before = [...beforeSpace].map(character => `\\u{${character.codePointAt(0)?.toString(16)}}`).join('')
  return new RegExp(`${sign}|[\\t\\n\\r](?<=[${before}].)|[${WHITE_SPACE}](?<=[${before}] .)`, 'gsu')
}

/** `previous` is the unit before the text as it reads, '' at its start. */
export function openUndisguiser(reading: Reading, foldCase: FoldCase, previous: string): Undisguiser {
  /** What a mark would be put on. */
  let last = isBlank(previous) ? ' ' : previous

  const readCharacter = (character: string): string => {
    if (isLooseMark(character)) return isSpelled(last, character) ? character : ''
    return readAlone(character, { reading, foldCase, previous: last })
  }

  return {
    read(text, start, map) {
      const lowered = foldCase(text)
      let read = ''
      let at = 0
      const addPlain = (end: number): void => {
        if (end === at) return
        read += lowered.slice(at, end)
        map.append(end - at, start + at, start + end)
        last = lowered.charAt(end - 1)
        at = end
      }
      // The piece may begin with the second of two spaces, which no pattern sees.
      const from = text.startsWith(' ') && last === ' ' ? 1 : 0
      at = from
      for (const { index, 0: character } of text.matchAll(EVERY_DISGUISE)) {
        if (index < from) continue
        addPlain(index)
        const plain = readCharacter(character)
        at = index + character.length
        map.append(plain.length, start + index, start + at)
        read += plain
        if (plain !== '') last = isLooseMark(plain) ? (last + plain).normalize('NFC') : plain.slice(-1)
      }
      addPlain(text.length)
      return read
    },
  }
}

interface Surroundings {
  readonly reading: Reading
  readonly foldCase: FoldCase
  readonly previous: string
}

/** What a character that is no mark reads as: white space is one space, and nothing behind one. */
export function readAlone(character: string, { reading, foldCase, previous }: Surroundings): string {
  if (isBlank(character)) return previous === ' ' ? '' : ' '
  return foldCase(remembered(character, reading))
}

/** Whether the two are one letter of some alphabet, and no letter struck out or piled upon. */
function isSpelled(base: string, mark: string): boolean {
  return base !== '' && [...(base + mark).normalize('NFC')].length === 1
}

const QUOTES_AND_DASHES: ReadonlyMap<string, string> = new Map(
  Object.entries({ '-': '‐‑‒–—―−', "'": '’‘ʼ′', '"': '“”„″' }).flatMap(([plain, others]) =>
    [...others].map((other): [string, string] => [other, plain]),
  ),
)
/** Some ligatures stand for whole sentences; they stay as they are, so that text grows by a small factor at most. */
const MAX_UNITS = 6
/** At most this many characters are remembered; more are read anew each time. */
const MAX_REMEMBERED = 8192
const memory: Readonly<Record<Reading, Map<string, string>>> = {
  'as-spelled': new Map(),
  'as-drawn': new Map(),
}

function remembered(character: string, reading: Reading): string {
  const known = memory[reading].get(character)
  if (known !== undefined) return known
  const read = readAs(character, reading)
  if (memory[reading].size < MAX_REMEMBERED) memory[reading].set(character, read)
  return read
}

function readAs(character: string, reading: Reading): string {
  const tagged = asciiOfTag(character.codePointAt(0) ?? 0)
  if (tagged !== undefined) return tagged
  if (isHidden(character)) return ''
  const sign = QUOTES_AND_DASHES.get(character)
  if (sign !== undefined) return sign
  const compatible = character.normalize('NFKC')
  // Some marks that stand alone decompose to a space and a mark: they are no white space.
  const spelled = compatible.length > MAX_UNITS || compatible.includes(' ') ? character : compatible
  return reading === 'as-spelled' ? spelled : [...spelled].map(one => LOOK_ALIKES.get(one) ?? one).join('')
}
