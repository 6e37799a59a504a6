import { describe, expect, test } from 'vitest'
import { Chance } from '../../eval/chance.ts'
import { card } from '../../eval/values/cards.ts'
import { ibanDigits, luhnDigit, mod1110Digit, spoilt, verhoeffDigit } from '../../eval/values/check-digits.ts'
import { iban } from '../../eval/values/iban.ts'
import { ukNhs, ukNino, usItin, usSsn } from '../../eval/values/identity.ts'
import { keccak256 } from '../../eval/values/keccak.ts'
import { base58Check, bech32, eip55 } from '../../eval/values/wallets.ts'

const many = (make: (chance: Chance) => string): string[] => {
  const chance = new Chance('test')
  return Array.from({ length: 300 }, () => make(chance))
}
const digitsOf = (text: string): string => text.replaceAll(/\D/g, '')
const HASH_160 = Buffer.from('751e76e8199196d454941c45d1b3a323f1433bd6', 'hex')

describe('check digits, by published examples', () => {
  test('Luhn', () => expect(luhnDigit('7992739871')).toBe('3'))
  test('IBAN', () => {
    expect(ibanDigits('GB', 'WEST12345698765432')).toBe('82')
    expect(ibanDigits('DE', '370400440532013000')).toBe('89')
  })
  test('mod 11,10, a German tax number', () => expect(mod1110Digit('8609574271')).toBe('9'))
  test('Verhoeff', () => expect(verhoeffDigit('236')).toBe('3'))
  test('a spoilt number has another last digit', () => {
    expect(spoilt('4111 1111 1111 1111')).toBe('4111 1111 1111 1114')
    expect(spoilt('AB 12 C')).toBe('AB 15 C')
  })
  test('Keccak-256 of nothing', () => {
    const digest = 'c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470'
    expect(keccak256(Buffer.alloc(0)).toString('hex')).toBe(digest)
  })
  test('an Ethereum address of EIP-55', () => {
    const address = '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed'
    expect(eip55(address.slice(2).toLowerCase())).toBe(address)
  })
  test('a Bitcoin address in base 58', () => {
    expect(base58Check(0, HASH_160)).toBe('1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH')
  })
  test('Bitcoin addresses of BIP 173 and BIP 350', () => {
    expect(bech32('bc', 0, HASH_160)).toBe('bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4')
    const point = Buffer.from('79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798', 'hex')
    expect(bech32('bc', 1, point)).toBe('bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0')
  })
})

describe('generated values', () => {
  test('cards pass Luhn', () => {
    for (const value of many(card)) {
      const digits = digitsOf(value)
      expect(luhnDigit(digits.slice(0, -1))).toBe(digits.at(-1))
    }
  })
  test('IBANs have the remainder 1', () => {
    for (const value of many(iban)) {
      const plain = value.replaceAll(' ', '')
      const moved = plain.slice(4) + plain.slice(0, 4)
      const number = BigInt([...moved].map(sign => Number.parseInt(sign, 36)).join(''))
      expect(number % 97n).toBe(1n)
    }
  })
  test('NHS numbers have a weighted sum that 11 divides', () => {
    for (const value of many(ukNhs)) {
      const digits = [...digitsOf(value)].map(Number)
      expect(digits.reduce((sum, digit, at) => sum + digit * (10 - at), 0) % 11).toBe(0)
    }
  })
  test('numbers of the USA and the UK are in the ranges that are issued', () => {
    for (const value of many(usSsn)) expect(value).toMatch(/^(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}$/)
    for (const value of many(usItin))
      expect(value).toMatch(/^9\d\d-(?:5\d|6[0-5]|7\d|8[0-8]|9[0-24-9])-\d{4}$/)
    for (const value of many(ukNino))
      expect(value).toMatch(/^(?!BG|GB|KN|NK|NT|TN|ZZ)[A-Z]{2} ?\d\d ?\d\d ?\d\d ?[A-D]$/)
  })
})
