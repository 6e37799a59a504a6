import type { NationalId } from '../../../src/guardrail/local-pii/national-ids.ts'
import type { Chance } from '../chance.ts'
import {
  luhnDigit,
  mod1110Digit,
  remainder,
  spoilt,
  verhoeffDigit,
  weighted,
  withLuhn,
} from './check-digits.ts'

const CONTROL = 'TRWAGMYFPDXBNJZSQVHLCKE'
const CONSONANTS = 'BCDFGHLMNPRSTV'

/** Digits until one of them has a check digit at all: some rules have remainders without one. */
function until(chance: Chance, length: number, complete: (digits: string) => string | undefined): string {
  for (;;) {
    const digits = chance.integer(1, 9) + chance.digits(length - 1)
    const found = complete(digits)
    if (found !== undefined) return found
  }
}

const two = (value: number): string => String(value).padStart(2, '0')

interface Birth {
  readonly year: number
  readonly month: number
  readonly day: number
}
const birth = (chance: Chance): Birth => ({
  year: chance.integer(1940, 1999),
  month: chance.integer(1, 12),
  day: chance.integer(1, 28),
})
const yymmdd = ({ year, month, day }: Birth): string => two(year % 100) + two(month) + two(day)

/** What nobody makes here yet: no figure says how well these are found. */
type NotMeasured =
  | 'cz_rc'
  | 'dk_cpr'
  | 'ie_pps'
  | 'in_pan'
  | 'kr_rrn'
  | 'mx_curp'
  | 'no_fnr'
  | 'pt_nif'
  | 'za_id'

/** By ISO country and the number's own name: how one is made, and the words that announce it. */
export const NATIONAL: Readonly<
  Record<Exclude<NationalId, NotMeasured>, readonly [make: (chance: Chance) => string, ...labels: string[]]>
> = {
  es_dni: [
    chance => {
      const digits = chance.digits(8)
      return digits + CONTROL.charAt(Number(digits) % 23)
    },
    'DNI',
    'documento de identidad (DNI)',
  ],
  es_nie: [
    chance => {
      const first = chance.integer(0, 2)
      const digits = chance.digits(7)
      return 'XYZ'.charAt(first) + digits + CONTROL.charAt(Number(first + digits) % 23)
    },
    'NIE',
    'NIE number',
  ],
  de_steuer_id: [steuerId, 'Steuer-ID', 'steuerliche Identifikationsnummer', 'IdNr.'],
  fr_nir: [
    chance => {
      const { year, month } = birth(chance)
      const body = `${chance.integer(1, 2)}${two(year % 100)}${two(month)}${two(chance.integer(1, 19))}${chance.digits(6)}`
      return body + two(97 - remainder(body, 97))
    },
    'numéro de sécurité sociale',
    'NIR',
  ],
  it_codice_fiscale: [codiceFiscale, 'codice fiscale', 'Codice Fiscale (CF)'],
  nl_bsn: [
    chance =>
      until(chance, 8, digits => {
        const check = weighted(digits, [9, 8, 7, 6, 5, 4, 3, 2]) % 11
        return check === 10 ? undefined : digits + check
      }),
    'BSN',
    'burgerservicenummer',
  ],
  pl_pesel: [
    chance => {
      const digits = yymmdd(birth(chance)) + chance.digits(4)
      return digits + ((10 - (weighted(digits, [1, 3, 7, 9]) % 10)) % 10)
    },
    'PESEL',
    'numer PESEL',
  ],
  be_rrn: [
    chance => {
      const digits = yymmdd(birth(chance)) + String(chance.integer(1, 997)).padStart(3, '0')
      return (digits + two(97 - remainder(digits, 97))).replace(
        /^(..)(..)(..)(...)(..)$/,
        chance.pick(['$1.$2.$3-$4.$5', '$1$2$3$4$5']),
      )
    },
    'rijksregisternummer',
    'numéro de registre national',
  ],
  se_personnummer: [
    chance => {
      const born = birth(chance)
      const digits = yymmdd(born) + chance.digits(3)
      const number = digits + luhnDigit(digits)
      return `${chance.pick(['', String(Math.floor(born.year / 100))])}${number.slice(0, 6)}-${number.slice(6)}`
    },
    'personnummer',
  ],
  fi_hetu: [
    chance => {
      const { year, month, day } = birth(chance)
      const date = two(day) + two(month) + two(year % 100)
      const serial = String(chance.integer(2, 899)).padStart(3, '0')
      return `${date}-${serial}${'0123456789ABCDEFHJKLMNPRSTUVWXY'.charAt(Number(date + serial) % 31)}`
    },
    'henkilötunnus',
    'HETU',
  ],
  br_cpf: [
    chance => {
      const digits = chance.digits(9)
      const check = (of: string): number =>
        ((11 - (weighted(of, [11, 10, 9, 8, 7, 6, 5, 4, 3, 2].slice(10 - of.length)) % 11)) % 11) % 10
      const first = digits + check(digits)
      return (first + check(first)).replace(
        /^(...)(...)(...)(..)$/,
        chance.pick(['$1.$2.$3-$4', '$1.$2.$3-$4', '$1$2$3$4']),
      )
    },
    'CPF',
    'número do CPF',
  ],
  ca_sin: [
    chance =>
      withLuhn(chance.integer(1, 7) + chance.digits(7)).replace(
        /^(...)(...)(...)$/,
        chance.pick(['$1 $2 $3', '$1-$2-$3']),
      ),
    'SIN',
    'social insurance number',
  ],
  au_tfn: [
    chance =>
      until(chance, 8, digits => {
        // Weights 1 4 3 7 5 8 6 9 10: the last digit has weight 10, which is -1 in mod 11.
        const check = weighted(digits, [1, 4, 3, 7, 5, 8, 6, 9]) % 11
        return check === 10 ? undefined : (digits + check).replace(/^(...)(...)(...)$/, '$1 $2 $3')
      }),
    'TFN',
    'tax file number',
  ],
  in_aadhaar: [
    chance => {
      const digits = chance.integer(2, 9) + chance.digits(10)
      return (digits + verhoeffDigit(digits)).replace(/^(....)(....)(....)$/, '$1 $2 $3')
    },
    'Aadhaar',
    'Aadhaar number',
  ],
  ch_ahv: [
    chance => {
      const digits = `756${chance.digits(9)}`
      const number = digits + ((10 - (weighted(digits, [1, 3]) % 10)) % 10)
      return number.replace(/^(...)(....)(....)(..)$/, '$1.$2.$3.$4')
    },
    'AHV-Nummer',
    'numéro AVS',
  ],
  cn_resident_id: [
    chance => {
      const { year, month, day } = birth(chance)
      const digits = `${chance.pick(['110101', '310104', '440305', '510104'])}${year}${two(month)}${two(day)}${chance.digits(3)}`
      const sum = weighted(digits, [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
      return digits + '10X98765432'.charAt(sum % 11)
    },
    '身份证号',
    'resident identity card number',
  ],
}

/** Ten digits of which one stands twice, then the check digit. */
function steuerId(chance: Chance): string {
  const order = chance.sample([...'0123456789'], 10)
  const [twice = '1'] = order.filter(digit => digit !== '0')
  const dropped = order.filter(digit => digit !== twice).at(-1) ?? ''
  const digits = chance.sample([...order.filter(digit => digit !== dropped), twice], 10)
  if (digits[0] === '0') digits.push(digits.shift() ?? '')
  const body = digits.join('')
  const number = body + mod1110Digit(body)
  return number.replace(/^(..)(...)(...)(...)$/, chance.pick(['$1 $2 $3 $4', '$1$2$3$4']))
}

const ODD: Readonly<Record<string, number>> = Object.fromEntries(
  [...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ'].map((sign, at) => {
    const values = [
      1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23,
    ]
    return [sign, values[at < 10 ? at : at - 10] ?? 0]
  }),
)

function codiceFiscale(chance: Chance): string {
  const { year, month, day } = birth(chance)
  const sex = chance.pick([0, 40])
  const body = `${chance.word(CONSONANTS, 6)}${two(year % 100)}${'ABCDEHLMPRST'.charAt(month - 1)}${two(day + sex)}H${chance.pick(['501', '224', '703'])}`
  const sum = [...body].reduce((total, sign, at) => {
    const even = /\d/.test(sign) ? Number(sign) : sign.charCodeAt(0) - 65
    return total + (at % 2 === 0 ? (ODD[sign] ?? 0) : even)
  }, 0)
  return body + String.fromCharCode(65 + (sum % 26))
}

/** Not one of its kind: the check digit or letter is another. */
export function spoiltNational(value: string): string {
  return /[A-Z]$/.test(value) ? value.slice(0, -1) + (value.endsWith('K') ? 'T' : 'K') : spoilt(value)
}
