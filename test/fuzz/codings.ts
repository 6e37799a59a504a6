import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { contentCodings } from '../../src/coding/codings.ts'
import { contentEncodingOf } from '../../src/exchange/content-coding.ts'
import { anyBytes, cuts, nearly, pieces } from './bytes.ts'
import { must } from './require.ts'
import { fuzzTarget } from './target.ts'

const MOST = 2000
const CODERS = { gzip: gzipSync, br: brotliCompressSync, deflate: deflateSync, zstd: zstdCompressSync }
const plain = fc.oneof(
  anyBytes(60),
  fc.nat(4000).map(length => Buffer.alloc(length)),
)
const coded = fc.tuple(fc.constantFrom(...Object.values(CODERS)), plain).map(([encode, body]) => encode(body))
const named = fc.constantFrom(...Object.keys(CODERS), 'gzip, br', 'x-gzip', 'compress', '', ',')

function decoded(encoding: string, chunks: readonly Buffer[]): Buffer | string {
  const decoder = contentCodings.open(encoding, MOST)
  if (decoder === undefined) return 'unknown'
  const out: Uint8Array[] = []
  for (const chunk of chunks) {
    const piece = decoder.push(chunk)
    if (typeof piece === 'string') return piece
    out.push(piece)
  }
  const rest = decoder.end()
  return typeof rest === 'string' ? rest : Buffer.concat([...out, rest])
}

/** A coded body is its bytes, within the bound and the same at any cuts, or it is a fault. */
export const codings = fuzzTarget(
  'codings',
  50,
  fc.record({ encoding: named, body: fc.oneof(nearly(coded), anyBytes(40)), cuts, header: fc.string() }),
  ({ encoding, body, cuts, header }) => {
    contentEncodingOf(header)
    contentCodings.knows(header)
    const whole = decoded(encoding, [body])
    const cut = decoded(encoding, pieces(body, cuts))
    if (typeof whole === 'string' || typeof cut === 'string') {
      // libzstd holds a frame to the length that it states only where it gets the frame in one piece.
      const isFault = typeof whole === typeof cut || (encoding === 'zstd' && typeof whole === 'string')
      must(isFault, `whole: ${String(whole)}, cut: ${String(cut)}`)
      return
    }
    must(whole.equals(cut), 'what a body says depends on how it was cut')
    must(whole.byteLength <= MOST, 'more than the bound')
  },
)

/** A body that lost its end is never taken for a whole one. */
export const lostEnds = fuzzTarget(
  'lost-ends',
  50,
  fc.record({ name: fc.constantFrom('gzip', 'br', 'deflate', 'zstd'), plain, left: fc.nat(0xffff), cuts }),
  ({ name, plain, left, cuts }) => {
    const whole = CODERS[name](plain)
    const body = whole.subarray(0, 1 + (left % (whole.byteLength - 1)))
    if (whole.byteLength > 1) must(typeof decoded(name, pieces(body, cuts)) === 'string', 'taken for whole')
  },
)
