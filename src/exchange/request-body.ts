import { WeirError } from '../errors.ts'
import { BodyGate } from './body-gate.ts'
import type { CodedBody } from './body-reading.ts'
import { type ContentCodings, type DecodeFault, decodeBody } from './content-coding.ts'

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

  push(chunk: Uint8Array): 'held' | 'over-limit' {
    return this.#gate.push(chunk)
  }

  /** The whole body, as it is to be read. */
  whole(): CodedBody {
    return { body: this.#gate.body(), contentEncoding: this.#contentEncoding, maxBytes: this.#maxBytes }
  }

  /** What it is without its coding. */
  wasRead(decoded: Uint8Array): void {
    this.#read = decoded
  }

  #decode(): Uint8Array | DecodeFault {
    if (this.#read !== undefined) return this.#read
    const decoded = decodeBody(this.#codings, this.#contentEncoding, this.#gate.body(), this.#maxBytes)
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
