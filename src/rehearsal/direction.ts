import type { BodyMode, HeaderMutation, Reply } from '../exchange/events.ts'

export type Headers = Readonly<Record<string, string>>

type SideReply = Exclude<Reply, { kind: 'local' }>

/** One direction of an exchange as the one at its far end sees it, and what Envoy is owed for it. */
export class Direction {
  /** A response in STREAMED becomes BUFFERED where Weir asks for it. */
  mode: BodyMode
  headers: Headers = {}
  /** The headers have left Envoy, or will with the body that it holds. */
  isOpen = false
  /** Weir has said its last word. */
  isOver = false
  readonly #out: Uint8Array[] = []
  /** The body message that is not answered yet. */
  #owed: Uint8Array | undefined
  #mutations: HeaderMutation[] = []

  constructor(mode: BodyMode) {
    this.mode = mode
  }

  /** As Envoy cuts a body for Weir: in BUFFERED it comes as one. */
  messagesOf(chunks: readonly Uint8Array[]): readonly Uint8Array[] {
    return this.mode === 'buffered' && chunks.length > 0 ? [Buffer.concat(chunks)] : chunks
  }

  sent(body: Uint8Array): void {
    if (this.mode !== 'full-duplex') this.#owed = body
  }

  /** Weir has ended the call well: what is left passes it by. */
  pass(chunks: readonly Uint8Array[]): void {
    this.isOpen = true
    this.#out.push(...chunks)
  }

  /** Outside of full duplex Envoy waits for an answer to each message: its timeout would end the call. */
  get isOwed(): boolean {
    return this.#owed !== undefined
  }

  /** A whole answer of ours can still take this one's place; later it would reset the client. */
  get canBeReplaced(): boolean {
    return !this.isOpen || (this.mode === 'buffered' && this.isOwed)
  }

  take(reply: SideReply): void {
    switch (reply.kind) {
      case 'headers':
        this.isOpen = true
        this.#change(reply.mutation)
        if (reply.side === 'response') this.mode = reply.override?.responseBody ?? this.mode
        return
      case 'body':
        this.#out.push(reply.replace ?? this.#owed ?? NOTHING)
        this.#owed = undefined
        // In STREAMED they have left by now.
        if (this.mode === 'buffered') this.#change(reply.mutation)
        return
      case 'streamed-body':
        this.#out.push(reply.body)
        this.isOver ||= reply.endOfStream
        return
      case 'trailers':
        return
    }
  }

  #change(mutation: HeaderMutation | undefined): void {
    if (mutation !== undefined) this.#mutations.push(mutation)
  }

  get body(): Uint8Array {
    return Buffer.concat(this.#out)
  }

  /** As they reach the far end. */
  get mutatedHeaders(): Headers {
    return this.#mutations.reduce(mutated, this.headers)
  }
}

const NOTHING = new Uint8Array(0)

function mutated(headers: Headers, { set = {}, remove = [] }: HeaderMutation): Headers {
  const kept = Object.entries(headers).filter(([name]) => !remove.includes(name))
  return { ...Object.fromEntries(kept), ...set }
}
