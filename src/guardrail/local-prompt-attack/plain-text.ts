import { normalise } from '../text/normalise.ts'

/** A stretch of text as the model reads it: normalised, unit by unit, with the way back. Valid until its reader reads on. */
export interface ReadText {
  /** The first `length` count. */
  readonly codes: Uint16Array
  readonly length: number
  /** The range of the original, in UTF-16 offsets, that units [start, end) stand for; start must be less than end. */
  originalRange(start: number, end: number): { readonly start: number; readonly end: number }
}

const SPACE = 0x20
const LINE_FEED = 0x0a

/** Reads as nothing. */
const DROPPED = 0xffff
/** Reads as several units, or is a half of a character: U+FFFE is no character, so nothing reads as it. */
const COMPLEX = 0xfffe

/** What each unit reads as, 0 where that was not asked yet: `normalise` goes character by character, so what it says of one holds. */
const FOLDED = new Uint16Array(65_536)
/** The same of characters that read as several units, and of those of two units; at most so many are remembered. */
const REMEMBERED = new Map<number, string>()
const MAX_REMEMBERED = 8192

/** Reads texts one after the other, into memory that it keeps: what `normalise` says, several times as fast. */
export class TextReader {
  private codes = new Uint16Array(0)
  private starts = new Uint32Array(0)

  read(original: string): ReadText {
    this.makeRoom(original.length)
    let { codes, starts } = this
    let length = 0
    let isSpace = false
    for (let at = 0; at < original.length; at++) {
      const code = original.charCodeAt(at)
      const folded = FOLDED[code] || look(code)
      if (folded === DROPPED) continue
      if (folded === COMPLEX) {
        const codePoint = original.codePointAt(at) ?? 0
        const text = spelled(codePoint)
        this.makeRoom(length + text.length + original.length - at)
        codes = this.codes
        starts = this.starts
        for (let i = 0; i < text.length; i++) {
          const unit = text.charCodeAt(i)
          const wasSpace = isSpace
          isSpace = unit === SPACE || unit === LINE_FEED
          // A tag character may stand for a space.
          if (isSpace && wasSpace) continue
          codes[length] = unit
          starts[length++] = at
        }
        if (codePoint > 0xffff) at++
        continue
      }
      // White space comes out once a run: a line break when the run holds one.
      const wasSpace = isSpace
      isSpace = folded === SPACE || folded === LINE_FEED
      if (isSpace && wasSpace) {
        if (folded === LINE_FEED) codes[length - 1] = LINE_FEED
        continue
      }
      codes[length] = folded
      starts[length++] = at
    }
    starts[length] = original.length
    return { codes, length, originalRange: (start, end) => this.rangeOf(start, end, length) }
  }

  private rangeOf(start: number, end: number, length: number): { start: number; end: number } {
    const { starts } = this
    const last = starts[end - 1] ?? 0
    let next = end
    // Units of one character share its start.
    while (next < length && starts[next] === last) next++
    return { start: starts[start] ?? 0, end: starts[next] ?? last }
  }

  /** Keeps what is there. */
  private makeRoom(units: number): void {
    if (this.starts.length > units) return
    const { codes, starts } = this
    this.codes = new Uint16Array(units + 1)
    this.starts = new Uint32Array(units + 1)
    this.codes.set(codes)
    this.starts.set(starts)
  }
}

function look(code: number): number {
  const folded = foldedUnit(code)
  FOLDED[code] = folded
  return folded
}

function foldedUnit(code: number): number {
  if (code >= 0xd800 && code <= 0xdfff) return COMPLEX
  const { text } = normalise(String.fromCharCode(code))
  if (text === '') return DROPPED
  return text.length === 1 && text.charCodeAt(0) < COMPLEX ? text.charCodeAt(0) : COMPLEX
}

function spelled(codePoint: number): string {
  const known = REMEMBERED.get(codePoint)
  if (known !== undefined) return known
  const { text } = normalise(String.fromCodePoint(codePoint))
  if (REMEMBERED.size < MAX_REMEMBERED) REMEMBERED.set(codePoint, text)
  return text
}
