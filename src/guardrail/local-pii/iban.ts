import type { Candidate, Reader } from './candidate.ts'
import { isSeparator } from './digit-runs.ts'

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

/** Two letters and two digits only: the rest has a length that the country decides, so it is read by hand. */
const BEGINNING = /(?<![\p{L}\p{N}])[a-z]{2}\d{2}/giu
const CUT_BEGINNING = /(?<![\p{L}\p{N}])(?:[a-z]|[a-z]{2}\d?)$/giu

/**
 * IBANs, with or without single spaces or dashes: country, its length (33 characters at most, 62 units), and the check
 * digits (mod 97).
 */
export const readIbans: Reader = (text, from, textEnd) => {
  const found: Candidate[] = []
  BEGINNING.lastIndex = from
  for (let match = BEGINNING.exec(text); match !== null; match = BEGINNING.exec(text)) {
    const start = match.index
    const length = LENGTHS.get(text.slice(start, start + 2).toUpperCase())
    if (length === undefined) continue
    const { characters, end } = readAlphanumerics(text, start, length)
    if (textEnd === 'open' && end === text.length) return { found, openFrom: start, resumeAt: start }
    const isWhole = characters.length === length && !/[\p{L}\p{N}]/u.test(text.charAt(end))
    if (isWhole && passesMod97(characters)) found.push({ start, end, score: 0.99 })
  }
  CUT_BEGINNING.lastIndex = Math.max(from, text.length - 3)
  const cut = textEnd === 'open' ? CUT_BEGINNING.exec(text)?.index : undefined
  const openFrom = cut ?? text.length
  return { found, openFrom, resumeAt: openFrom }
}

/**
 * Up to `count` letters and digits from `start`, single separators left out. `end` is where reading stopped: behind the
 * last one, or at what is none.
 */
function readAlphanumerics(text: string, start: number, count: number) {
  let characters = ''
  let end = start
  while (characters.length < count) {
    if (characters !== '' && isSeparator(text[end])) end++
    const character = text[end] ?? ''
    if (!/[a-z0-9]/i.test(character)) break
    characters += character.toUpperCase()
    end++
  }
  return { characters, end }
}

/** ISO 7064 mod 97-10: the first four go to the end, letters count from A = 10, and the remainder is 1. */
function passesMod97(iban: string): boolean {
  let remainder = 0
  for (const character of iban.slice(4) + iban.slice(0, 4)) {
    const value = Number.parseInt(character, 36)
    remainder = (remainder * (value > 9 ? 100 : 10) + value) % 97
  }
  return remainder === 1
}
