import type { Matcher } from './anchor.ts'
import { endsNumber, pairBefore, startsNumber } from './digit-groups.ts'
import type { EntitySettings } from './entity.ts'
import { candidateOf } from './entity.ts'
import type { NumberKind } from './shaped-numbers.ts'
import { isAlphanumeric } from './text-view.ts'

export const US_SSN: NumberKind = {
  shapes: { '3-2-4': 0.85, '3 2 4': 0.7, '9': 0.1 },
  accepts: isIssuable,
  words: 'ssn,ss#,social security,social security number,social security no,sozialversicherungsnummer'.split(
    ',',
  ),
  others: 'case number,order,order number,ticket,invoice,tracking,reference,part,serial'.split(','),
}

/** No area 000, 666 or 900–999 (those are taxpayer numbers), no group 00, no serial 0000. */
function isIssuable(digits: string): boolean {
  const area = digits.slice(0, 3)
  return (
    area !== '000' &&
    area !== '666' &&
    area < '900' &&
    digits.slice(3, 5) !== '00' &&
    digits.slice(5) !== '0000'
  )
}

export const US_ITIN: NumberKind = {
  shapes: { '3-2-4': 0.85, '3 2 4': 0.6, '9': 0.1 },
  accepts: isItin,
  words: 'itin,taxpayer identification,taxpayer identification number,individual taxpayer,tax id,tin'.split(
    ',',
  ),
}

/** The groups that the IRS assigns: 50–65, 70–88, 90–92, 94–99. */
function isItin(digits: string): boolean {
  const group = Number(digits.slice(3, 5))
  return digits.startsWith('9') && group >= 50 && group !== 89 && group !== 93 && !(group > 65 && group < 70)
}

export const UK_NHS: NumberKind = {
  shapes: { '3 3 4': 0.35, '3-3-4': 0.3, '10': 0.15 },
  accepts: passesNhsCheck,
  words: 'nhs,nhs number,nhs no,national health service,patient number,chi number,patient'.split(','),
}

/** Weights 10 to 2, modulo 11; the remainder 1 has no check digit. */
function passesNhsCheck(digits: string): boolean {
  if (digits.charAt(0).repeat(digits.length) === digits) return false
  let sum = 0
  for (let at = 0; at < 9; at++) sum += (digits.charCodeAt(at) - 48) * (10 - at)
  return (11 - (sum % 11)) % 11 === digits.charCodeAt(9) - 48
}

const NINO_WORDS = 'nino,ni number,ni no,national insurance,national insurance number'.split(',')
/** Behind the two letters: three pairs, and a letter from A to D; spaces between all of them, or none. */
const NINO_REST = /^(?:\d{6}[A-Da-d]| ?\d\d \d\d \d\d ?[A-Da-d])/
const NINO_PREFIX = /^(?!BG|GB|KN|NK|NT|TN|ZZ)[ABCEGHJ-PRSTW-Z][ABCEGHJ-NPRSTW-Z]$/
const NINO_UNITS = 11

/** UK national insurance numbers. They have no check digit, so the small letters of other ids need to be named. */
export function ninoMatcher(settings: EntitySettings): Matcher {
  return ({ view, at, start }, emit) => {
    const letters = start === at ? pairBefore(view, at) : start
    if (at - letters !== 2 && at - letters !== 3) return
    const prefix = view.text.slice(Math.max(0, letters), letters + 2)
    if (!NINO_PREFIX.test(prefix.toUpperCase())) return
    const to = view.runEnd(at, NINO_UNITS, code => isAlphanumeric(code) || code === 0x20)
    const rest = NINO_REST.exec(view.text.slice(at, to))?.[0]
    if (rest === undefined) return
    const end = at + rest.length
    if (!view.startsWord(letters) || !view.endsWord(end)) return
    if (!startsNumber(view, letters) || !endsNumber(view, end)) return
    if (letters !== start && prefix !== prefix.toUpperCase()) return
    const isUpper = view.text.slice(letters, end) === view.text.slice(letters, end).toUpperCase()
    emit(candidateOf(view, settings, letters, end, { base: isUpper ? 0.7 : 0.3, words: NINO_WORDS }))
  }
}
