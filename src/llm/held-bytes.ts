/** Memory kept between frames, so that ordinary frames cut by chunk borders allocate once. */
const KEPT_BYTES = 16_384

/** Bytes gathered over chunks; doubling keeps the cost of appending linear. Has no cap of its own. */
export class HeldBytes {
  #bytes = new Uint8Array(0)
  #length = 0

  get length(): number {
    return this.#length
  }

  append(chunk: Uint8Array): void {
    const length = this.#length + chunk.length
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(length, this.#bytes.length * 2, 1024))
      grown.set(this.#bytes.subarray(0, this.#length))
      this.#bytes = grown
    }
    this.#bytes.set(chunk, this.#length)
    this.#length = length
  }

  /** The bytes held, followed by `tail`: `tail` itself where none are held, else in memory of their own. */
  with(tail: Uint8Array): Uint8Array {
    if (this.#length === 0) return tail
    const joined = new Uint8Array(this.#length + tail.length)
    joined.set(this.#bytes.subarray(0, this.#length))
    joined.set(tail, this.#length)
    return joined
  }

  /** The same, and nothing is held afterwards. */
  take(tail: Uint8Array): Uint8Array {
    const taken = this.with(tail)
    this.#length = 0
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = new Uint8Array(0)
    return taken
  }
}
