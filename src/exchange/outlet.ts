import { byteLength, concatBytes } from './bytes.ts'
import type { BodyMode, HeaderMutation, ModeOverride, Reply, Side } from './events.ts'

/**
 * Where bytes leave towards Envoy, one outlet a side. It keeps the account of what Envoy is owed, so that the
 * deliveries can speak of bytes only: `write` what may go, `finish`, and `settle` at the end of every event.
 *
 * | mode            | header reply            | body replies                                              |
 * |-----------------|-------------------------|-----------------------------------------------------------|
 * | full duplex     | may wait for the body   | any number, any time, at most MAX_PIECE bytes each        |
 * | streamed        | at once                 | exactly one per chunk; bytes leave in place of a chunk    |
 * | buffered        | at once                 | exactly one; Envoy holds the headers until it came        |
 */
export interface Outlet {
  /** The header reply may wait until the body was judged. */
  readonly canWithholdHeaders: boolean
  /** A local reply can still replace the whole answer. */
  readonly canReplaceAnswer: boolean
  /** Bytes of ours can go out without a chunk to answer. */
  readonly canSpeakUnasked: boolean
  readonly headersOut: boolean
  /** Bytes written now leave at the next settle. Outside full duplex that takes a chunk that is owed its answer. */
  readonly hasPlace: boolean
  /** Cleared bytes that have not left yet. */
  readonly pendingBytes: number

  /** Envoy sent us something that is owed an answer. */
  receivedHeaders(endOfStream: boolean): void
  receivedBody(chunk: Uint8Array): void
  receivedTrailers(): void

  replyHeaders(mutation?: HeaderMutation, override?: ModeOverride): void
  /** These bytes may leave. They do at `settle`, as soon as the mode has a place for them. */
  write(bytes: Uint8Array): void
  /** Like write, and spares Envoy the bytes when they are the chunk that it waits to hear of. */
  pass(chunk: Uint8Array): void
  /** No more bytes will be written. `mutation` changes the headers where the mode still allows it. */
  finish(mutation?: HeaderMutation): void
  /**
   * Answers what has to be answered now. `judging`: a verdict is on its way and may need the last place; `filler`
   * goes out where a place would stay empty. Returns the number of bytes that went out, and whether the filler did.
   */
  settle(options: { judging: boolean; filler?: Uint8Array }): Settled
}

export interface Settled {
  readonly sent: number
  readonly filled: boolean
}

/** Envoy takes larger pieces too; small ones keep one exchange from holding up the others on the connection. */
const MAX_PIECE = 62_000

export function openOutlet(side: Side, mode: BodyMode, emit: (reply: Reply) => void): Outlet {
  return mode === 'full-duplex' ? new DuplexOutlet(side, emit) : new SlotOutlet(side, mode, emit)
}

class DuplexOutlet implements Outlet {
  readonly canWithholdHeaders = true
  readonly canSpeakUnasked = true
  headersOut = false
  readonly #side: Side
  readonly #emit: (reply: Reply) => void
  /** Cleared bytes that leave at the next settle. */
  #pending: Uint8Array[] = []
  #trailersOwed = false
  #bodiless = false
  #finished = false
  #ended = false

  constructor(side: Side, emit: (reply: Reply) => void) {
    this.#side = side
    this.#emit = emit
  }

  get canReplaceAnswer(): boolean {
    return !this.headersOut
  }

  receivedHeaders(endOfStream: boolean): void {
    this.#bodiless = endOfStream
  }
  receivedBody(_chunk: Uint8Array): void {}
  receivedTrailers(): void {
    this.#trailersOwed = true
  }

  replyHeaders(mutation?: HeaderMutation): void {
    if (this.headersOut) return
    this.headersOut = true
    this.#emit({ kind: 'headers', side: this.#side, mutation })
  }

  write(bytes: Uint8Array): void {
    if (bytes.byteLength > 0 && !this.#finished) this.#pending.push(bytes)
  }

  pass(chunk: Uint8Array): void {
    this.write(chunk)
  }

  finish(): void {
    this.#finished = true
  }

  get hasPlace(): boolean {
    return !this.#ended
  }

  get pendingBytes(): number {
    return byteLength(this.#pending)
  }

  settle(_options: { judging: boolean }): Settled {
    if (this.#ended || !this.headersOut) return IDLE
    // With trailers the end of the body never comes as a body message: the trailers are the end.
    // Without a body the headers are, and a body reply would be one that Envoy never asked for.
    const endsHere = this.#finished && !this.#trailersOwed && !this.#bodiless
    const sent = this.#flush(endsHere)
    if (this.#finished) {
      this.#ended = true
      if (this.#trailersOwed) this.#emit({ kind: 'trailers', side: this.#side })
    }
    return { sent, filled: false }
  }

  #flush(endOfStream: boolean): number {
    if (this.#pending.length === 0 && !endOfStream) return 0
    const pending = this.#pending
    this.#pending = []
    const body = concatBytes(pending)
    for (let at = 0; ; at += MAX_PIECE) {
      const to = Math.min(at + MAX_PIECE, body.byteLength)
      const last = to === body.byteLength
      this.#emit({
        kind: 'streamed-body',
        side: this.#side,
        body: at === 0 && last ? body : body.subarray(at, to),
        endOfStream: last && endOfStream,
      })
      if (last) return body.byteLength
    }
  }
}

/** STREAMED and BUFFERED (and what behaves like them): bytes leave only in the answer to a body message. */
class SlotOutlet implements Outlet {
  readonly canWithholdHeaders = false
  readonly canSpeakUnasked = false
  headersOut = false
  readonly #side: Side
  readonly #buffered: boolean
  readonly #emit: (reply: Reply) => void
  #headersOwed = false
  #slots = 0
  #trailersOwed = false
  #pending: Uint8Array[] = []
  #lastChunk: Uint8Array | undefined
  /** Length of the one chunk to be answered unchanged; only while nothing is pending before it. */
  #untouched: number | undefined
  #finished = false
  #mutation: HeaderMutation | undefined

  constructor(side: Side, mode: BodyMode, emit: (reply: Reply) => void) {
    this.#side = side
    this.#buffered = mode === 'buffered'
    this.#emit = emit
  }

  /** In BUFFERED, Envoy holds the headers until the body's answer; in STREAMED they leave with their reply. */
  get canReplaceAnswer(): boolean {
    if (!this.headersOut) return true
    const nothingLetGo = this.#pending.length === 0 && this.#untouched === undefined
    return this.#buffered && this.#slots > 0 && nothingLetGo
  }

  receivedHeaders(_endOfStream: boolean): void {
    this.#headersOwed = true
  }

  receivedBody(chunk: Uint8Array): void {
    this.#slots += 1
    this.#lastChunk = chunk
  }

  receivedTrailers(): void {
    this.#trailersOwed = true
  }

  replyHeaders(mutation?: HeaderMutation, override?: ModeOverride): void {
    if (!this.#headersOwed) return
    this.#headersOwed = false
    this.headersOut = true
    this.#emit({ kind: 'headers', side: this.#side, mutation, override })
  }

  write(bytes: Uint8Array): void {
    if (bytes.byteLength > 0 && !this.#finished) this.#pending.push(bytes)
  }

  pass(chunk: Uint8Array): void {
    const isOnlyOneOwed = this.#slots === 1 && this.#pending.length === 0 && this.#untouched === undefined
    if (isOnlyOneOwed && chunk === this.#lastChunk && !this.#finished) this.#untouched = chunk.byteLength
    else this.write(chunk)
  }

  finish(mutation?: HeaderMutation): void {
    this.#finished = true
    this.#mutation ??= mutation
  }

  get hasPlace(): boolean {
    return this.#slots > 0
  }

  get pendingBytes(): number {
    return byteLength(this.#pending)
  }

  settle({ judging, filler }: { judging: boolean; filler?: Uint8Array }): Settled {
    let sent = this.#answerUntouched()
    let filled = false
    // While a verdict is awaited the last place is kept: it may be the only one left for what is held.
    while (this.#slots > (judging ? 1 : 0)) {
      let body = concatBytes(this.#pending)
      this.#pending = []
      if (sent === 0 && body.byteLength === 0 && filler !== undefined && !this.#finished) {
        body = filler
        filled = true
      }
      sent += body.byteLength
      this.#slots -= 1
      this.#emit({ kind: 'body', side: this.#side, replace: body, mutation: this.#mutation })
    }
    if (this.#trailersOwed && !judging) {
      this.#trailersOwed = false
      this.#emit({ kind: 'trailers', side: this.#side })
    }
    return { sent, filled }
  }

  #answerUntouched(): number {
    const length = this.#untouched
    if (length === undefined) return 0
    this.#untouched = undefined
    this.#slots -= 1
    this.#emit({ kind: 'body', side: this.#side })
    return length
  }
}

const IDLE: Settled = { sent: 0, filled: false }
