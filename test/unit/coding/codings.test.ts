import { brotliCompressSync, brotliDecompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { BrotliDecompress, Gunzip, Inflate, ZstdDecompress } from 'minizlib'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { contentCodings } from '../../../src/coding/codings.ts'
import { storedBrotli } from '../../../src/coding/stored-brotli.ts'
import { contentEncodingOf, decodeBody } from '../../../src/exchange/content-coding.ts'

const ENCODERS: Record<string, (body: Uint8Array) => Uint8Array> = {
  gzip: gzipSync,
  'x-gzip': gzipSync,
  deflate: deflateSync,
  br: brotliCompressSync,
  zstd: zstdCompressSync,
  'gzip, br': body => brotliCompressSync(gzipSync(body)),
}
const NAMES = Object.keys(ENCODERS)
const INFLATERS = [Gunzip, Inflate, BrotliDecompress, ZstdDecompress]

afterEach(() => vi.restoreAllMocks())
const decode = (name: string, body: Uint8Array, maxBytes = 10_000_000): string => {
  const decoded = decodeBody(contentCodings, name, body, { maxBytes, roomBytes: Number.POSITIVE_INFINITY })
  return typeof decoded === 'string' ? decoded : Buffer.from(decoded).toString()
}

describe.each(NAMES)('%s', name => {
  const encode = ENCODERS[name]!

  it.each([
    ['a bomb', encode(Buffer.alloc(200_000, 'a')), 1000, 'over-limit'],
    ['what is not in it', Buffer.from('{"messages":[]}'.repeat(20)), 1000, 'broken'],
  ])('inflates no more of %s once it has failed', (_, body, maxBytes, fault) => {
    const decoder = contentCodings.open(name, maxBytes)!
    let at = 0
    let first: unknown
    for (; typeof first !== 'string' && at < body.length; at += 8)
      first = decoder.push(body.subarray(at, at + 8))
    expect(first).toBe(fault)
    const writes = INFLATERS.map(inflater => vi.spyOn(inflater.prototype, 'write'))
    for (; at < body.length; at += 8) expect(decoder.push(body.subarray(at, at + 8))).toBe(fault)
    expect(decoder.push(encode(Buffer.from('more')))).toBe(fault)
    expect(decoder.end()).toBe(fault)
    for (const write of writes) expect(write).not.toHaveBeenCalled()
  })

  it('is known, and no body in it is no fault', () => {
    expect(contentCodings.knows(name)).toBe(true)
    expect(decode(name, Buffer.alloc(0))).toBe('')
  })

  it('gives the same bytes however the body was cut', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), fc.integer({ min: 1, max: 40 }), (text, step) => {
        const body = encode(Buffer.from(text))
        const decoder = contentCodings.open(name, 10_000)!
        const out: Uint8Array[] = []
        for (let at = 0; at < body.length; at += step) {
          const piece = decoder.push(body.subarray(at, at + step))
          if (typeof piece === 'string') throw new Error(piece)
          out.push(piece)
        }
        const rest = decoder.end()
        if (typeof rest === 'string') throw new Error(rest)
        expect(Buffer.concat([...out, rest]).toString()).toBe(Buffer.from(text).toString())
      }),
      { numRuns: 50 },
    )
  })

  it('reads what encode writes', () => {
    expect(decode(name, contentCodings.encode(name, Buffer.from('a text')))).toBe('a text')
  })

  it('takes a cut body for broken', () => {
    const body = encode(Buffer.from('a text that is long enough to be cut somewhere'))
    expect(decode(name, body.subarray(0, body.length - 9))).toBe('broken')
  })

  it('takes another body for broken', () => {
    expect(decode(name, Buffer.from('{"messages":[]}'))).toBe('broken')
  })

  it('takes bytes behind its end for broken, in one piece or in two', () => {
    const body = encode(Buffer.from('a text'))
    const tail = Buffer.from('&prompt=more')
    expect(decode(name, Buffer.concat([body, tail]))).toBe('broken')
    const decoder = contentCodings.open(name, 1000)!
    expect([decoder.push(body), decoder.push(tail), decoder.end()]).toContain('broken')
  })

  it('stops at the bound, also inside of one write', () => {
    expect(decode(name, encode(Buffer.alloc(2000, 'a')), 1000)).toBe('over-limit')
    expect(decode(name, encode(Buffer.alloc(1000, 'a')), 1000)).toHaveLength(1000)
  })

  it('stops what grows out of all proportion', () => {
    expect(decode(name, encode(Buffer.alloc(8_000_000)), 100_000_000)).toBe('over-limit')
  })
})

it('reads all members of a body of several', () => {
  const two = (encode: (body: Uint8Array) => Uint8Array): Buffer =>
    Buffer.concat([encode(Buffer.from('one ')), encode(Buffer.from('two'))])
  expect(decode('gzip', two(gzipSync))).toBe('one two')
  expect(decode('zstd', two(zstdCompressSync))).toBe('one two')
})

it('knows no other, and not many in a row', () => {
  for (const name of ['compress', 'gzip, aes128gcm', 'gzip, gzip, gzip, gzip']) {
    expect(contentCodings.open(name, 100)).toBeUndefined()
    expect(contentCodings.knows(name)).toBe(false)
    expect(decode(name, Buffer.from('a text'))).toBe('broken')
  }
})

it.each([
  [undefined, undefined],
  ['', undefined],
  ['identity', undefined],
  ['GZIP', 'gzip'],
  ['identity, gzip ,', 'gzip'],
  ['gzip,br', 'gzip, br'],
])('content-encoding %s is %s', (value, wanted) => {
  expect(contentEncodingOf(value)).toBe(wanted)
})

describe('encoding', () => {
  const letters = Buffer.from('a body that was changed, ')

  it.each(['gzip', 'deflate', 'br', 'zstd'])('%s gives the body back, compressed or stored', name => {
    for (const length of [0, 1, 25, 65_536, 262_144, 262_145, 300_001, 1_000_000]) {
      const body = Buffer.alloc(length, letters)
      const encoded = contentCodings.encode(name, body)
      expect(decode(name, Buffer.from(encoded))).toBe(body.toString())
    }
  })

  it('compresses only what is not long in the doing', () => {
    const [small, large] = [Buffer.alloc(262_144, letters), Buffer.alloc(262_145, letters)]
    for (const name of ['gzip', 'deflate', 'br']) {
      expect(contentCodings.encode(name, small).byteLength).toBeLessThan(10_000)
      expect(contentCodings.encode(name, large).byteLength).toBeGreaterThan(large.byteLength)
    }
  })
})

describe('stored brotli', () => {
  it.each([0, 1, 65_535, 65_536, 65_537, 131_072, 200_000])('of %i bytes is read by every brotli', length => {
    const body = Buffer.alloc(length, 'a body, ')
    expect(brotliDecompressSync(storedBrotli(body)).equals(body)).toBe(true)
  })
})

describe('a bomb', () => {
  it('is noticed long before all of it went off', () => {
    const size = 30_000_000
    const bomb = gzipSync(Buffer.alloc(size))
    const write = vi.spyOn(Gunzip.prototype, 'write')
    expect(decode('gzip', bomb, size)).toBe('over-limit')
    expect(write.mock.calls.length * 4096).toBeLessThan(bomb.byteLength / 3)
  })
})
