import type { Anchor, Matcher } from './anchor.ts'
import { isInRow, jointOf } from './digit-groups.ts'
import type { EntitySettings } from './entity.ts'
import { candidateOf } from './entity.ts'
import { callingCodeLength, isInternational, isNational } from './phone-plans.ts'
import { isDigit, isLetter, type TextView } from './text-view.ts'

const MIN_DIGITS = 7
const MAX_DIGITS = 17
const MAX_UNITS = 47
const MAX_AREA = 5
/** Between two digits: ` (`, `) `, `-(`. */
const MAX_SIGNS = 2
/** So many ends are tried, the longest first: what follows a number may be a number too. */
const MAX_ENDS = 4

const WORDS =
  'phone,phone number,phone no,telephone,telephone number,tel,mobile,mobile number,mobile no,cell,cell phone,cellphone,fax,whatsapp,sms,hotline,contact number,call me,call me at,call us,call him,call her,call at,text me,text me at,dial,reach me,reach me at,ring me,telefon,telefonnummer,handy,handynummer,mobil,téléphone,portable,teléfono,telefono,móvil,movil,cellulare,telefoon,telefone,celular,電話,电话,手机,전화'.split(
    ',',
  )
const OTHERS =
  'order,order number,invoice,invoice number,ticket,case,case number,reference,ref,tracking,tracking number,serial,serial number,isbn,ssn,itin,nhs,nhs number,nhs no,patient reference,social security,tax,passport,licence,license,iban,account number,bsn,tfn,sin,nif,dni,pesel,cpf,version,build,barcode,timestamp,id,commit,part number,model'.split(
    ',',
  )

/** Ways to write a number that are a telephone's in the countries that have them, and how sure that makes it. */
const NATIONAL_FORMS: readonly (readonly [form: RegExp, base: number])[] = [
  // North America: (212) 555-1234, 212-555-1234, 212.555.1234, 1-212-555-1234
  [
    /^(?:1[ .-])?(?:\([2-9]\d{2}\)[ -]?[2-9]\d{2}[ .-]|[2-9]\d{2}(?<sign>[.-])[2-9]\d{2}\k<sign>)\d{4}$/,
    0.75,
  ],
  [/^(?:1 )?[2-9]\d{2} [2-9]\d{2}[ -]\d{4}$/, 0.45],
  // France and its like: 01 23 45 67 89
  [/^0[1-9](?:[ .-]\d{2}){4}$/, 0.75],
  // An area code with its trunk 0, then the number: 030 901820, 030/901820, (020) 7946 0958, 07700 900123
  [/^(?:\(0[1-9]\d{0,4}\) ?|0[1-9]\d{1,4}[ /-])\d{3,8}(?:[ -]\d{2,8}){0,2}$/, 0.6],
]
/** Any other way to write it counts where the text says what it is. */
const UNKNOWN_FORM = 0.2

/**
 * Phone numbers in international form, in the national forms of North America, France and the countries that dial a
 * trunk 0, and any other row of digits that a region's plan has and that the text names as one.
 */
export function phoneMatcher(settings: EntitySettings, regions: readonly string[]): Matcher {
  return (anchor, emit) => {
    const { view, at, digitsEnd } = anchor
    if (!mayGoOn(anchor)) return
    const { start, plus } = startOf(view, at)
    if (digitsEnd - at > MAX_DIGITS || !mayStart(view, start, plus)) return
    const ends = readEnds(view, at, plus ? 1 : 2)
    for (const { end, digits } of ends.slice(-MAX_ENDS).reverse()) {
      const written = view.text.slice(start, end)
      if (!isEnd(view, end) || !hasBalancedParentheses(written)) continue
      const known = plus ? plusScore(written, digits) : nationalScore(written, digits)
      if (known === undefined) continue
      const base = plus || !isInRow(view, start, end, written) ? known : known - IN_ROW
      const check = (): boolean => known !== UNKNOWN_FORM || isNational(digits, regions)
      emit(candidateOf(view, settings, start, end, { base, words: WORDS, others: plus ? [] : OTHERS, check }))
      return
    }
  }
}

/** Enough digits, or signs between them and the next ones. */
function mayGoOn(anchor: Anchor): boolean {
  if (anchor.digitsEnd !== anchor.end) return false
  if (anchor.end - anchor.at >= MIN_DIGITS) return true
  return isPhoneSign(anchor.next) && (isDigit(anchor.second) || isPhoneSign(anchor.second))
}

/** With the signs before the first digit. */
function startOf(view: TextView, at: number): { start: number; plus: boolean } {
  const before = view.text[at - 1]
  if (before === '+') return { start: at - 1, plus: true }
  // A parenthesis around the whole number is none of it.
  if (before !== '(' || view.code(view.runEnd(at, MAX_AREA + 1, isDigit)) !== 0x29)
    return { start: at, plus: false }
  return view.text[at - 2] === '+' ? { start: at - 2, plus: true } : { start: at - 1, plus: false }
}

/** Not within a word, a price, a decimal, a version or a longer number. */
function mayStart(view: TextView, start: number, plus: boolean): boolean {
  if (!view.startsWord(start)) return false
  const before = view.text[start - 1]
  if (before === undefined) return true
  if (plus) return before !== '+'
  if ('+$€£¥#'.includes(before)) return false
  const beyond = view.code(start - 2)
  if (before === '-' || jointOf(before) === '-') return !isDigit(beyond) && !isLetter(beyond)
  if (before === ',') return !isDigit(beyond)
  return !((before === '.' || before === '/' || before === ':') && isDigit(beyond))
}

interface End {
  readonly end: number
  readonly digits: string
}

/**
 * Where the number may end: behind each group of digits, once there are enough of them. Groups behind the first have
 * `least` digits.
 */
function readEnds(view: TextView, at: number, least: number): End[] {
  const ends: End[] = []
  let digits = ''
  let position = at
  while (digits.length <= MAX_DIGITS && position - at < MAX_UNITS) {
    const groupEnd = view.runEnd(position, MAX_DIGITS + 1 - digits.length, isDigit)
    if (groupEnd - position < least && position > at) break
    digits += view.text.slice(position, groupEnd)
    if (digits.length > MAX_DIGITS) break
    const next = view.runEnd(groupEnd, MAX_SIGNS + 1, isPhoneSign)
    const goesOn = next - groupEnd <= MAX_SIGNS && view.isDigit(next)
    if (digits.length >= MIN_DIGITS) ends.push({ end: groupEnd, digits })
    if (!goesOn) break
    position = next
  }
  return ends
}

function isPhoneSign(code: number): boolean {
  // Space, parentheses, dash, dot, slash and the no-break space.
  return code === 0x20 || code === 0x28 || code === 0x29 || (code >= 0x2d && code <= 0x2f) || code === 0xa0
}

function isEnd(view: TextView, end: number): boolean {
  if (!view.endsWord(end)) return false
  const after = view.code(end)
  const isTight = after === 0x2e || after === 0x3a || after === 0x2f || after === 0x2d
  return !isTight || !(view.isDigit(end + 1) || isLetter(view.code(end + 1)))
}

/** Numbers in a row, a space between each two, are a table's: what reads like a telephone's number there is chance. */
const IN_ROW = 0.35

const MIN_INTERNATIONAL = 9
const TRUNK_IN_PARENTHESES = /\(0\)/

function plusScore(written: string, digits: string): number | undefined {
  const dialled = TRUNK_IN_PARENTHESES.test(written) ? written.replace('(0)', '').replace(/\D/g, '') : digits
  return dialled.length >= MIN_INTERNATIONAL && dialled.length <= 15 && isInternational(dialled)
    ? 0.9
    : undefined
}

function nationalScore(written: string, digits: string): number | undefined {
  if (digits.startsWith('00')) return prefixScore(written, digits)
  if (looksLikeDate(written)) return undefined
  const form = NATIONAL_FORMS.find(([pattern]) => pattern.test(written))
  if (form !== undefined && (digits.length >= 9 || form[1] > 0.6)) return form[1]
  return isGrouped(written) ? UNKNOWN_FORM : undefined
}

/** `078-05-1120`: no country writes its telephone numbers so. */
const US_TAX_FORM = /^\d{3}[- ]\d{2}[- ]\d{4}$/

/** A dot between two numbers is a decimal's; a telephone number has more of them, and pairs of digits at least. */
function isGrouped(written: string): boolean {
  if (US_TAX_FORM.test(written)) return false
  const [first = '', ...others] = written.split(/\D+/).filter(group => group !== '')
  if (others.some(group => group.length < 2)) return false
  return !written.includes('.') || (others.length >= 2 && first.length >= 2 && !/[^\d.]/.test(written))
}

/** The 00 prefix counts only when a sign stands behind the country: 0049 30 901820. */
function prefixScore(written: string, digits: string): number | undefined {
  if (!written.startsWith('00')) return undefined
  const number = digits.slice(2)
  if (number.length < MIN_INTERNATIONAL || !isInternational(number)) return undefined
  return /[ ./-]/.test(written.charAt(2 + callingCodeLength(number))) ? 0.8 : undefined
}

function looksLikeDate(number: string): boolean {
  return /^(?:(?:19|20)\d{2}[./-]\d{1,2}[./-]\d{1,2}|\d{1,2}[./-]\d{1,2}[./-](?:19|20)\d{2})(?!\d)/.test(
    number,
  )
}

function hasBalancedParentheses(number: string): boolean {
  if (!number.includes('(') && !number.includes(')')) return true
  return number.split('(').length === number.split(')').length && !/\)[^(]*\)|^[^(]*\)/.test(number)
}
