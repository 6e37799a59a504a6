import type { Chance } from '../chance.ts'
import { withLuhn } from './check-digits.ts'

interface Brand {
  readonly prefixes: readonly string[]
  readonly length: number
  readonly groups: readonly number[]
}

const FOURS = [4, 4, 4, 4]
const BRANDS: readonly Brand[] = [
  { prefixes: ['4'], length: 16, groups: FOURS },
  { prefixes: ['51', '52', '53', '54', '55', '2221', '2720'], length: 16, groups: FOURS },
  { prefixes: ['34', '37'], length: 15, groups: [4, 6, 5] },
  { prefixes: ['6011', '65'], length: 16, groups: FOURS },
  { prefixes: ['36', '38'], length: 14, groups: [4, 6, 4] },
  { prefixes: ['3528', '3589'], length: 16, groups: FOURS },
  { prefixes: ['62'], length: 16, groups: FOURS },
  { prefixes: ['2200'], length: 16, groups: FOURS },
]

/** A card number that passes Luhn, written in one of the ways people write them. */
export function card(chance: Chance): string {
  const { prefixes, length, groups } = chance.pick(BRANDS)
  const prefix = chance.pick(prefixes)
  const digits = withLuhn(prefix + chance.digits(length - prefix.length - 1))
  const separator = chance.pick(['', ' ', '-', ' '])
  return separator === '' ? digits : grouped(digits, groups, separator)
}

export function grouped(digits: string, groups: readonly number[], separator: string): string {
  const parts: string[] = []
  let at = 0
  for (const size of groups) {
    parts.push(digits.slice(at, at + size))
    at += size
  }
  if (at < digits.length) parts.push(digits.slice(at))
  return parts.filter(part => part !== '').join(separator)
}
