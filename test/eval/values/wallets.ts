import { createHash } from 'node:crypto'
import type { Chance } from '../chance.ts'
import { keccak256 } from './keccak.ts'

const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
const BECH32 = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest()
const bytes = (chance: Chance, count: number): Uint8Array =>
  Uint8Array.from({ length: count }, () => chance.integer(0, 255))

/** Version, payload and the first four bytes of the double SHA-256, in base 58. */
export function base58Check(version: number, payload: Uint8Array): string {
  const body = Buffer.concat([Buffer.of(version), payload])
  const whole = Buffer.concat([body, sha256(sha256(body)).subarray(0, 4)])
  let value = BigInt(`0x${whole.toString('hex')}`)
  let text = ''
  for (; value > 0n; value /= 58n) text = BASE58.charAt(Number(value % 58n)) + text
  const zeros = whole.findIndex(byte => byte !== 0)
  return '1'.repeat(zeros) + text
}

/** BIP 173 (witness version 0) and BIP 350 (from version 1). */
export function bech32(prefix: string, version: number, program: Uint8Array): string {
  const values = [version, ...fives(program)]
  const spread = [...prefix].map(sign => sign.charCodeAt(0) >> 5)
  const low = [...prefix].map(sign => sign.charCodeAt(0) & 31)
  const constant = version === 0 ? 1 : 0x2bc830a3
  const sum = polymod([...spread, 0, ...low, ...values, 0, 0, 0, 0, 0, 0]) ^ constant
  const check = [0, 1, 2, 3, 4, 5].map(at => (sum >>> (5 * (5 - at))) & 31)
  return `${prefix}1${[...values, ...check].map(value => BECH32.charAt(value)).join('')}`
}

function polymod(values: readonly number[]): number {
  const generators = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3]
  return values.reduce((sum, value) => {
    const top = sum >>> 25
    const next = ((sum & 0x1ffffff) << 5) ^ value
    return generators.reduce(
      (mixed, generator, at) => (((top >>> at) & 1) === 1 ? mixed ^ generator : mixed),
      next,
    )
  }, 1)
}

/** Eight bits a value to five, padded with zeros. */
function fives(data: Uint8Array): number[] {
  const bits = [...data].map(byte => byte.toString(2).padStart(8, '0')).join('')
  return (bits.match(/.{1,5}/g) ?? []).map(part => Number.parseInt(part.padEnd(5, '0'), 2))
}

/** EIP-55: a letter is a capital where the hash of the lower-case address has a high digit. */
export function eip55(hex: string): string {
  const hash = keccak256(Buffer.from(hex)).toString('hex')
  return `0x${[...hex].map((sign, at) => (Number.parseInt(hash.charAt(at), 16) > 7 ? sign.toUpperCase() : sign)).join('')}`
}

const WALLETS: readonly ((chance: Chance) => string)[] = [
  chance => base58Check(0x00, bytes(chance, 20)),
  chance => base58Check(0x05, bytes(chance, 20)),
  chance => bech32('bc', 0, bytes(chance, 20)),
  chance => bech32('bc', 1, bytes(chance, 32)),
  chance => eip55(Buffer.from(bytes(chance, 20)).toString('hex')),
  chance => `0x${Buffer.from(bytes(chance, 20)).toString('hex')}`,
]

/** A Bitcoin or Ethereum address with its checksum, where its kind has one. */
export const wallet = (chance: Chance): string => chance.pick(WALLETS)(chance)

/** A Bitcoin address with one character changed. */
export function spoiltWallet(chance: Chance): string {
  const address = base58Check(0x00, bytes(chance, 20))
  const at = chance.integer(5, 20)
  const other = address.charAt(at) === 'z' ? 'y' : 'z'
  return address.slice(0, at) + other + address.slice(at + 1)
}
