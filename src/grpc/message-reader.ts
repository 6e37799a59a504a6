/** A message as it came: `compressed` by the call's `grpc-encoding`. */
export interface FramedMessage {
  readonly coding: 'plain' | 'compressed'
  readonly bytes: Buffer
}

/** Why a call's bytes cannot be read on. */
export type FramingFault = 'too-large' | 'bad-flag'

const PREFIX_BYTES = 5

/**
 * Cuts a call's bytes into messages (gRPC's Length-Prefixed-Message): a flag, four bytes of length, the message. Every
 * byte is copied at most once, however the frames were cut, and none where a message came in one piece. What waits here
 * is one message of at most `maxBytes`, and messages that nobody has taken yet.
 */
export class MessageReader {
  readonly #maxBytes: number
  readonly #chunks: Buffer[] = []
  /** Where the unread bytes begin: a chunk, and a place in it. */
  #first = 0
  #offset = 0
  #available = 0
  /** The prefix of the message whose bytes are awaited. */
  #prefix: { readonly flag: number; readonly length: number } | undefined

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return
    this.#chunks.push(chunk)
    this.#available += chunk.length
  }

  /** Bytes received of messages that were not taken. */
  get waitingBytes(): number {
    return this.#available
  }

  /** Whether no message has begun that is not complete, or not taken. */
  get isEmpty(): boolean {
    return this.#available === 0 && this.#prefix === undefined
  }

  /** The next message, `undefined` while it is not complete. After a fault nothing may be asked any more. */
  next(): FramedMessage | FramingFault | undefined {
    if (this.#prefix === undefined) {
      if (this.#available < PREFIX_BYTES) return undefined
      const prefix = this.#take(PREFIX_BYTES)
      this.#prefix = { flag: prefix.readUInt8(0), length: prefix.readUInt32BE(1) }
    }
    const { flag, length } = this.#prefix
    if (flag > 1) return 'bad-flag'
    if (length > this.#maxBytes) return 'too-large'
    if (this.#available < length) return undefined
    this.#prefix = undefined
    return { coding: flag === 1 ? 'compressed' : 'plain', bytes: this.#take(length) }
  }

  /** `count` bytes that are here: a view where they stand in one chunk. */
  #take(count: number): Buffer {
    const chunk = this.#chunks[this.#first]
    if (chunk !== undefined && chunk.length - this.#offset >= count) {
      const view = chunk.subarray(this.#offset, this.#offset + count)
      this.#skip(count)
      return view
    }
    const bytes = Buffer.allocUnsafe(count)
    let filled = 0
    while (filled < count) {
      const from = this.#chunks[this.#first]!
      const part = Math.min(from.length - this.#offset, count - filled)
      from.copy(bytes, filled, this.#offset, this.#offset + part)
      filled += part
      this.#skip(part)
    }
    return bytes
  }

  #skip(count: number): void {
    this.#available -= count
    this.#offset += count
    if (this.#available === 0) {
      this.#chunks.length = 0
      this.#first = 0
      this.#offset = 0
    } else if (this.#offset === this.#chunks[this.#first]!.length) {
      this.#first += 1
      this.#offset = 0
      // Half of them at a time, so that moving the rest costs nothing that grows with their number.
      if (this.#first * 2 < this.#chunks.length) return
      this.#chunks.splice(0, this.#first)
      this.#first = 0
    }
  }
}
