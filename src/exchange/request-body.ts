import { WeirError } from '../errors.ts'
import { BodyGate } from './body-gate.ts'
import type { CodedBody } from './body-reading.ts'
import { type BodyFault, type ContentCodings, decodeBody } from './content-coding.ts'

/** The body of a request as it gathers, and what its content coding makes of it. Holds at most `maxBytes` of each. */
export class RequestBody {
  readonly #codings: ContentCodings
  readonly #contentEncoding: string | undefined
  readonly #maxBytes: number
  #gate: BodyGate
  #read: Uint8Array | undefined

  /** `contentEncoding`: one that `codings` knows, or undefined. */
  constructor(codings: ContentCodings, contentEncoding: string | undefined, maxBytes: number) {
    this.#codings = codings
    this.#contentEncoding = contentEncoding
    this.#maxBytes = maxBytes
    this.#gate = new BodyGate(maxBytes)
  }

  /** Bytes as they came. */
  get heldBytes(): number {
    return this.#gate.heldBytes
  }

  /** The same, and what was decoded of them. */
  get keptBytes(): number {
    const decoded = this.#contentEncoding === undefined ? 0 : (this.#read?.byteLength ?? 0)
    return this.#gate.heldBytes + decoded
  }

  push(chunk: Uint8Array): 'held' | 'over-limit' {
    return this.#gate.push(chunk)
  }

  /** The whole body, as it is to be read; `over-budget` where that takes more than `roomBytes`. */
  whole(roomBytes: number): CodedBody {
    const contentEncoding = this.#contentEncoding
    return { body: this.#gate.body(), contentEncoding, maxBytes: this.#maxBytes, roomBytes }
  }

  /** What it is without its coding. */
  wasRead(decoded: Uint8Array): void {
    this.#read = decoded
  }

  #decode(): Uint8Array | BodyFault {
    if (this.#read !== undefined) return this.#read
    // It fitted once.
    const bounds = { maxBytes: this.#maxBytes, roomBytes: Number.POSITIVE_INFINITY }
    const decoded = decodeBody(this.#codings, this.#contentEncoding, this.#gate.body(), bounds)
    if (typeof decoded !== 'string') this.#read = decoded
    return decoded
  }

  /**
   * The same, of a body that was read before without a fault. Throws `bug` where it cannot be read all the same: what
   * was to be changed in it must not go on unchanged.
   */
  reread(): Uint8Array {
    const body = this.#decode()
    if (typeof body === 'string') throw new WeirError('bug', `a body that was read is ${body}`)
    return body
  }

  /** Another body in its place, coded alike: the header that names the coding may be out already. */
  replace(body: Uint8Array): void {
    this.#read = body
    const encoding = this.#contentEncoding
    this.#gate = new BodyGate(Number.POSITIVE_INFINITY)
    this.#gate.push(encoding === undefined ? body : this.#codings.encode(encoding, body))
  }

  /** Hands over what is to go on, in its coding, and holds nothing any more. */
  take(): readonly Uint8Array[] {
    this.#read = undefined
    return this.#gate.take()
  }
}
