import type { Frame, StreamDecoder } from './format.ts'

/** Cuts a stream's bytes; what it has cut is read elsewhere. */
export interface Framer<Cut> {
  push(chunk: Uint8Array): readonly Cut[]
  end(): readonly Cut[]
  /** Bytes held of what is not complete yet. */
  readonly buffered: number
}

/**
 * Reads, one by one, what a framer cuts. `repeats`: `read` may give text-repeat parts. A class, since V8 keeps objects
 * long that have an accessor each of their own.
 */
export class FrameReader<Cut, Read extends Frame> implements StreamDecoder {
  readonly repeats?: true
  readonly #framer: Framer<Cut>
  readonly #read: (cut: Cut) => Read

  constructor(framer: Framer<Cut>, read: (cut: Cut) => Read, repeats?: true) {
    this.#framer = framer
    this.#read = read
    if (repeats) this.repeats = repeats
  }

  get buffered(): number {
    return this.#framer.buffered
  }

  push(chunk: Uint8Array): readonly Read[] {
    return this.#framer.push(chunk).map(this.#read)
  }

  end(): readonly Read[] {
    return this.#framer.end().map(this.#read)
  }
}
