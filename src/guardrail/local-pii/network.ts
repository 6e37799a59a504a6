import { isIP } from 'node:net'
import type { Anchor, Matcher } from './anchor.ts'
import type { EntitySettings } from './entity.ts'
import { candidateOf } from './entity.ts'
import { hexBefore } from './left-reach.ts'
import { isAlphanumeric, isDigit, isLetter, type TextView } from './text-view.ts'

const DOT = 0x2e
const COLON = 0x3a
const DASH = 0x2d

const IP_WORDS =
  'ip,ip address,ip-address,ip addresses,client ip,host,server,gateway,dns,address,remote_addr,x-forwarded-for,source,peer'.split(
    ',',
  )
/** Four numbers with dots are a version to those who write of versions. */
const VERSION_WORDS = 'version,ver,release,build,firmware,chapter,section,v,oid,revision,tag'.split(',')
const PUBLIC = 0.8
/** As short as versions are: `4.11.0.86`. */
const VERSION_LIKE = 0.3
const LONGEST_VERSION = '10.20.30.4'.length
/** Addresses of one's own network say little of anybody: they count for those who ask for them. */
const PRIVATE = 0.4

export function ipMatcher(settings: EntitySettings): Matcher {
  return (anchor, emit) => {
    emit(ipv4(anchor.view, anchor.at, settings) ?? ipv6(anchor, settings))
  }
}

const MAX_IPV4 = 15

function ipv4(view: TextView, at: number, settings: EntitySettings) {
  if (view.runEnd(at, 4, isDigit) - at > 3 || isLetter(view.code(at - 1))) return undefined
  const firstEnd = view.runEnd(at, 3, isDigit)
  if (view.code(firstEnd) !== DOT || !view.isDigit(firstEnd + 1)) return undefined
  const before = view.text[at - 1]
  const isInner = before !== undefined && '.:-/+,'.includes(before) && isAlphanumeric(view.code(at - 2))
  if (
    isInner &&
    !(before === '/' && isLetter(view.code(at - 2))) &&
    !(before === ':' && isLetter(view.code(at - 2))) &&
    before !== ','
  )
    return undefined
  const end = view.runEnd(at, MAX_IPV4 + 1, code => isDigit(code) || code === DOT)
  let address = view.text.slice(at, end)
  if (address.endsWith('.')) address = address.slice(0, -1)
  if (isIP(address) !== 4) return undefined
  const after = at + address.length
  if (!view.endsWord(after) || (view.code(after) === DASH && isAlphanumeric(view.code(after + 1))))
    return undefined
  const kind = ipv4Kind(address)
  if (kind === undefined) return undefined
  return candidateOf(view, settings, at, after, {
    base: kind,
    words: kind === PRIVATE ? [] : IP_WORDS,
    others: VERSION_WORDS,
  })
}

/** How telling an address is; undefined for those that are no host's: loopback, netmasks, multicast, 0.0.0.0. */
function ipv4Kind(address: string): number | undefined {
  const [first = 0, second = 0] = address.split('.').map(Number)
  if (first === 0 || first === 127 || first >= 224) return undefined
  const isPrivate =
    first === 10 ||
    (first === 172 && second >= 16 && second < 32) ||
    (first === 192 && second === 168) ||
    (first === 169 && second === 254) ||
    (first === 100 && second >= 64 && second < 128)
  if (isPrivate) return PRIVATE
  return address.length <= LONGEST_VERSION && !/\d{3}/.test(address) ? VERSION_LIKE : PUBLIC
}

const MAX_IPV6 = 45

function ipv6(anchor: Anchor, settings: EntitySettings) {
  const { view } = anchor
  if (anchor.next !== COLON && view.code(anchor.start - 1) !== COLON) return undefined
  const start = hexStart(anchor)
  if (!view.startsWord(start) || view.code(start - 1) === COLON) return undefined
  const groupEnd = view.runEnd(start, 5, isHex)
  if (view.code(groupEnd) !== COLON) return undefined
  const end = view.runEnd(start, MAX_IPV6 + 1, code => isHex(code) || code === COLON || code === DOT)
  const address = view.text.slice(start, end).replace(/[.:]$/, '')
  const first = /^(?:[23][0-9a-f]{3}|(f[cd][0-9a-f]{2}|fe[89ab][0-9a-f])):/i.exec(address)
  if (first === null || isIP(address) !== 6 || !view.endsWord(start + address.length)) return undefined
  const base = first[1] === undefined ? PUBLIC : PRIVATE
  return candidateOf(view, settings, start, start + address.length, {
    base,
    words: base === PUBLIC ? IP_WORDS : [],
  })
}

/** Where the groups of an address start whose first digit the anchor is. */
function hexStart({ view, at, start }: Anchor): number {
  const before = view.code(start - 1)
  if ((before !== COLON && before !== DASH) || isDigit(view.code(start - 2))) return start
  return Math.min(start, hexBefore(view.text, at))
}

function isHex(code: number): boolean {
  const lower = code | 0x20
  return isDigit(code) || (lower >= 0x61 && lower <= 0x66)
}

const MAC = /^(?:[0-9a-f]{2}(?::[0-9a-f]{2}){5}|[0-9a-f]{2}(?:-[0-9a-f]{2}){5})/i
const MAC_UNITS = 17
const MAC_WORDS =
  'mac,mac address,hardware address,device address,physical address,bssid,ethernet,wlan'.split(',')

/** Six pairs with the same sign between all of them. Those of one value over and over are nobody's. */
export function macMatcher(settings: EntitySettings): Matcher {
  return (anchor, emit) => {
    const { view } = anchor
    if (anchor.end - anchor.start !== 2) return
    const start = hexStart(anchor)
    const sign = view.code(start + 2)
    if ((sign !== COLON && sign !== DASH) || !view.startsWord(start)) return
    const before = view.code(start - 1)
    if ((before === COLON || before === DASH) && isAlphanumeric(view.code(start - 2))) return
    const to = view.runEnd(start, MAC_UNITS, code => isHex(code) || code === sign)
    const address = MAC.exec(view.text.slice(start, to))?.[0]
    if (address === undefined || isRepetition(address)) return
    const end = start + address.length
    if (!view.endsWord(end) || (view.code(end) === sign && isHex(view.code(end + 1)))) return
    emit(candidateOf(view, settings, start, end, { base: 0.8, words: MAC_WORDS }))
  }
}

function isRepetition(address: string): boolean {
  const pair = address.slice(0, 2)
  return address.split(/[:-]/).every(other => other === pair)
}
