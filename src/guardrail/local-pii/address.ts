import type { Matcher } from './anchor.ts'
import type { EntitySettings } from './entity.ts'
import { candidateOf } from './entity.ts'
import { streetBefore } from './left-reach.ts'
import { isDigit, isLetter, isUpper, NOTHING, oneOf, type TextView } from './text-view.ts'

const WORDS =
  'address,home address,street address,shipping address,billing address,postal address,mailing address,live,living,lives,lived,reside,resides,residing,moved to,ship to,shipped to,deliver to,delivered to,send to,sent to,mail to,located at,meet you at,adresse,anschrift,wohnhaft,wohne,domicile,dirección,direccion,domicilio,indirizzo,adres,地址,住所'.split(
    ',',
  )

const STREET_TYPE =
  /^(?:street|avenue|road|drive|lane|boulevard|court|place|terrace|square|highway|parkway|circle|close|crescent|mews|gardens|grove|way|st|ave|rd|dr|ln|blvd|ct|pl|ter|sq|hwy|pkwy|cir)[.,]?$/i
/** Short forms stand for other things as well. */
const SHORT_TYPE = /^(?:way|place|court|circle|close|grove|square|gardens|st|dr|ct|pl|ter|sq|cir)[.,]?$/i
const FRENCH_TYPE = /^(?:rue|avenue|boulevard|bd|place|chemin|allée|impasse|quai|cours|route|passage)$/
const isFrenchInitial = oneOf('rabpciq')
const ORDINAL = /^\d{1,3}(?:st|nd|rd|th)$/
const MAX_NAME_WORDS = 4
const MAX_WORD = 25
const MAX_TAIL = 72

const CITY = String.raw`\p{Lu}[\p{L}'.-]{1,24}(?:[ -]\p{Lu}[\p{L}'.-]{1,24}){0,2}`
const JOIN = String.raw`(?:,? ?\r?\n ?|,? )`
const UNIT = String.raw`(?:,? (?:Apt|Apartment|Suite|Ste|Unit|Floor|Flat|Room)\.? ?#?[A-Za-z0-9-]{1,6}|,? #[A-Za-z0-9-]{1,6})`
const POSTAL = String.raw`(?:${JOIN}(?:${CITY},? )(?:[A-Z]{2},? \d{5}(?:-\d{4})?|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2})|${JOIN}(?:[A-Z]{1,2}-)?\d{4,5} (?:[A-Z]{2} )?${CITY})`
const TAIL = new RegExp(`^(?<unit>${UNIT})?(?<postal>${POSTAL})?`, 'u')

const WITH_POSTAL = 0.85
const WITH_UNIT = 0.65
const STREET_ALONE = 0.4
const SHORT_ALONE = 0.15

/** Street addresses: a house number beside a street, with what follows of flat, town and post code. */
export function addressMatcher(settings: EntitySettings): Matcher {
  return ({ view, at, start, end, word, next }, emit) => {
    if (start !== at || end - at > 6 || (next !== SPACE && next !== COMMA && !isStreetEnd(view.code(at - 2))))
      return
    if (!/^\d{1,5}[A-Za-z]?$/.test(word) || !view.endsWord(end)) return
    const street =
      view.code(at - 1) === SPACE && isStreetEnd(view.code(at - 2)) ? streetBefore(view.text, at) : at
    const place = street < at ? { end, base: STREET_ALONE } : streetBehind(view, at, end)
    if (place === undefined || !isFree(view, street)) return
    const tail = TAIL.exec(view.text.slice(place.end, view.runEnd(place.end, MAX_TAIL, isTail)))
    const { unit, postal } = tail?.groups ?? {}
    const base = postal !== undefined ? WITH_POSTAL : unit !== undefined ? WITH_UNIT : place.base
    const last = place.end + (tail?.[0].length ?? 0)
    emit(candidateOf(view, settings, street, last, { base, words: WORDS }))
  }
}

const SPACE = 0x20
const COMMA = 0x2c

/** The last unit of a street's name, or the comma behind it. */
function isStreetEnd(code: number): boolean {
  return isLetter(code) || code === COMMA || code === 0x2e || code >= 0xc0
}

function isFree(view: TextView, start: number): boolean {
  const before = view.text[start - 1]
  return (
    view.startsWord(start) &&
    (before === undefined || !'.,/-$€£#'.includes(before) || !isDigit(view.code(start - 2)))
  )
}

const isTailEnd = oneOf('<>"{}|;()*`')

function isTail(code: number): boolean {
  return code !== NOTHING && !isTailEnd(code)
}

/** The street that stands behind its number: in English the type comes last, in French first. */
function streetBehind(view: TextView, at: number, numberEnd: number) {
  let position = view.text[numberEnd] === ',' ? numberEnd + 1 : numberEnd
  if (view.code(position) !== 0x20) return undefined
  position++
  if (view.isDigit(position) && !isLetter(view.code(view.runEnd(position, 4, isDigit)))) return undefined
  const initial = view.code(position)
  if (isLetter(initial) && !isUpper(initial) && !isFrenchInitial(initial)) return undefined
  const first = wordAt(view, position)
  if (FRENCH_TYPE.test(first)) {
    const end = frenchEnd(view, position + first.length)
    return end === undefined ? undefined : { end, base: STREET_ALONE }
  }
  for (let count = 0; count <= MAX_NAME_WORDS; count++) {
    const word = wordAt(view, position)
    if (count > 0 && STREET_TYPE.test(word) && isUpper(word.charCodeAt(0))) {
      const end = position + word.length - (/[.,]$/.test(word) ? 1 : 0)
      return {
        end,
        base: SHORT_TYPE.test(word) || isYear(view.text.slice(at, numberEnd)) ? SHORT_ALONE : STREET_ALONE,
      }
    }
    if (!isName(word) || view.code(position + word.length) !== 0x20) return undefined
    position += word.length + 1
  }
  return undefined
}

function isYear(digits: string): boolean {
  return /^(?:19|20)\d\d$/.test(digits)
}

function isName(word: string): boolean {
  return /^\p{Lu}[\p{L}'’.-]*$/u.test(word) || ORDINAL.test(word)
}

function wordAt(view: TextView, at: number): string {
  return view.text.slice(at, view.runEnd(at, MAX_WORD, isWordUnit))
}

const isNameSign = oneOf(".,'-")

function isWordUnit(code: number): boolean {
  return isLetter(code) || isDigit(code) || (code >= 0xc0 && code < 0x250) || isNameSign(code)
}

/** `de la Paix`, `des Lilas`, `Victor Hugo`: particles, then names. */
function frenchEnd(view: TextView, from: number): number | undefined {
  let end: number | undefined
  let position = from
  for (let count = 0; count < MAX_NAME_WORDS && view.code(position) === 0x20; count++) {
    const word = wordAt(view, position + 1)
    const bare = word.replace(/[.,]$/, '')
    if (!/^(?:de|la|le|du|des|les|d'\p{Lu}\p{L}*|l'\p{Lu}\p{L}*|\p{Lu}[\p{L}'-]*)$/u.test(bare)) break
    position += 1 + word.length
    if (!/^(?:de|la|le|du|des|les)$/.test(bare)) end = position - (word.length - bare.length)
    if (bare !== word) break
  }
  return end
}
