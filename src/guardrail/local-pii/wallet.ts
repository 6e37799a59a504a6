import { hash } from 'node:crypto'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { base58, bech32, bech32m } from '@scure/base'
import type { Matcher } from './anchor.ts'
import type { EntitySettings } from './entity.ts'
import { candidateOf } from './entity.ts'

const WORDS =
  'wallet,bitcoin,btc,ethereum,eth,ether,usdt,litecoin,ltc,tron,trx,dogecoin,doge,crypto,crypto address,payout address,address,deposit'.split(
    ',',
  )
/** Bitcoin, Litecoin, Dogecoin and Tron in base 58: the letters that their version bytes lead to, and those bytes. */
const VERSIONS: ReadonlyMap<string, readonly number[]> = new Map([
  ['1', [0x00]],
  ['3', [0x05]],
  ['L', [0x30]],
  ['M', [0x32]],
  ['D', [0x1e]],
  ['T', [0x41]],
])
const BASE58 = /^[1-9A-HJ-NP-Za-km-z]{26,35}$/
const SEGWIT = /^(?:bc1|ltc1)[02-9ac-hj-np-z]{11,71}$/i
const HEX_ADDRESS = /^0x[0-9a-fA-F]{40}$/
const SURE = 0.98

/** Wallet addresses, by their checksums: Base58Check, Bech32 and Bech32m, EIP-55. */
export function walletMatcher(settings: EntitySettings): Matcher {
  return ({ view, start, end, isDigits, word }, emit) => {
    if (end - start < 26 || isDigits) return
    const base = scoreOf(word)
    if (base === undefined || !view.endsWord(end)) return
    const before = view.text[start - 1]
    if (before !== undefined && '/+.'.includes(before)) return
    emit(candidateOf(view, settings, start, end, { base, words: WORDS }))
  }
}

function scoreOf(word: string): number | undefined {
  if (word.length === 42 && HEX_ADDRESS.test(word)) return ethereumScore(word.slice(2))
  if (SEGWIT.test(word)) return isSegwit(word) ? SURE : undefined
  const versions = VERSIONS.get(word.charAt(0))
  return versions !== undefined && BASE58.test(word) && isBase58Check(word, versions) ? SURE : undefined
}

function isBase58Check(word: string, versions: readonly number[]): boolean {
  const bytes = base58.decode(word)
  if (bytes.length !== 25 || !versions.includes(bytes[0] ?? -1)) return false
  const first = hash('sha256', bytes.subarray(0, 21), 'buffer')
  const second = hash('sha256', first, 'buffer')
  return second.subarray(0, 4).equals(bytes.subarray(21))
}

function isSegwit(word: string): boolean {
  const version = word.toLowerCase().charAt(word.toLowerCase().indexOf('1') + 1)
  const coding = version === 'q' ? bech32 : bech32m
  return coding.decodeUnsafe(word, 90) !== undefined
}

/** EIP-55 keeps a checksum in the case of the letters; in one case there is none, and it may be any 20 bytes. */
function ethereumScore(digits: string): number | undefined {
  const lower = digits.toLowerCase()
  if (/^(.)\1*$/.test(lower)) return undefined
  if (digits === lower || digits === digits.toUpperCase()) return 0.45
  const sum = Buffer.from(keccak_256(Buffer.from(lower, 'latin1'))).toString('hex')
  for (let at = 0; at < digits.length; at++) {
    const isUpper = digits.charAt(at) !== lower.charAt(at)
    if (/[a-f]/.test(lower.charAt(at)) && isUpper !== sum.charAt(at) >= '8') return undefined
  }
  return SURE
}
