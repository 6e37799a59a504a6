import fc from 'fast-check'

type Bytes = readonly number[]

const byte = fc.integer({ min: 0, max: 255 })
/** IPv4 addresses whose first bytes are given. */
const ipv4Under = (...lead: number[]) =>
  fc.array(byte, { minLength: 4 - lead.length, maxLength: 4 - lead.length }).map(rest => [...lead, ...rest])

const METADATA_IPV4: readonly Bytes[] = [
  [169, 254, 169, 254],
  [169, 254, 170, 2],
  [100, 100, 100, 200],
  [192, 0, 0, 192],
  [168, 63, 129, 16],
]

/** IPv4 addresses of link-local and of metadata services, as four bytes. */
export const metadataIpv4: fc.Arbitrary<Bytes> = fc.oneof(
  fc.constantFrom(...METADATA_IPV4),
  ipv4Under(169, 254),
)

/** IPv4 addresses that are forbidden wherever they stand, as four bytes. */
export const forbiddenIpv4: fc.Arbitrary<Bytes> = fc.oneof(
  metadataIpv4,
  ipv4Under(0),
  fc.integer({ min: 224, max: 239 }).chain(lead => ipv4Under(lead)),
  fc.constant([255, 255, 255, 255]),
)

/** Any IPv4 address, as four bytes. */
export const anyIpv4: fc.Arbitrary<Bytes> = ipv4Under()

const prefix = fc.array(byte, { minLength: 8, maxLength: 8 })
const zeros = (count: number): number[] => new Array<number>(count).fill(0)

/** The address that means the IPv4 one to the socket itself: ::ffff:0:0/96. */
export const mapped = (ipv4: Bytes): Bytes => [...zeros(10), 255, 255, ...ipv4]

/** Every way in which IPv6 carries `ipv4` at a place that shows, as sixteen bytes. */
export function disguised(ipv4: Bytes): fc.Arbitrary<Bytes> {
  const rest = (length: number) => fc.array(byte, { minLength: length, maxLength: length })
  return fc.oneof(
    fc.constant(mapped(ipv4)),
    fc.constant([...zeros(12), ...ipv4]).filter(bytes => bytes.join() !== [...zeros(15), 1].join()),
    fc.constant([...zeros(8), 255, 255, 0, 0, ...ipv4]),
    fc.constant([0, 0x64, 0xff, 0x9b, ...zeros(8), ...ipv4]),
    rest(10).map(tail => [0x20, 0x02, ...ipv4, ...tail]),
    rest(8).map(tail => [0x20, 0x01, 0, 0, ...ipv4, ...tail]),
    rest(8).map(middle => [0x20, 0x01, 0, 0, ...middle, ...ipv4.map(part => part ^ 0xff)]),
    // ISATAP, under a prefix of the public internet.
    fc
      .tuple(prefix, fc.constantFrom(0, 2))
      .map(([lead, universal]) => [0x26, ...lead.slice(1), universal, 0, 0x5e, 0xfe, ...ipv4]),
  )
}

/** `ipv4` behind a NAT64 prefix of the network's own (RFC 8215), in the four layouts of RFC 6052. */
export function behindLocalNat64([a, b, c, d]: Bytes): fc.Arbitrary<Bytes> {
  const lead = [0, 0x64, 0xff, 0x9b, 0, 1]
  const at = (...bytes: (number | undefined)[]) => [...lead, ...bytes.map(part => part ?? 0)]
  return fc
    .tuple(byte, byte, byte, byte, byte)
    .chain(([x, y, z, u, v]) =>
      fc.constantFrom(
        at(a, b, 0, c, d, 0, 0, 0, 0, 0),
        at(x, a, 0, b, c, d, 0, 0, 0, 0),
        at(x, y, 0, a, b, c, d, 0, 0, 0),
        at(x, y, 0, z, u, v, a, b, c, d),
      ),
    )
}

const hex = (value: number, width: number, upper: boolean): string => {
  const text = value.toString(16).padStart(width, '0')
  return upper ? text.toUpperCase() : text
}

/** Some spelling of sixteen bytes that sockets and URLs take: zeros padded or left out, either case, a dotted end. */
export function spelled(bytes: Bytes): fc.Arbitrary<string> {
  const groups = Array.from({ length: 8 }, (_, at) => ((bytes[2 * at] ?? 0) << 8) | (bytes[2 * at + 1] ?? 0))
  const style = fc.record({
    widths: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 8, maxLength: 8 }),
    upper: fc.boolean(),
    dotted: fc.boolean(),
    shortenAt: fc.integer({ min: -1, max: 7 }),
    shortenBy: fc.integer({ min: 1, max: 8 }),
  })
  return style.map(({ widths, upper, dotted, shortenAt, shortenBy }) => {
    const texts = groups.map((group, at) => hex(group, widths[at] ?? 1, upper))
    if (dotted) texts.splice(6, 2, bytes.slice(12).join('.'))
    const last = dotted ? 6 : 8
    let end = shortenAt
    while (end >= 0 && end < Math.min(last, shortenAt + shortenBy) && groups[end] === 0) end++
    if (shortenAt < 0 || end === shortenAt) return texts.join(':')
    return `${texts.slice(0, shortenAt).join(':')}::${texts.slice(end).join(':')}`
  })
}
