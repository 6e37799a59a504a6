import type { LookupAddress, LookupAllOptions } from 'node:dns'
import { lookup as systemLookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { isIP } from 'node:net'
import { assertNever } from '../errors.ts'
import { addressClass } from './address-class.ts'

/** Why Weir does not connect: the address is none to talk to, or public and the connection without TLS. */
export type EgressRefusal = 'forbidden-address' | 'plaintext'

export interface PlaintextRule {
  /** `allow_plaintext`: no TLS to public addresses, too. Loopback and private ones need no leave. */
  readonly allowPlaintext: boolean
}

export interface EgressRule extends PlaintextRule {
  readonly protocol: 'https:' | 'http:'
}

/** What a connection that was refused fails with. It names neither host nor address. */
export class EgressError extends Error {
  readonly code: 'WEIR_EGRESS_FORBIDDEN' | 'WEIR_EGRESS_PLAINTEXT'

  constructor(refusal: EgressRefusal) {
    super(refusalMessage(refusal))
    this.name = 'EgressError'
    this.code = refusal === 'plaintext' ? 'WEIR_EGRESS_PLAINTEXT' : 'WEIR_EGRESS_FORBIDDEN'
  }
}

/** The part of dns.lookup that is used: all addresses of a name. */
export type ResolveAll = (
  hostname: string,
  options: LookupAllOptions,
  callback: (error: NodeJS.ErrnoException | null, addresses: readonly LookupAddress[]) => void,
) => void

/** Names under which clouds serve metadata. They resolve to link-local addresses, which are refused anyway. */
const METADATA_NAMES = new Set([
  'metadata', // Google Cloud, by the search domain
  'metadata.google.internal',
  'metadata.goog',
  'instance-data', // AWS, by the search domain
  'instance-data.ec2.internal',
  'metadata.tencentyun.com',
])

/** Judges one address, as a name resolved to it or as it stands in a URL. */
export function egressRefusal(
  address: string,
  { protocol, allowPlaintext }: EgressRule,
): EgressRefusal | undefined {
  const found = addressClass(address)
  switch (found) {
    case 'forbidden':
      return 'forbidden-address'
    case 'public':
      return protocol === 'http:' && !allowPlaintext ? 'plaintext' : undefined
    case 'loopback':
    case 'private':
      return undefined
    default:
      return assertNever(found)
  }
}

/** Judges the address in a URL, however it was spelled; undefined for names, which only guardedLookup can judge. */
export function literalRefusal(url: URL, { allowPlaintext }: PlaintextRule): EgressRefusal | undefined {
  return hostRefusal(url.hostname, { protocol: protocolOf(url.protocol), allowPlaintext })
}

/**
 * A `lookup` for net.connect and tls.connect. It resolves a name once and fails with an EgressError when any of its
 * addresses is refused; else the socket gets these very addresses, so that no later DNS answer counts. The name is still
 * what TLS asks for and verifies. Sockets do not call it for IP literals: see guardConnector.
 */
export function guardedLookup(
  rule: EgressRule & { readonly resolve?: ResolveAll | undefined },
): LookupFunction {
  const resolve = rule.resolve ?? systemLookup
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) {
        callback(error, '')
        return
      }
      const refusal = addresses.map(({ address }) => egressRefusal(address, rule)).find(isRefusal)
      const first = addresses[0]
      if (refusal !== undefined) callback(new EgressError(refusal), '')
      else if (first === undefined) callback(notFound(), '')
      else if (options.all) callback(null, [...addresses])
      else callback(null, first.address, first.family)
    })
  }
}

interface ConnectTarget {
  /** A name, or an IP address with or without brackets. */
  readonly hostname: string
  readonly protocol: string
}

type Connector<Target, Done> = (target: Target, done: Done) => void

/**
 * A connector of the HTTP client that refuses what must not be connected to, before a socket is opened. `build` makes
 * one that uses the given lookup; it is called once per protocol, since a lookup does not learn whose it is.
 */
export function guardConnector<
  Target extends ConnectTarget,
  Done extends (error: Error, socket: null) => void,
>(
  build: (lookup: LookupFunction) => Connector<Target, Done>,
  { allowPlaintext, resolve }: PlaintextRule & { readonly resolve?: ResolveAll | undefined },
): Connector<Target, Done> {
  const connectors = {
    'https:': build(guardedLookup({ protocol: 'https:', allowPlaintext, resolve })),
    'http:': build(guardedLookup({ protocol: 'http:', allowPlaintext, resolve })),
  }
  return (target, done) => {
    const protocol = protocolOf(target.protocol)
    const refusal = hostRefusal(target.hostname, { protocol, allowPlaintext })
    if (refusal === undefined) connectors[protocol](target, done)
    // Later, as a socket would: nobody is called back before the call has returned.
    else process.nextTick(() => done(new EgressError(refusal), null))
  }
}

/**
 * What is wrong with an endpoint in the config as far as it shows before any connection: its literal address, or a name
 * that only metadata services have. `url` that is none has no problem here: the schema names that one.
 */
export function endpointProblem(url: string, allowPlaintext: boolean): string | undefined {
  const parsed = URL.parse(url)
  if (parsed === null) return undefined
  const hostname = plainHostname(parsed)
  if (METADATA_NAMES.has(hostname.replace(/\.+$/, '')))
    return 'is the name of a cloud metadata service: Weir never connects to one'
  const refusal = hostRefusal(hostname, { protocol: protocolOf(parsed.protocol), allowPlaintext })
  return refusal === undefined
    ? undefined
    : refusalMessage(refusal, parsed.protocol === 'redis:' ? 'rediss' : 'https')
}

/** URL reads the host of http and its like, however it is spelled; that of any other scheme it leaves as it stands. */
function plainHostname({ hostname }: URL): string {
  return URL.parse(`http://${hostname}/`)?.hostname ?? hostname
}

function refusalMessage(refusal: EgressRefusal, secure: 'https' | 'rediss' = 'https'): string {
  switch (refusal) {
    case 'forbidden-address':
      return 'is a link-local, cloud metadata, unspecified or multicast address: Weir never connects to one'
    case 'plaintext':
      return `is a public address without TLS: use ${secure}, or set allow_plaintext: true`
    default:
      return assertNever(refusal)
  }
}

/** Names are left to the lookup, exactly where a socket leaves them to it. */
function hostRefusal(hostname: string, rule: EgressRule): EgressRefusal | undefined {
  const host = hostname.startsWith('[') && hostname.endsWith(']') ? hostname.slice(1, -1) : hostname
  return isIP(host) === 0 ? undefined : egressRefusal(host, rule)
}

/** Whose rule holds for a URL's protocol: whatever is neither https nor rediss has no TLS. */
export function protocolOf(protocol: string): EgressRule['protocol'] {
  return protocol === 'https:' || protocol === 'rediss:' ? 'https:' : 'http:'
}

function isRefusal(refusal: EgressRefusal | undefined): refusal is EgressRefusal {
  return refusal !== undefined
}

function notFound(): NodeJS.ErrnoException {
  return Object.assign(new Error('the name has no address'), { code: 'ENOTFOUND' })
}
