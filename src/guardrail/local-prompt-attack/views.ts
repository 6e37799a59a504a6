import {
  type Encoding,
  fromBase64,
  fromBinary,
  fromEscapes,
  fromHex,
  reversed,
  rot13,
  unleet,
  unspaced,
} from './encodings.ts'
import type { ReadText } from './plain-text.ts'

/** What a stretch of the text says once it is decoded. Offsets are those of the original, UTF-16, end exclusive. */
export interface View {
  readonly encoding: Encoding
  readonly text: string
  readonly start: number
  readonly end: number
}

/** Views of one page; what looks encoded after them is not decoded, so that the cost stays within bounds. */
const MAX_VIEWS = 12

/** How signs of an encoding make a stretch, and what it says. */
interface Reader {
  readonly encoding: Encoding
  /** Fewer are chance. */
  readonly leastSigns: number
  /** Further apart, in units, two signs are of two stretches. */
  readonly gap: number
  /** So many units around the signs are decoded with them. */
  readonly margin: number
  readonly decode: (text: string) => string
}

const READERS = {
  row64: { encoding: 'base64', leastSigns: 1, gap: -1, margin: 0, decode: fromBase64 },
  rowHex: { encoding: 'hex', leastSigns: 1, gap: -1, margin: 0, decode: fromHex },
  pairs: { encoding: 'hex', leastSigns: 12, gap: 3, margin: 0, decode: fromHex },
  binary: { encoding: 'binary', leastSigns: 8, gap: 3, margin: 0, decode: fromBinary },
  escapes: { encoding: 'escapes', leastSigns: 8, gap: 3, margin: 1, decode: fromEscapes },
  rot13: { encoding: 'rot13', leastSigns: 2, gap: 100, margin: 80, decode: rot13 },
  reversed: { encoding: 'reversed', leastSigns: 2, gap: 100, margin: 80, decode: reversed },
  leetspeak: { encoding: 'leetspeak', leastSigns: 3, gap: 100, margin: 40, decode: unleet },
  spaced: { encoding: 'spaced', leastSigns: 6, gap: 4, margin: 0, decode: unspaced },
} as const satisfies Record<string, Reader>
type Sign = keyof typeof READERS

/** Signs that stand close enough, in units of the read text. */
interface Stretch {
  readonly reader: Reader
  readonly first: number
  last: number
  signs: number
}

/** What looks encoded in a text, decoded: one pass over its words, and no decoding of what shows no sign. */
export function decodedViews(
  original: string,
  read: ReadText,
  encodings: ReadonlySet<Encoding>,
): readonly View[] {
  const stretches: Stretch[] = []
  const newest = new Map<Sign, Stretch>()
  eachSign(read, (sign, start, end) => {
    const reader: Reader = READERS[sign]
    if (!encodings.has(reader.encoding)) return
    const stretch = newest.get(sign)
    if (stretch !== undefined && start - stretch.last <= reader.gap) {
      stretch.last = end
      stretch.signs++
      return
    }
    const begun = { reader, first: start, last: end, signs: 1 }
    newest.set(sign, begun)
    stretches.push(begun)
  })
  const views: View[] = []
  for (const { reader, first, last, signs } of stretches) {
    if (views.length === MAX_VIEWS) break
    if (signs < reader.leastSigns) continue
    const { margin, encoding } = reader
    const range = read.originalRange(Math.max(0, first - margin), Math.min(read.length, last + margin))
    const text = reader.decode(original.slice(range.start, range.end))
    if (text !== '') views.push({ encoding, text, start: range.start, end: range.end })
  }
  return views
}

/** Frequent words and those of attacks: turned around, or with their letters shifted, they show that a text is. */
const COMMON =
  'the and you your are not for that with this from have will all but any now who what can ignore previous instructions prompt system reveal must print say text please write answer show tell everything above rules mode act pretend developer forget without restrictions of to in it is on as be or my me do no if'
const ENGLISH: ReadonlySet<string> = new Set(COMMON.split(' '))
const SHIFTED = wordSigns()

function wordSigns(): ReadonlyMap<string, Sign> {
  const ambiguous = new Set('on no si ti ton eb ot ni fi ro sa ym em od fo ab be vs'.split(' '))
  const signs = new Map<string, Sign>()
  for (const word of ENGLISH) {
    signs.set(reversed(word), 'reversed')
    signs.set(rot13(word), 'rot13')
  }
  for (const word of [...ENGLISH, ...ambiguous]) signs.delete(word)
  return signs
}

const [OTHER, LETTER, DIGIT, ROW_SIGN] = [0, 1, 2, 3]
const CLASSES = Uint8Array.from({ length: 128 }, (_, code) => {
  if (code >= 0x61 && code <= 0x7a) return LETTER
  if (code >= 0x30 && code <= 0x39) return DIGIT
  return '+/_=-'.includes(String.fromCharCode(code)) ? ROW_SIGN : OTHER
})

/** Which words are worth looking up, by length and both ends: most are not, and a look-up needs a string. */
const LIKELY = new Uint8Array(1 << 14)
for (const word of SHIFTED.keys())
  LIKELY[likeness(word.charCodeAt(0), word.charCodeAt(word.length - 1), word.length)] = 1
const LONGEST_WORD = 12

/** The place of a word of lower-case letters, no longer than the longest, in that table. */
function likeness(first: number, last: number, units: number): number {
  return ((first & 31) << 9) | ((last & 31) << 4) | units
}

const LEAST_ROW = 20
/** Words within a longer row are parts of data. */
const MOST_IN_ROW = 24
const LEAST_HEX_ROW = 24
const [LOWER_F, LOWER_U, LOWER_X] = [0x66, 0x75, 0x78]

type OnSign = (sign: Sign, start: number, end: number) => void

/** Tells of each sign in the read text, in the order in which they end. One step a unit. */
function eachSign({ codes, length }: ReadText, tell: OnSign): void {
  let word = 0
  let row = 0
  let digits = 0
  let rowDigits = 0
  for (let at = 0; at <= length; at++) {
    const code = at < length ? (codes[at] ?? 0) : 0x20
    const kind = code < 128 ? CLASSES[code] : LETTER
    if (kind === LETTER) continue
    if (kind === DIGIT) {
      digits++
      continue
    }
    const units = at - word
    if (digits > 0) rowDigits += digits
    if (units > 0 && units <= LONGEST_WORD && at - row <= MOST_IN_ROW) {
      if (digits === 0) readLetters(codes, word, at, tell)
      else if (units > 1) tellIf(numeric(codes, word, at, digits), word, at, tell)
    }
    word = at + 1
    digits = 0
    if (kind === ROW_SIGN) continue
    if (rowDigits > 0 && at - row >= LEAST_ROW) tell(rowSign(codes, row, at), row, at)
    row = at + 1
    rowDigits = 0
  }
}

function tellIf(sign: Sign | undefined, start: number, end: number, tell: OnSign): void {
  if (sign !== undefined) tell(sign, start, end)
}

function readLetters(codes: Uint16Array, start: number, end: number, tell: OnSign): void {
  const units = end - start
  if (units === 1) {
    tell('spaced', start, end)
    return
  }
  if (LIKELY[likeness(codes[start] ?? 0, codes[end - 1] ?? 0, units)] === 1)
    tellIf(SHIFTED.get(textOf(codes, start, end)), start, end, tell)
  if (units === 2 && hexesIn(codes, start, end) === 2) tell('pairs', start, end)
}

/** What a word with digits in it may be a code for. */
function numeric(codes: Uint16Array, start: number, end: number, digits: number): Sign | undefined {
  const units = end - start
  if (units === 8 && digits === 8) return isBits(codes, start, end) ? 'binary' : undefined
  if (units < 6) {
    const hexes = hexesIn(codes, start, end)
    if (units === 2 && hexes === 2) return 'pairs'
    if (units === 3 && hexes === 2 && codes[start] === LOWER_X) return 'pairs'
    if (units === 4 && hexes === 3 && codes[start + 1] === LOWER_X) return 'pairs'
    if (units === 5 && hexes === 4 && codes[start] === LOWER_U) return 'escapes'
  }
  return digits < units ? 'leetspeak' : undefined
}

function rowSign(codes: Uint16Array, start: number, end: number): Sign {
  const units = end - start
  if (units % 2 !== 0 || units < LEAST_HEX_ROW || hexesIn(codes, start, end) !== units) return 'row64'
  return isBits(codes, start, end) ? 'binary' : 'rowHex'
}

function hexesIn(codes: Uint16Array, start: number, end: number): number {
  let hexes = 0
  for (let at = start; at < end; at++) {
    const code = codes[at] ?? 0
    const kind = CLASSES[code]
    if (kind === DIGIT || (kind === LETTER && code <= LOWER_F)) hexes++
  }
  return hexes
}

function isBits(codes: Uint16Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (codes[at] !== 0x30 && codes[at] !== 0x31) return false
  return true
}

function textOf(codes: Uint16Array, start: number, end: number): string {
  let text = ''
  for (let at = start; at < end; at++) text += String.fromCharCode(codes[at] ?? 0)
  return text
}
