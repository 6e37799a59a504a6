import type { Matcher } from './anchor.ts'
import { jointOf } from './digit-groups.ts'
import type { EntitySettings } from './entity.ts'
import { candidateOf } from './entity.ts'
import { isAlphanumeric, isLetter, type TextView } from './text-view.ts'

/** Length of an IBAN by country: the SWIFT registry of ISO 13616. */
const LENGTHS: ReadonlyMap<string, number> = new Map(
  (
    'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ' +
    'ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 ' +
    'LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 ' +
    'QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30'
  )
    .split(' ')
    .map((entry): [string, number] => [entry.slice(0, 2), Number(entry.slice(2))]),
)

/** In groups of four, or in none. */
const AS_PRINTED = /^(?:[A-Za-z0-9]{15,34}|(?:[A-Za-z0-9]{4} ){3,8}[A-Za-z0-9]{1,4})$/

/**
 * IBANs, with or without single spaces or dashes: country, its length (33 characters at most, 62 units), and the check
 * digits (mod 97).
 */
export function ibanMatcher(settings: EntitySettings): Matcher {
  return ({ view, at, start, digitsEnd }, emit) => {
    if (at - start !== 2 || digitsEnd - at < 2) return
    const length = LENGTHS.get(view.text.slice(start, at).toUpperCase())
    if (length === undefined) return
    const { characters, end } = readAlphanumerics(view, start, length)
    if (characters.length !== length || !view.endsWord(end)) return
    const found = candidateOf(view, settings, start, end, { base: 0.98, words: [] })
    if (found === undefined || passesMod97(characters)) emit(found)
    // With a wrong check it is nothing, and so are the digits in it.
    else if (AS_PRINTED.test(view.text.slice(start, end))) emit({ ...found, allowed: true })
  }
}

/** Up to `count` letters and digits from `start`, single separators left out, and where they end. */
function readAlphanumerics(view: TextView, start: number, count: number) {
  let characters = ''
  let end = start
  while (characters.length < count) {
    const joint = characters === '' ? '' : jointOf(view.text[end])
    if (joint === ' ' || joint === '-') end++
    const code = view.code(end)
    if (!isAlphanumeric(code)) break
    characters += view.text.charAt(end).toUpperCase()
    end++
  }
  return { characters, end }
}

/** ISO 7064 mod 97-10: the first four go to the end, letters count from A = 10, and the remainder is 1. */
function passesMod97(iban: string): boolean {
  let remainder = 0
  const rotated = iban.slice(4) + iban.slice(0, 4)
  for (let at = 0; at < rotated.length; at++) {
    const code = rotated.charCodeAt(at)
    remainder = isLetter(code) ? (remainder * 100 + code - 55) % 97 : (remainder * 10 + code - 48) % 97
  }
  return remainder === 1
}
