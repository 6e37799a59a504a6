import type { Candidate, Reader } from './candidate.ts'
import type { DigitGroup } from './digit-runs.ts'
import { findDigitRuns, SEPARATORS } from './digit-runs.ts'
import type { Extent } from './open-tail.ts'
import { openTail } from './open-tail.ts'

const MIN_DIGITS = 13
const DIGITS = '0123456789'
/** The longest has 19 digits and 18 separators; behind it, a dot or comma and what it joins are looked at. */
const EXTENT: Extent = { starts: DIGITS, holds: `${DIGITS}${SEPARATORS}.,`, reach: 39 }

/** A range of the first four digits and the lengths its network issues, from the networks' published prefixes. */
interface Brand {
  readonly from: number
  readonly to: number
  readonly lengths: readonly number[]
}

const LONG = [16, 17, 18, 19]
const MAESTRO = [13, 14, 15, ...LONG]
const BRANDS: readonly Brand[] = [
  // Visa's old 13 digits are left out: no card has them any more, and EAN-13 codes of two countries begin alike.
  { from: 4000, to: 4999, lengths: [16, 19] }, // Visa
  { from: 5100, to: 5599, lengths: [16] }, // Mastercard
  { from: 2221, to: 2720, lengths: [16] }, // Mastercard
  { from: 3400, to: 3499, lengths: [15] }, // American Express
  { from: 3700, to: 3799, lengths: [15] }, // American Express
  { from: 6011, to: 6011, lengths: LONG }, // Discover
  { from: 6440, to: 6599, lengths: LONG }, // Discover
  { from: 3000, to: 3059, lengths: [14, ...LONG] }, // Diners Club
  { from: 3600, to: 3699, lengths: [14, ...LONG] }, // Diners Club
  { from: 3800, to: 3999, lengths: [14, ...LONG] }, // Diners Club
  { from: 3528, to: 3589, lengths: LONG }, // JCB
  { from: 6200, to: 6299, lengths: LONG }, // UnionPay
  { from: 2200, to: 2204, lengths: LONG }, // Mir
  { from: 5018, to: 5018, lengths: MAESTRO },
  { from: 5020, to: 5020, lengths: MAESTRO },
  { from: 5038, to: 5038, lengths: MAESTRO },
  { from: 6304, to: 6304, lengths: MAESTRO },
  { from: 6759, to: 6763, lengths: MAESTRO },
]

/**
 * Payment card numbers: a network's prefix and length, and the check digit (Luhn). A number starts and ends where a
 * group of digits does, so that one cannot be cut out of a longer id, while `4111 1111 1111 1111 12/29` still counts.
 */
export const readCards: Reader = (text, from, textEnd) => {
  const tail = textEnd === 'closed' ? text.length : openTail(text, EXTENT)
  const found: Candidate[] = []
  for (const { groups } of findDigitRuns(text, from)) {
    for (const card of findCardsInRun(text, groups)) {
      if (card.start < tail) found.push(card)
    }
  }
  // Cards do not overlap: the next one starts behind the last that is decided.
  const openFrom = Math.max(tail, found.at(-1)?.end ?? from)
  return { found, openFrom, resumeAt: openFrom }
}

function findCardsInRun(text: string, groups: readonly DigitGroup[]): Candidate[] {
  const first = groups[0]
  const last = groups.at(-1)
  if (first === undefined || last === undefined || last.end - first.start < MIN_DIGITS) return []
  const digits = groups.map(({ start, end }) => text.slice(start, end)).join('')
  const endOfGroup = groupEnds(groups, digits.length)
  const found: Candidate[] = []
  let at = 0
  let cardEnd = 0
  for (const { start, end } of groups) {
    const length = at < cardEnd ? 0 : cardLength(digits, at, endOfGroup)
    if (length > 0) {
      cardEnd = at + length
      found.push({ start, end: endOfGroup[cardEnd] ?? end, score: 0.99 })
    }
    at += end - start
  }
  return found
}

/** By number of digits read: where in the text the group ends that ends there; 0 within a group. */
function groupEnds(groups: readonly DigitGroup[], digitCount: number): Uint32Array {
  const ends = new Uint32Array(digitCount + 1)
  let read = 0
  for (const { start, end } of groups) {
    read += end - start
    ends[read] = end
  }
  return ends
}

/** How many digits from `at` are the longest card number there, or 0. Reads 19 digits at most. */
function cardLength(digits: string, at: number, endOfGroup: Uint32Array): number {
  if (digits.length - at < MIN_DIGITS) return 0
  const prefix = Number(digits.slice(at, at + 4))
  let longest = 0
  for (const { from, to, lengths } of BRANDS) {
    if (prefix < from || prefix > to) continue
    for (const length of lengths) {
      const endsWithGroup = length > longest && at + length <= digits.length && endOfGroup[at + length] !== 0
      if (endsWithGroup && passesLuhn(digits, at, at + length)) longest = length
    }
  }
  return longest
}

/** ISO/IEC 7812-1, annex B: the check digit of digits[start, end). */
function passesLuhn(digits: string, start: number, end: number): boolean {
  let sum = 0
  for (let i = end - 1, doubled = 0; i >= start; i--, doubled ^= 1) {
    const weighted = (digits.charCodeAt(i) - 48) << doubled
    sum += weighted > 9 ? weighted - 9 : weighted
  }
  return sum % 10 === 0
}
