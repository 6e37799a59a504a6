import { byteLength, concatBytes } from './bytes.ts'

/**
 * Gathers a whole body before anyone may see it. Holds at most `maxBytes` and the chunk that went past it: the caller
 * must then stop pushing and settle the fault.
 */
export class BodyGate {
  readonly #maxBytes: number
  #chunks: Uint8Array[] = []
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get heldBytes(): number {
    return this.#bytes
  }

  push(chunk: Uint8Array): 'held' | 'over-limit' {
    if (chunk.byteLength > 0) this.#chunks.push(chunk)
    this.#bytes += chunk.byteLength
    return this.#bytes > this.#maxBytes ? 'over-limit' : 'held'
  }

  /** The body so far, as one array. */
  body(): Uint8Array {
    if (this.#chunks.length > 1) this.#chunks = [concatBytes(this.#chunks)]
    return this.#chunks[0] ?? new Uint8Array(0)
  }

  /** Hands the bytes over as they came, and holds none any more. */
  take(): readonly Uint8Array[] {
    const chunks = this.#chunks
    this.#chunks = []
    this.#bytes = byteLength(this.#chunks)
    return chunks
  }
}
