import type { Chance } from '../chance.ts'
import { grouped } from './cards.ts'
import { ibanDigits } from './check-digits.ts'

/** What stands behind country and check digits: `n` digits, `a` capitals, `c` either. From the SWIFT registry of ISO 13616. */
const STRUCTURES: Readonly<Record<string, string>> = {
  AT: 'n16',
  BE: 'n12',
  BG: 'a4n6c8',
  CH: 'n5c12',
  CY: 'n8c16',
  CZ: 'n20',
  DE: 'n18',
  DK: 'n14',
  EE: 'n16',
  ES: 'n20',
  FI: 'n14',
  FR: 'n10c11n2',
  GB: 'a4n14',
  GR: 'n7c16',
  HR: 'n17',
  HU: 'n24',
  IE: 'a4n14',
  IT: 'a1n10c12',
  LT: 'n16',
  LU: 'n3c13',
  LV: 'a4c13',
  MT: 'a4n5c18',
  NL: 'a4n10',
  NO: 'n11',
  PL: 'n24',
  PT: 'n21',
  RO: 'a4c16',
  SE: 'n20',
  SI: 'n15',
  SK: 'n20',
  TR: 'n5c17',
  SA: 'n2c18',
  AE: 'n19',
  BR: 'n23a1c1',
}
const CAPITALS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'
const ALPHABETS: Readonly<Record<string, string>> = {
  n: '0123456789',
  a: CAPITALS,
  c: `0123456789${CAPITALS}`,
}

/** An IBAN with its country's structure and valid check digits, in print or electronic form. */
export function iban(chance: Chance): string {
  const [country, structure] = chance.pick(Object.entries(STRUCTURES))
  const bban = structure.replaceAll(/([nac])(\d+)/g, (_, kind, count) =>
    chance.word(ALPHABETS[String(kind)] ?? '', Number(count)),
  )
  const electronic = country + ibanDigits(country, bban) + bban
  return chance.next() < 0.5 ? electronic : grouped(electronic, Array(8).fill(4), ' ')
}
