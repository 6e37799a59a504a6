import { brotliCompressSync, constants, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { BrotliDecompress, Gunzip, Inflate, type ZlibOptions, ZstdDecompress } from 'minizlib'
import { WeirError } from '../errors.ts'
import type { BodyDecoder, ContentCodings, DecodeFault } from '../exchange/content-coding.ts'
import { storedBrotli } from './stored-brotli.ts'

type Decompressor = Gunzip | Inflate | BrotliDecompress | ZstdDecompress

/** zlib's own bound on what one write may give, which minizlib hands through. */
type BoundedOptions = ZlibOptions & { readonly maxOutputLength: number }

interface Coding {
  open(options: BoundedOptions): Decompressor
  encode(body: Uint8Array): Uint8Array
}

/** To compress more than this would hold up every other exchange: it goes in a form of its coding that costs a copy. */
const MOST_COMPRESSED_BYTES = 262_144
const STORED = { level: 0 }
/** zstd has no such form here. This, its fastest, goes through any body at about the speed of a copy. */
const FASTEST_ZSTD = { params: { [constants.ZSTD_c_compressionLevel]: -50 } }
/** The one that brotli takes by itself is for files: it needs a second for some megabytes. */
const FAST_BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }

function isLarge(body: Uint8Array): boolean {
  return body.length > MOST_COMPRESSED_BYTES
}

const GZIP: Coding = {
  open: options => new Gunzip(options),
  encode: body => gzipSync(body, isLarge(body) ? STORED : {}),
}
const DEFLATE: Coding = {
  open: options => new Inflate(options),
  encode: body => deflateSync(body, isLarge(body) ? STORED : {}),
}
const BROTLI: Coding = {
  open: options => new BrotliDecompress(options),
  encode: body => (isLarge(body) ? storedBrotli(body) : brotliCompressSync(body, FAST_BROTLI)),
}
const ZSTD: Coding = {
  open: options => new ZstdDecompress(options),
  encode: body => zstdCompressSync(body, isLarge(body) ? FASTEST_ZSTD : {}),
}
const CODINGS: ReadonlyMap<string, Coding> = new Map([
  ['gzip', GZIP],
  ['x-gzip', GZIP],
  ['deflate', DEFLATE],
  ['br', BROTLI],
  ['zstd', ZSTD],
])

/** More codings in a row than anybody uses: each costs a pass over the body. */
const MOST_IN_A_ROW = 3

/** The codings that Weir reads and writes: gzip, deflate, br, zstd. */
export const contentCodings: ContentCodings = {
  knows: contentEncoding => namedIn(contentEncoding) !== undefined,
  open(contentEncoding, maxBytes) {
    const codings = namedIn(contentEncoding)
    if (codings === undefined) return undefined
    // The last one named was applied last.
    const decoders = codings.reverse().map(coding => new Decoder(coding, maxBytes))
    return decoders.length === 1 ? decoders[0] : new Chain(decoders)
  },
  encode(contentEncoding, body) {
    const codings = namedIn(contentEncoding)
    if (codings === undefined)
      throw new WeirError('bug', 'a body is to be encoded in a coding that is not known')
    return codings.reduce((encoded, coding) => coding.encode(encoded), body)
  },
}

function namedIn(contentEncoding: string): Coding[] | undefined {
  const codings = contentEncoding.split(',').map(name => CODINGS.get(name.trim()))
  const known = codings.filter(coding => coding !== undefined)
  return known.length === codings.length && known.length <= MOST_IN_A_ROW ? known : undefined
}

/** A body that grows by more than this is a bomb, if it is not small: text gains a tenth of it. */
const MOST_GROWTH = 250
const SMALL_BYTES = 1_048_576
/** So much is given to zlib at once, that a bomb is noticed before all of it went off. */
const MOST_WRITTEN_BYTES = 4096
/** What one write may give: as much as gzip ever makes of that many bytes. */
const MOST_GIVEN_BYTES = 4_194_304

/** One coding at work. What it holds at once is bounded by `maxBytes`: zlib stops at that within one write. */
class Decoder implements BodyDecoder {
  readonly #zlib: Decompressor
  readonly #maxBytes: number
  #out: Uint8Array[] = []
  #taken = 0
  #given = 0
  #failed: DecodeFault | undefined

  constructor(coding: Coding, maxBytes: number) {
    this.#maxBytes = maxBytes
    this.#zlib = coding.open({ maxOutputLength: Math.min(maxBytes, MOST_GIVEN_BYTES) + 1 })
    this.#zlib.on('data', (bytes: Uint8Array) => {
      this.#given += bytes.byteLength
      this.#out.push(bytes)
    })
    this.#zlib.on('error', (error: unknown) => {
      const isTooLarge = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'
      this.#failed = isTooLarge ? 'over-limit' : 'broken'
    })
  }

  push(chunk: Uint8Array): Uint8Array | DecodeFault {
    // A bomb would be inflated on and on.
    for (let at = 0; at < chunk.byteLength && this.#failed === undefined; at += MOST_WRITTEN_BYTES) {
      this.#write(chunk.subarray(at, at + MOST_WRITTEN_BYTES))
    }
    return this.#take()
  }

  #write(piece: Uint8Array): void {
    this.#taken += piece.byteLength
    this.#zlib.write(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength))
    // What stands behind the end of the coded body nobody decodes, but somebody may read.
    const read = this.#zlib.handle?.bytesWritten ?? piece.byteLength
    if (this.#failed === undefined && read < piece.byteLength) this.#failed = 'broken'
    this.#checkGrowth()
  }

  end(): Uint8Array | DecodeFault {
    // Nothing at all is no body in any coding, and is what a HEAD or a cut leaves.
    if (this.#taken > 0 && this.#failed === undefined) this.#zlib.end()
    return this.#take()
  }

  #checkGrowth(): void {
    const isBomb = this.#given > SMALL_BYTES && this.#given > this.#taken * MOST_GROWTH
    if (this.#failed === undefined && (this.#given > this.#maxBytes || isBomb)) this.#failed = 'over-limit'
  }

  #take(): Uint8Array | DecodeFault {
    this.#checkGrowth()
    const out = this.#out
    this.#out = []
    if (this.#failed !== undefined) return this.#failed
    return out.length === 1 ? out[0]! : Buffer.concat(out)
  }
}

/** Several codings, one behind the other. */
class Chain implements BodyDecoder {
  readonly #decoders: readonly BodyDecoder[]
  #failed: DecodeFault | undefined

  constructor(decoders: readonly BodyDecoder[]) {
    this.#decoders = decoders
  }

  push(chunk: Uint8Array): Uint8Array | DecodeFault {
    if (this.#failed !== undefined) return this.#failed
    let carried = chunk
    for (const decoder of this.#decoders) {
      const pushed = decoder.push(carried)
      if (typeof pushed === 'string') {
        this.#failed = pushed
        return pushed
      }
      carried = pushed
    }
    return carried
  }

  end(): Uint8Array | DecodeFault {
    if (this.#failed !== undefined) return this.#failed
    let carried: Uint8Array = new Uint8Array(0)
    for (const decoder of this.#decoders) {
      const pushed = decoder.push(carried)
      if (typeof pushed === 'string') return pushed
      const rest = decoder.end()
      if (typeof rest === 'string') return rest
      carried = Buffer.concat([pushed, rest])
    }
    return carried
  }
}
