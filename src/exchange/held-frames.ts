import { type Frame, NO_PARTS } from '../llm/format.ts'
import { concatBytes } from './bytes.ts'
import type { TextPlace } from './track.ts'

/** A frame and where its texts stand. */
export interface HeldFrame {
  readonly frame: Frame
  readonly texts: readonly TextPlace[]
}

/** The frames of a stream that have not gone yet, in their order. Its cap is the gate's to keep. */
export class HeldFrames {
  #frames: HeldFrame[] = []
  #bytes = 0
  /** Bytes of the first frame that went out already. */
  #skip = 0

  get bytes(): number {
    return this.#bytes
  }

  get isEmpty(): boolean {
    return this.#frames.length === 0
  }

  get first(): Frame | undefined {
    return this.#frames[0]?.frame
  }

  /** A frame that says nothing joins one that says nothing: two bytes must not cost an object each. */
  push(held: HeldFrame): void {
    this.#bytes += held.frame.bytes.byteLength
    const last = this.#frames.length - 1
    const joined =
      held.frame.parts === NO_PARTS ? joinedBytes(this.#frames[last]?.frame, held.frame) : undefined
    if (joined === undefined) this.#frames.push(held)
    else this.#frames[last] = { frame: { bytes: joined, parts: NO_PARTS }, texts: [] }
  }

  /** The first bytes went out by themselves. */
  skip(bytes: number): void {
    this.#skip = bytes
    this.#bytes -= bytes
  }

  /** Frames from the first on, for as long as each may go. */
  ready(mayGo: (held: HeldFrame) => boolean): readonly HeldFrame[] {
    let count = 0
    while (count < this.#frames.length && mayGo(this.#frames[count]!)) count += 1
    if (count === this.#frames.length) return this.#frames
    return count === 0 ? NONE : this.#frames.slice(0, count)
  }

  /** Lets go of the first frames; returns how many bytes of the very first went out before. */
  drop(frames: readonly HeldFrame[]): number {
    const skip = this.#skip
    this.#skip = 0
    this.#frames = frames.length === this.#frames.length ? [] : this.#frames.slice(frames.length)
    for (const { frame } of frames) this.#bytes -= frame.bytes.byteLength
    this.#bytes += skip
    return skip
  }

  clear(): void {
    this.#frames = []
    this.#bytes = 0
    this.#skip = 0
  }
}

const NONE: readonly HeldFrame[] = []

/** Frames that do not lie next to each other are copied into one up to this size, each time anew. */
const MOST_COPIED_BYTES = 4096

function joinedBytes(last: Frame | undefined, { bytes }: Frame): Uint8Array | undefined {
  if (last?.parts !== NO_PARTS) return undefined
  const before = last.bytes
  const length = before.byteLength + bytes.byteLength
  const isNext = before.buffer === bytes.buffer && before.byteOffset + before.byteLength === bytes.byteOffset
  if (isNext) return new Uint8Array(before.buffer, before.byteOffset, length)
  return length <= MOST_COPIED_BYTES ? concatBytes([before, bytes]) : undefined
}
