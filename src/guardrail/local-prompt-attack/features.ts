/** The features of one text, by the unit where each ends. Valid until the next extraction by the same extractor. */
export interface Features {
  /** Table places; those of the unit at `at` are `slots[from[at]]` up to, but without, `slots[from[at + 1]]`. */
  readonly slots: Int32Array
  readonly from: Int32Array
}

/** Where a text came to the model: an order means more in what a tool brought than in what a user wrote. */
export type Channel = 'user' | 'tool'

/** The table has 2 to the power of so many places. */
export const TABLE_BITS = 16
/** Of a row of ASCII without a space, so many units are read: what follows is data, not words. */
const MAX_ROW = 28
/** At most so many features end at one unit: one of characters, four of words, and two of words that a tool brought. */
const MOST_PER_UNIT = 7

const SHIFT = 32 - TABLE_BITS
const PRIME = 0x9e3779b1 | 0
const MIX = 0x85ebca6b | 0
/** What sentences begin after, as a word. Lines do not count: anybody can break them between any two words. */
const BORDER = 0x2545f491 | 0
/** Keep features of one sort apart from those of another. */
const GRAM = 0x2b3c4d5f
const WORD = 0x1f123bb5
const PAIR = 0x5bd1e995
const TRIPLE = 0x27d4eb2f
const SKIP = 0x165667b1
const TOOL_WORD = 0x3ade68b1
const TOOL_PAIR = 0x7feb352d

/** What a unit is to the words: part of one, a word of its own, the end of a sentence, or nothing. */
const NEITHER = 0
const LETTER = 1
const SINGLE = 2
const STOP = 3
const CLASSES = Uint8Array.from({ length: 65_536 }, (_, code) => classOf(code))

function classOf(code: number): number {
  if (code < 0x80) {
    if ((code >= 0x30 && code <= 0x39) || (code >= 0x61 && code <= 0x7a) || code === 0x27) return LETTER
    return '!.:;?'.includes(String.fromCharCode(code)) ? STOP : NEITHER
  }
  // The ideographic full stop.
  if (code === 0x3002) return STOP
  // Scripts without spaces: Thai, kana, Han.
  if ((code >= 0x0e00 && code <= 0x0e7f) || (code >= 0x3041 && code <= 0x30ff)) return SINGLE
  if (code >= 0x3400 && code <= 0x9fff) return SINGLE
  return /[\p{L}\p{M}\p{N}]/u.test(String.fromCharCode(code)) ? LETTER : NEITHER
}

/** Hashes what a text holds of characters and words, into memory that it keeps. */
export class Extractor {
  private slots = new Int32Array(0)
  private from = new Int32Array(0)

  /** Four characters in a row at every unit; each word, alone and with the two before it, where it ends. Digits are all the same, and so is white space. */
  extract(codes: Uint16Array, length: number, channel: Channel): Features {
    this.makeRoom(length)
    const { slots, from } = this
    let count = 0
    /** The last four characters, of 8 bits each where they are ASCII. */
    let gram = 0
    let row = 0
    let word = 0
    let before = BORDER
    let earlier = BORDER
    for (let at = 0; at <= length; at++) {
      from[at] = count
      // Behind the last unit a word ends as well; what it says goes to that unit.
      let code = at < length ? (codes[at] ?? 0) : 0x20
      if (code >= 0x30 && code <= 0x39) code = 0x30
      else if (code === 0x0a) code = 0x20
      row = code > 0x20 && code < 0x80 ? row + 1 : 0
      if (row > MAX_ROW) continue
      gram = (gram << 8) ^ code
      if (at >= 3 && at < length) slots[count++] = Math.imul(gram ^ GRAM ^ (gram >>> 15), MIX) >>> SHIFT
      const kind = CLASSES[code]
      if (kind === LETTER) {
        word = Math.imul(word ^ code, PRIME) + MIX
        continue
      }
      if (kind === SINGLE && word === 0) word = Math.imul(code, PRIME) + MIX
      if (word !== 0) {
        word ^= word >>> 15
        const pair = Math.imul(before, PRIME) ^ word
        slots[count++] = Math.imul(word ^ WORD, MIX) >>> SHIFT
        slots[count++] = Math.imul(pair ^ PAIR, MIX) >>> SHIFT
        slots[count++] = Math.imul(Math.imul(earlier, MIX) ^ pair ^ TRIPLE, PRIME) >>> SHIFT
        slots[count++] = Math.imul(Math.imul(earlier, PRIME) ^ word ^ SKIP, MIX) >>> SHIFT
        if (channel === 'tool') {
          slots[count++] = Math.imul(word ^ TOOL_WORD, MIX) >>> SHIFT
          slots[count++] = Math.imul(pair ^ TOOL_PAIR, MIX) >>> SHIFT
        }
        earlier = before
        before = word
        word = 0
      }
      if (kind === STOP && before !== BORDER) {
        earlier = before
        before = BORDER
      }
    }
    from[length] = count
    return { slots, from }
  }

  private makeRoom(units: number): void {
    if (this.from.length > units + 1) return
    this.from = new Int32Array(units + 2)
    this.slots = new Int32Array((units + 2) * MOST_PER_UNIT)
  }
}
