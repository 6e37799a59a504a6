import { asciiOfTag, isBlank } from './characters.ts'

/** A text as rules should read it, and the way back to where it came from. */
export interface NormalisedText {
  readonly text: string
  /**
   * The range of the original that [start, end) of `text` came from, in UTF-16 offsets, end exclusive. Hidden
   * characters within are part of it. start must be less than end.
   */
  originalRange(start: number, end: number): { readonly start: number; readonly end: number }
}

/** One stretch of output and the stretch of input it stands for. Of equal length, they match unit by unit. */
interface Piece {
  readonly text: string
  readonly start: number
  readonly end: number
}

/**
 * Undoes what is done to text so that it reads the same to a model but not to a rule: compatibility forms (full-width,
 * mathematical, ligatures), accents, case, Cyrillic and Greek look-alikes, invisible, bidi and control characters,
 * tag characters (read as the ASCII they hide), and runs of white space (one line break if they hold one, else one
 * space). Per character, hence linear. It is for detection only: text in other scripts comes out changed.
 */
export function normalise(original: string): NormalisedText {
  const pieces: string[] = []
  walk(original, piece => pieces.push(piece.text))
  // ASCII runs come as they are; lowering all at once is much faster than run by run, and keeps every length, since
  // what is not ASCII is in lower case already.
  const text = pieces.join('').toLowerCase()
  let map: OffsetMap | undefined
  return {
    text,
    originalRange(start, end) {
      // Built on the first hit only: most texts have none and should not pay for it.
      map ??= buildMap(original, text.length)
      return { start: map.starts[start] ?? original.length, end: map.ends[end - 1] ?? original.length }
    },
  }
}

/** Per UTF-16 unit of the normalised text: the range of the original it came from. */
interface OffsetMap {
  readonly starts: Uint32Array
  readonly ends: Uint32Array
}

function buildMap(original: string, length: number): OffsetMap {
  const starts = new Uint32Array(length)
  const ends = new Uint32Array(length)
  let at = 0
  walk(original, ({ text, start, end }) => {
    const unitByUnit = text.length === end - start
    for (let i = 0; i < text.length; i++, at++) {
      starts[at] = unitByUnit ? start + i : start
      ends[at] = unitByUnit ? start + i + 1 : end
    }
  })
  return { starts, ends }
}

function walk(original: string, emit: (piece: Piece) => void): void {
  let at = 0
  while (at < original.length) {
    const end = endOfPlainRun(original, at)
    if (end > at) emit({ text: original.slice(at, end), start: at, end })
    at = end < original.length ? walkSpecial(original, end, emit) : end
  }
}

const SPACE = 0x20
const LAST_PRINTABLE = 0x7e

/** Where the run of printable ASCII at `at` ends. It holds single spaces, which stand for themselves, but no last one. */
function endOfPlainRun(text: string, at: number): number {
  let end = at
  let afterSpace = true
  for (; end < text.length; end++) {
    const unit = text.charCodeAt(end)
    if (unit < SPACE || unit > LAST_PRINTABLE) break
    if (unit === SPACE && afterSpace) break
    afterSpace = unit === SPACE
  }
  return end > at && afterSpace ? end - 1 : end
}

/** Emits what is at `at`, a run of white space or one character; returns where it ends. */
function walkSpecial(original: string, at: number, emit: (piece: Piece) => void): number {
  const text = fold(original, at)
  const end = at + unitsAt(original, at)
  if (isSpace(text)) return walkSpace(original, at, emit)
  if (text !== '') emit({ text, start: at, end })
  return end
}

/** Hidden characters within white space are part of it, or they would keep two spaces from being one. */
function walkSpace(original: string, at: number, emit: (piece: Piece) => void): number {
  let space = ' '
  let end = at
  while (end < original.length) {
    const text = fold(original, end)
    if (text !== '' && !isSpace(text)) break
    if (text === '\n') space = text
    end += unitsAt(original, end)
  }
  emit({ text: space, start: at, end })
  return end
}

function isSpace(folded: string): boolean {
  return folded === ' ' || folded === '\n'
}

function unitsAt(text: string, at: number): number {
  return (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1
}

/** At most this many characters are remembered; more are folded anew each time. */
const MAX_REMEMBERED = 8192
const remembered = new Map<number, string>()

/** What the character at `at` reads as: a piece of text, '' when it is dropped, ' ' or '\n' when it is white space. */
function fold(text: string, at: number): string {
  const codePoint = text.codePointAt(at) ?? 0
  if (standsForItself(codePoint)) return text.charAt(at)
  const known = remembered.get(codePoint)
  if (known !== undefined) return known
  const folded = foldCodePoint(codePoint)
  if (remembered.size < MAX_REMEMBERED) remembered.set(codePoint, folded)
  return folded
}

/** Han and Hangul syllables, most of all characters: no look-alikes, no case, nothing that a rule would want folded. */
function standsForItself(codePoint: number): boolean {
  return (codePoint >= 0x3400 && codePoint <= 0x9fff) || (codePoint >= 0xac00 && codePoint <= 0xd7a3)
}

/** Marks go as well: they are what tells an accented letter from its base once it is decomposed. */
const DROPPED = /[\p{Default_Ignorable_Code_Point}\p{Mn}\p{Me}\p{Cc}]/gu
const LINE_BREAK = /[\n\r\v\f\x85\u2028\u2029]/
/** Some ligatures stand for whole sentences; they stay as they are, so that text grows by a small factor at most. */
const MAX_FOLDED_UNITS = 6

function foldCodePoint(codePoint: number): string {
  const tagged = asciiOfTag(codePoint)
  if (tagged !== undefined) return tagged.toLowerCase()
  const character = String.fromCodePoint(codePoint)
  if (LINE_BREAK.test(character)) return '\n'
  if (isBlank(character)) return ' '
  const upper = character.normalize('NFKD').replace(DROPPED, '')
  const decomposed = (CAPITAL_LOOK_ALIKES.get(upper) ?? upper).toLowerCase().replace(DROPPED, '')
  if (decomposed.length > MAX_FOLDED_UNITS) return character
  // Some spacing marks decompose to a space and a mark: on their own they are not white space.
  return decomposed.includes(' ') ? decomposed.trim() : [...decomposed].map(foldLookAlike).join('')
}

function foldLookAlike(character: string): string {
  return LOOK_ALIKES.get(character) ?? character
}

/** Greek capitals that are drawn like another Latin letter than their lower case is. */
const CAPITAL_LOOK_ALIKES: ReadonlyMap<string, string> = new Map(Object.entries({ Ν: 'n', Η: 'h', Υ: 'y' }))

/** Lower-case Cyrillic, Greek and a few Latin letters that are drawn like a basic Latin one (Unicode confusables). */
const LOOK_ALIKES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    a: 'аαɑ',
    b: 'Ьвβ',
    c: 'сϲ',
    d: 'ԁɗ',
    e: 'еεҽ℮',
    f: 'ƒ',
    g: 'ɡց',
    h: 'һнհ',
    i: 'іιıɩ',
    j: 'јϳ',
    k: 'кκ',
    l: 'ӏⅼ',
    m: 'м',
    n: 'пηո',
    o: 'оοσօ',
    p: 'рρ',
    q: 'ԛզ',
    r: 'гʀ',
    s: 'ѕꜱ',
    t: 'тτ',
    u: 'υսʋ',
    v: 'ѵν',
    w: 'ԝωѡ',
    x: 'хχ',
    y: 'уүγ',
    z: 'ᴢʐ',
    '-': '‐‑‒–—−',
    "'": '’‘ʼ′',
    '"': '“”„',
  }).flatMap(([latin, others]) => [...others].map((other): [string, string] => [other, latin])),
)
