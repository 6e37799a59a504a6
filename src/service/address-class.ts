import { BlockList, isIPv4, isIPv6 } from 'node:net'

/** What an IP address is to Weir: `forbidden` is never connected to, `public` only with TLS unless told otherwise. */
export type AddressClass = 'loopback' | 'private' | 'public' | 'forbidden'

type Subnet = readonly [address: string, prefixLength: number]

/** Where clouds serve credentials and keys to whoever asks from within. All of link-local, and what lies elsewhere. */
const METADATA = listOf([
  ['169.254.0.0', 16], // AWS, Google, Azure, OCI and most others; ECS tasks 169.254.170.2, Scaleway, Tencent
  ['fe80::', 10], // OpenStack and Akamai: fe80::a9fe:a9fe
  ['fd00:ec2::', 32], // AWS: instance metadata ::254, EKS Pod Identity ::23, DNS ::253, time ::123
  ['fd20:ce::254', 128], // Google Cloud, instances with IPv6 only
  ['fd00:c1::a9fe:a9fe', 128], // Oracle Cloud Infrastructure
  ['fd00:42::42', 128], // Scaleway
  ['fd00:a9fe:a9fe::1', 128], // Akamai (Linode)
  ['fd00:100::100:200', 128], // Alibaba Cloud
  ['100.100.100.200', 32], // Alibaba Cloud, inside the shared 100.64.0.0/10
  ['192.0.0.192', 32], // Oracle Cloud Classic
  ['168.63.129.16', 32], // Azure's WireServer, an address of the public internet otherwise
])

/** What names no single other host. Linux takes a connection to 0.0.0.0 for one to itself. */
const NOWHERE = listOf([
  ['0.0.0.0', 8],
  ['224.0.0.0', 4],
  ['255.255.255.255', 32],
  ['ff00::', 8],
  ['::', 96], // unspecified, and the IPv4-compatible addresses that RFC 4291 deprecates; ::1 is taken out before
])

const LOOPBACK = listOf([
  ['127.0.0.0', 8],
  ['::1', 128],
])

const PRIVATE = listOf([
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['fc00::', 7],
])

/** NAT64 with a prefix of the network's own (RFC 8215). How long that prefix is cannot be seen. */
const LOCAL_NAT64 = listOf([['64:ff9b:1::', 48]])

/** The places of RFC 6052 for prefixes of 96, 64, 56 and 48 bits; byte 8 is always left out. */
const LOCAL_NAT64_PLACES = [
  [12, 13, 14, 15],
  [9, 10, 11, 12],
  [7, 9, 10, 11],
  [6, 7, 9, 10],
]

/** Prefixes whose addresses a translator or tunnel sends on by IPv4, and the bytes that say where to. */
const CARRIERS = [
  { within: listOf([['64:ff9b::', 96]]), places: [12, 13, 14, 15], flip: 0 }, // NAT64, RFC 6052
  { within: listOf([['::ffff:0:0:0', 96]]), places: [12, 13, 14, 15], flip: 0 }, // IPv4-translated, RFC 2765
  { within: listOf([['2002::', 16]]), places: [2, 3, 4, 5], flip: 0 }, // 6to4, RFC 3056
  { within: listOf([['2001::', 32]]), places: [4, 5, 6, 7], flip: 0 }, // Teredo's server, RFC 4380
  { within: listOf([['2001::', 32]]), places: [12, 13, 14, 15], flip: 0xff }, // Teredo's client, all bits inverted
]

/**
 * The class of an IP address in any spelling that sockets take, zone id included. Whatever is no IP address is
 * forbidden. Addresses that a translator or tunnel sends on are never private: who carries them cannot be known.
 */
export function addressClass(address: string): AddressClass {
  if (isIPv4(address)) return ipv4Class(address)
  const bare = address.split('%', 1)[0] ?? ''
  const bytes = isIPv6(bare) ? ipv6Bytes(bare) : undefined
  return bytes === undefined ? 'forbidden' : ipv6Class(bare, bytes)
}

function ipv4Class(address: string): AddressClass {
  if (METADATA.check(address) || NOWHERE.check(address)) return 'forbidden'
  if (LOOPBACK.check(address)) return 'loopback'
  return PRIVATE.check(address) ? 'private' : 'public'
}

/** BlockList takes ::ffff:a.b.c.d for a.b.c.d, as sockets do; every other disguise is for carriesForbidden. */
function ipv6Class(address: string, bytes: Uint8Array): AddressClass {
  if (LOOPBACK.check(address, 'ipv6')) return 'loopback'
  if (METADATA.check(address, 'ipv6') || NOWHERE.check(address, 'ipv6')) return 'forbidden'
  if (carriesForbidden(address, bytes)) return 'forbidden'
  return PRIVATE.check(address, 'ipv6') ? 'private' : 'public'
}

function carriesForbidden(address: string, bytes: Uint8Array): boolean {
  // Metadata only: of the four places three hold something else, which must not be taken for 0.0.0.0 or multicast.
  if (LOCAL_NAT64.check(address, 'ipv6'))
    return LOCAL_NAT64_PLACES.some(places => METADATA.check(ipv4At(bytes, places)))
  const carried = CARRIERS.filter(carrier => carrier.within.check(address, 'ipv6')).map(carrier =>
    ipv4At(bytes, carrier.places, carrier.flip),
  )
  if (isIsatap(bytes)) carried.push(ipv4At(bytes, [12, 13, 14, 15]))
  // The loopback of a translator is not ours.
  return carried.map(ipv4Class).some(found => found === 'forbidden' || found === 'loopback')
}

/** RFC 5214: under any prefix, an interface id of 0000:5efe or 0200:5efe before the IPv4 address. */
function isIsatap(bytes: Uint8Array): boolean {
  return (bytes[8] === 0 || bytes[8] === 2) && bytes[9] === 0 && bytes[10] === 0x5e && bytes[11] === 0xfe
}

function ipv4At(bytes: Uint8Array, places: readonly number[], flip = 0): string {
  return places.map(place => (bytes[place] ?? 0) ^ flip).join('.')
}

/** `address` must be an IPv6 address without zone id. Undefined should URL take it for none. */
function ipv6Bytes(address: string): Uint8Array | undefined {
  // URL's own parser: whatever the spelling, what comes out is hexadecimal groups and at most one `::`.
  const canonical = URL.parse(`http://[${address}]/`)?.hostname.slice(1, -1)
  if (canonical === undefined) return undefined
  const [head = [], tail = []] = canonical
    .split('::')
    .map(half => (half === '' ? [] : half.split(':').map(group => Number.parseInt(group, 16))))
  const zeros = new Array<number>(8 - head.length - tail.length).fill(0)
  return Uint8Array.from([...head, ...zeros, ...tail].flatMap(group => [group >> 8, group & 0xff]))
}

function listOf(subnets: readonly Subnet[]): BlockList {
  const list = new BlockList()
  for (const [address, prefixLength] of subnets)
    list.addSubnet(address, prefixLength, address.includes(':') ? 'ipv6' : 'ipv4')
  return list
}
