import fc from 'fast-check'

/** Bytes that mean something to one of the readers: line ends, JSON's own, halves of UTF-8, lengths, a BOM. */
const TELLING = [
  0x00, 0x0a, 0x0d, 0x20, 0x22, 0x2c, 0x3a, 0x5b, 0x5c, 0x5d, 0x7b, 0x7d, 0x7f, 0x80, 0xbf, 0xc3, 0xef, 0xff,
]

const byte = fc.oneof(fc.constantFrom(...TELLING), fc.nat(255))
export const anyBytes = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.array(byte, { maxLength }).map(values => Buffer.from(values))

/** One change to some bytes; places are taken modulo the length. */
const change = fc.record({
  how: fc.constantFrom('set', 'insert', 'drop', 'cut', 'repeat', 'flip'),
  at: fc.nat(0xffff),
  length: fc.nat(12),
  byte,
})

type Change = typeof change extends fc.Arbitrary<infer T> ? T : never

function changed(bytes: Buffer, { how, at, length, byte: value }: Change): Buffer {
  const place = at % (bytes.length + 1)
  const [before, after] = [bytes.subarray(0, place), bytes.subarray(place)]
  const one = Buffer.of(value)
  switch (how) {
    case 'set':
      return Buffer.concat([before, one, after.subarray(1)])
    case 'insert':
      return Buffer.concat([before, one, after])
    case 'drop':
      return Buffer.concat([before, after.subarray(length)])
    case 'cut':
      return Buffer.from(before)
    case 'repeat':
      return Buffer.concat([before, after.subarray(0, length), after])
    case 'flip':
      return Buffer.concat([before, Buffer.of((after[0] ?? 0) ^ (1 << (value & 7))), after.subarray(1)])
  }
}

/** What is right, with a few things wrong with it: comes further into a reader than bytes of chance. */
export function nearly(whole: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  return fc
    .tuple(whole, fc.array(change, { maxLength: 4 }))
    .map(([bytes, changes]) => changes.reduce(changed, bytes))
}

/** Places to cut at, taken modulo the length. */
export const cuts = fc.array(fc.nat(0xffff), { maxLength: 8 })

/** The bytes in pieces, empty ones among them. */
export function pieces(bytes: Buffer, places: readonly number[]): readonly Buffer[] {
  const at = places.map(place => place % (bytes.length + 1)).sort((a, b) => a - b)
  return [...at, bytes.length].map((end, index) => bytes.subarray(index === 0 ? 0 : at[index - 1], end))
}
