import type { Chance } from '../chance.ts'
import { luhnDigit, mod1110Digit, remainder, weighted, withLuhn } from './check-digits.ts'

const pad = (value: number, length: number): string => String(value).padStart(length, '0')

/** Never issued: area 000, 666 and from 900, group 00, serial 0000. */
export const usSsn = (chance: Chance): string => {
  let area = chance.integer(1, 899)
  if (area === 666) area = 667
  return `${pad(area, 3)}-${pad(chance.integer(1, 99), 2)}-${pad(chance.integer(1, 9999), 4)}`
}

export const usItin = (chance: Chance): string => {
  const group = chance.pick([
    chance.integer(50, 65),
    chance.integer(70, 88),
    chance.integer(90, 92),
    chance.integer(94, 99),
  ])
  return `9${chance.digits(2)}-${group}-${chance.digits(4)}`
}

/** Ten digits, the last by weights 10 to 2 mod 11. */
export function ukNhs(chance: Chance): string {
  for (;;) {
    const digits = chance.integer(4, 7) + chance.digits(8)
    const check = 11 - (weighted(digits, [10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11)
    if (check === 10) continue
    const number = digits + (check === 11 ? 0 : check)
    return number.replace(/^(...)(...)(....)$/, chance.pick(['$1 $2 $3', '$1 $2 $3', '$1-$2-$3', '$1$2$3']))
  }
}

export function ukNino(chance: Chance): string {
  const first = chance.word('ABCEGHJKLMPRSTWXYZ', 1)
  const second = chance.word('ABCEHJKLMPRSTWXYZ', 1)
  const prefix = ['GB', 'KN', 'NK', 'TN', 'ZZ'].includes(first + second) ? 'AB' : first + second
  const separator = chance.pick(['', ' '])
  const pairs = [chance.digits(2), chance.digits(2), chance.digits(2)]
  return [prefix, ...pairs, chance.pick(['A', 'B', 'C', 'D'])].join(separator)
}

/** Numbers until the rule gives a single digit. */
function withDigit(chance: Chance, length: number, check: (digits: string) => number): string {
  for (;;) {
    const digits = chance.integer(1, 9) + chance.digits(length - 1)
    const digit = check(digits)
    if (digit >= 0 && digit < 10) return digits + digit
  }
}

/** VAT numbers with their countries' check digits, as the EU's algorithms give them. */
const VAT: Readonly<Record<string, (chance: Chance) => string>> = {
  DE: chance => {
    const digits = chance.integer(1, 9) + chance.digits(7)
    return digits + mod1110Digit(digits)
  },
  FR: chance => {
    const siren = withLuhn(chance.integer(3, 8) + chance.digits(7))
    return pad((12 + 3 * (Number(siren) % 97)) % 97, 2) + siren
  },
  IT: chance => withLuhn(`${chance.digits(7)}0${chance.digits(1)}${chance.integer(1, 9)}`),
  ES: chance => {
    const digits = chance.digits(8)
    return digits + 'TRWAGMYFPDXBNJZSQVHLCKE'.charAt(Number(digits) % 23)
  },
  NL: chance =>
    `${withDigit(chance, 8, digits => weighted(digits, [9, 8, 7, 6, 5, 4, 3, 2]) % 11)}B0${chance.integer(1, 9)}`,
  BE: chance => {
    const digits = `0${chance.integer(2, 9)}${chance.digits(6)}`
    return digits + pad(97 - remainder(digits, 97), 2)
  },
  AT: chance => {
    const digits = chance.digits(7)
    return `U${digits}${(10 - ((Number(luhnSum(digits)) + 4) % 10)) % 10}`
  },
  PL: chance => withDigit(chance, 9, digits => weighted(digits, [6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11),
  PT: chance =>
    withDigit(chance, 8, digits => {
      const rest = 11 - (weighted(digits, [9, 8, 7, 6, 5, 4, 3, 2]) % 11)
      return rest > 9 ? 0 : rest
    }),
  SE: chance => {
    const digits = chance.integer(1, 9) + chance.digits(8)
    return `${digits}${luhnDigit(digits)}01`
  },
  DK: chance => withDigit(chance, 7, digits => (11 - (weighted(digits, [2, 7, 6, 5, 4, 3, 2]) % 11)) % 11),
  FI: chance => withDigit(chance, 7, digits => (11 - (weighted(digits, [7, 9, 10, 5, 8, 4, 2]) % 11)) % 11),
  LU: chance => {
    const digits = chance.integer(1, 9) + chance.digits(5)
    return digits + pad(Number(digits) % 89, 2)
  },
}

/** Of seven digits, the second, fourth and sixth doubled. */
const luhnSum = (digits: string): number =>
  [...digits].reduce((sum, digit, at) => {
    const value = at % 2 === 1 ? Number(digit) * 2 : Number(digit)
    return sum + (value > 9 ? value - 9 : value)
  }, 0)

export const VAT_COUNTRIES = Object.keys(VAT)

export const vatOf = (country: string, chance: Chance): string => country + (VAT[country]?.(chance) ?? '')

export const euVat = (chance: Chance): string => vatOf(chance.pick(VAT_COUNTRIES), chance)
