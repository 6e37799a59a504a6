import { concatBytes } from './bytes.ts'

/** A chunk under this is copied into a shared block: an object of its own would cost more than it holds. */
const SMALL_CHUNK_BYTES = 1024
/** Blocks double from one to the other: most bodies need none or a small one. */
const FIRST_BLOCK_BYTES = 4096
const LARGEST_BLOCK_BYTES = 65_536

/**
 * Gathers a whole body before anyone may see it. Holds at most `maxBytes` and the chunk that went past it: the caller
 * must then stop pushing and settle the fault.
 */
export class BodyGate {
  readonly #maxBytes: number
  #chunks: Uint8Array[] = []
  #bytes = 0
  /** Small chunks in order; they come after all of `#chunks`. */
  #block: Uint8Array | undefined
  #blockLength = 0
  #nextBlockBytes = FIRST_BLOCK_BYTES

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get heldBytes(): number {
    return this.#bytes
  }

  push(chunk: Uint8Array): 'held' | 'over-limit' {
    if (chunk.byteLength === 0) return 'held'
    this.#bytes += chunk.byteLength
    // The first chunk stays itself: a body that comes in one piece goes on as that piece.
    const isFirst = this.#bytes === chunk.byteLength
    if (chunk.byteLength < SMALL_CHUNK_BYTES && !isFirst) this.#pushSmall(chunk)
    else {
      this.#closeBlock()
      this.#chunks.push(chunk)
    }
    return this.#bytes > this.#maxBytes ? 'over-limit' : 'held'
  }

  /** The body so far, as one array. Copies all of it: not for every chunk. */
  body(): Uint8Array {
    this.#closeBlock()
    if (this.#chunks.length > 1) this.#chunks = [concatBytes(this.#chunks)]
    return this.#chunks[0] ?? new Uint8Array(0)
  }

  /** Hands the bytes over as they came, and holds none any more. */
  take(): readonly Uint8Array[] {
    this.#closeBlock()
    const chunks = this.#chunks
    this.#chunks = []
    this.#bytes = 0
    return chunks
  }

  #pushSmall(chunk: Uint8Array): void {
    if (this.#block === undefined || this.#blockLength + chunk.byteLength > this.#block.byteLength) {
      this.#closeBlock()
      this.#block = new Uint8Array(this.#nextBlockBytes)
      this.#nextBlockBytes = Math.min(this.#nextBlockBytes * 2, LARGEST_BLOCK_BYTES)
    }
    this.#block.set(chunk, this.#blockLength)
    this.#blockLength += chunk.byteLength
  }

  #closeBlock(): void {
    if (this.#block === undefined) return
    this.#chunks.push(this.#block.subarray(0, this.#blockLength))
    this.#block = undefined
    this.#blockLength = 0
  }
}
