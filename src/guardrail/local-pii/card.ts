import type { Anchor, Matcher } from './anchor.ts'
import type { DigitGroup } from './digit-groups.ts'
import { endsNumber, MAX_GROUPS, startsNumber } from './digit-groups.ts'
import type { EntitySettings } from './entity.ts'
import { candidateOf } from './entity.ts'

const MIN_DIGITS = 13
const MAX_DIGITS = 19

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

const SURE = 0.9
const LIKELY = 0.7
/** Grouped as no card is, or longer than nearly all of them: it takes a word beside it. */
const UNUSUAL = 0.3

const WORDS =
  'card,credit card,creditcard,debit card,card number,card no,cc,visa,mastercard,amex,american express,maestro,discover,unionpay,jcb,diners,kreditkarte,kartennummer,carte bancaire,tarjeta,carta di credito'.split(
    ',',
  )
/** One in ten numbers with a network's prefix passes for a card by chance. */
const OTHERS =
  'serial,serial number,barcode,snowflake,tracking,order,order number,invoice,imei,ean,gtin,upc,timestamp,transaction'.split(
    ',',
  )

/**
 * Payment card numbers: a network's prefix and length, and the check digit (Luhn). A number starts and ends where a
 * group of digits does, so that one cannot be cut out of a longer id, while `4111 1111 1111 1111 12/29` still counts. The
 * first group has four digits or more: rows of small numbers have none.
 */
export function cardMatcher(settings: EntitySettings): Matcher {
  return ({ view, at, digitsEnd, groups }, emit) => {
    if (digitsEnd - at < 4 || !hasPrefix(view.text, at) || !startsNumber(view, at)) return
    const card = longestCard(groups)
    if (card === undefined || !endsNumber(view, card.end)) return
    const base = card.usual ? SURE : card.groups === 1 && card.digits <= 16 ? LIKELY : UNUSUAL
    emit(candidateOf(view, settings, at, card.end, { base, words: WORDS, others: OTHERS }))
  }
}

/** Where the longest card number ends that starts with these groups. */
function longestCard(groups: Anchor['groups']) {
  let digits = ''
  let longest: { end: number; digits: number; groups: number; usual: boolean } | undefined
  const lengths: number[] = []
  for (let index = 0; index < MAX_GROUPS; index++) {
    const group: DigitGroup | undefined = groups.at(index)
    if (group === undefined || group.letter || (index > 0 && group.joint !== ' ' && group.joint !== '-'))
      break
    const text = groups.text(index)
    digits += text
    lengths.push(text.length)
    if (digits.length > MAX_DIGITS) break
    if (digits.length < MIN_DIGITS || !lengthsOf(digits).includes(digits.length)) continue
    if (passesLuhn(digits))
      longest = { end: group.end, digits: digits.length, groups: lengths.length, usual: isUsual(lengths) }
  }
  return longest
}

/** The digits grouped as they are on cards. */
function isUsual(lengths: readonly number[]): boolean {
  const grouping = lengths.join('-')
  return grouping.startsWith('4-4-4-4') || grouping === '4-6-5' || grouping === '4-6-4'
}

/** By the first four digits: the lengths of numbers that begin so. */
const LENGTHS: readonly (readonly number[])[] = Array.from({ length: 10_000 }, (_, prefix) =>
  BRANDS.filter(({ from, to }) => prefix >= from && prefix <= to).flatMap(({ lengths }) => lengths),
)

function lengthsOf(digits: string): readonly number[] {
  return LENGTHS[Number(digits.slice(0, 4))] ?? []
}

function hasPrefix(text: string, at: number): boolean {
  return lengthsOf(text.slice(at, at + 4)).length > 0
}

/** ISO/IEC 7812-1, annex B: the check digit. */
function passesLuhn(digits: string): boolean {
  let sum = 0
  for (let i = digits.length - 1, doubled = 0; i >= 0; i--, doubled ^= 1) {
    const weighted = (digits.charCodeAt(i) - 48) << doubled
    sum += weighted > 9 ? weighted - 9 : weighted
  }
  return sum % 10 === 0
}
