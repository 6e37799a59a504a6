/** Digits of a text as numbers. */
const numbers = (digits: string): number[] => [...digits].map(Number)

/** The sum of digits times weights; weights begin anew where they end. */
export const weighted = (digits: string, weights: readonly number[]): number =>
  numbers(digits).reduce((sum, digit, at) => sum + digit * (weights[at % weights.length] ?? 0), 0)

/** ISO/IEC 7812-1, annex B. */
export function luhnDigit(digits: string): string {
  const sum = numbers(digits)
    .reverse()
    .reduce((total, digit, at) => {
      const value = at % 2 === 0 ? digit * 2 : digit
      return total + (value > 9 ? value - 9 : value)
    }, 0)
  return String((10 - (sum % 10)) % 10)
}

export const withLuhn = (digits: string): string => digits + luhnDigit(digits)

/** The remainder of a decimal number of any length. */
export const remainder = (digits: string, by: number): number =>
  numbers(digits).reduce((rest, digit) => (rest * 10 + digit) % by, 0)

/** ISO 7064 mod 97-10 as in ISO 13616: letters count from A = 10. */
export function ibanDigits(country: string, bban: string): string {
  const digits = [...`${bban}${country}00`].map(sign => Number.parseInt(sign, 36)).join('')
  return String(98 - remainder(digits, 97)).padStart(2, '0')
}

/** ISO 7064 mod 11,10, the check digit of German tax and VAT numbers. */
export function mod1110Digit(digits: string): string {
  const product = numbers(digits).reduce((last, digit) => {
    const sum = (digit + last) % 10
    return ((sum === 0 ? 10 : sum) * 2) % 11
  }, 10)
  return String((11 - product) % 10)
}

const VERHOEFF_TABLE =
  '0123456789123406789523401789563401289567401239567859876043216598710432765982104387659321049876543210'
const VERHOEFF_TURNS = '01234567891576283094580379614289160435279453126870428657390127938064157046913258'

/** Verhoeff's check digit, by its dihedral group. */
export function verhoeffDigit(digits: string): string {
  const multiply = (one: number, other: number): number => Number(VERHOEFF_TABLE[one * 10 + other])
  const sum = numbers(digits)
    .reverse()
    .reduce((total, digit, at) => multiply(total, Number(VERHOEFF_TURNS[((at + 1) % 8) * 10 + digit])), 0)
  for (let digit = 0; digit < 10; digit++) if (multiply(sum, digit) === 0) return String(digit)
  throw new Error('the group has an inverse for each digit')
}

/** The same number with another last digit: whatever it was, it is wrong now. */
export const spoilt = (value: string): string =>
  value.replace(/\d(?=\D*$)/, digit => String((Number(digit) + 3) % 10))
