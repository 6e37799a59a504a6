/**
 * What the exchange needs to know of an LLM API. One folder per API implements it; nothing outside those
 * folders knows how an API spells its text, its stream or its refusal.
 */

/** Who said a text. A role that the format does not know is `user`: it gets the strictest look. */
export type Role = 'system' | 'developer' | 'user' | 'assistant' | 'tool'

export type TextKind = 'content' | 'reasoning' | 'refusal' | 'tool-call' | 'tool-result'

/** What a text is written in: JSON source, as tool arguments are. What is put into it must be escaped. */
export type TextSyntax = 'json'

/** Keys and indexes from the body's root to one JSON string, as in `['messages', 0, 'content']`. */
export type JsonPath = readonly (string | number)[]

/** One text of a body, as a guardrail sees it. */
export interface TextSegment {
  /** Index of the message in a request, of the choice in a completion. */
  readonly message: number
  readonly role: Role
  readonly kind: TextKind
  readonly text: string
  /** Undefined: plain text. */
  readonly syntax?: TextSyntax
  /** Where the text stands in a JSON body; empty for text gathered from a stream. */
  readonly path: JsonPath
}

export type Undecodable = 'not-utf8' | 'not-json' | 'wrong-shape' | 'unknown-encoding' | 'not-event-stream'

/** Undecodable is a fault to be judged by fail_open; it is never the same as "no text". */
export type Decoded<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'undecodable'; readonly reason: Undecodable }

/** What an API does not take, or does not send. */
export const WRONG_SHAPE = { kind: 'undecodable', reason: 'wrong-shape' } as const

export interface LlmRequest {
  /** The model the client asked for, for refusals. */
  readonly model: string | undefined
  /** What the body says of streaming; undefined when it says nothing. */
  readonly streams: boolean | undefined
  /** How many answers were asked for: each must be finished in a refusal. At least 1. */
  readonly choices: number
  readonly segments: readonly TextSegment[]
  /** Parts that hold something no guard can read: images, audio, files, unknown part types. */
  readonly uninspectable: number
  /** The client parses the answer by a schema, so that plain refusal text would break it. */
  readonly structuredOutput: boolean
  /** The client asked for a usage frame at the end of the stream. */
  readonly streamUsage: boolean
  /** It has no text by its nature, as the opening of a session: without segments there is nothing to judge, then. */
  readonly isTextless?: true
}

export interface Completion {
  readonly segments: readonly TextSegment[]
  readonly uninspectable: number
}

/** An answer that has no text by its nature: a number, a receipt, vectors. */
export const NO_TEXT: Decoded<Completion> = { kind: 'ok', value: { segments: [], uninspectable: 0 } }

/** One meaning inside a frame. */
export type Part =
  /** More text. Parts with the same choice, textKind and block are one running text. */
  | {
      readonly kind: 'text-delta'
      readonly choice: number
      readonly textKind: TextKind
      /** Tells apart several texts of one kind in one choice (tool call 0, tool call 1 …). */
      readonly block: number
      /** Empty only where a tool call begins, which must not go before its arguments were seen. */
      readonly text: string
      /** The same for all of a running text. Undefined: plain text. */
      readonly syntax?: TextSyntax
      /**
       * Where the text stands in the frame's JSON; array positions, not `index` fields. It names a string, or the
       * bare object or list that a lenient server sends where the API has one.
       */
      readonly path: JsonPath
    }
  /**
   * All of a running text, said once more, as some APIs do at its end. `choice`, `textKind` and `block` name that text;
   * where the two differ this counts as a text of its own.
   */
  | {
      readonly kind: 'text-repeat'
      readonly choice: number
      readonly textKind: TextKind
      readonly block: number
      readonly text: string
      readonly syntax?: TextSyntax
      readonly path: JsonPath
    }
  /** No more of the choice's tool calls is expected; with `block`, of that one. */
  | { readonly kind: 'finish'; readonly choice: number; readonly block?: number }
  /** The API's own end of the stream, such as `[DONE]`: nothing may follow it. */
  | { readonly kind: 'terminator' }
  | { readonly kind: 'uninspectable' }
  /** The frame cannot be read: a fault to be judged by fail_open. */
  | { readonly kind: 'undecodable'; readonly reason: Undecodable }

/** A part that holds text. */
export type TextPart = Extract<Part, { kind: 'text-delta' | 'text-repeat' }>

/**
 * The parts of a frame in which no client sees anything, such as comments and blank lines: this very list, and not only
 * an empty one. Such frames next to each other may be joined.
 */
export const NO_PARTS: readonly Part[] = Object.freeze([])

/** One event of a stream with its exact bytes, its trailing blank line included. */
export interface Frame {
  readonly bytes: Uint8Array
  readonly parts: readonly Part[]
}

/**
 * Cuts a stream's bytes into frames. The bytes of all frames, in order, are the bytes pushed: nothing is added,
 * dropped or changed. Holds at most one incomplete frame, whose size the caller bounds by `buffered`.
 */
export interface StreamDecoder {
  push(chunk: Uint8Array): readonly Frame[]
  /** The stream is over: what is left, as a last frame even when its blank line never came. */
  end(): readonly Frame[]
  /** Bytes held of a frame that is not complete yet. */
  readonly buffered: number
  /** There may be text-repeat parts, so that each running text has to be kept whole. */
  readonly repeats?: true
}

/** What the client has seen of a stream, so that a refusal can close exactly what is open. */
export interface StreamPosition {
  /** The frame went out to the client. */
  released(frame: Frame): void
}

/** What a refusal says and to whom. The id and the time come from the caller: formats have no clock. */
export interface Refusal {
  readonly message: string
  /** Unique per exchange: 32 hex digits. */
  readonly id: string
  /** Unix time in seconds. */
  readonly createdSec: number
  readonly finishReason: 'auto' | 'content_filter' | 'stop'
  /** Undefined when the request was never seen or could not be read. */
  readonly request: LlmRequest | undefined
}

/** Why an error is answered; the format maps it to its provider's own error object. */
export interface ProviderError {
  /** HTTP status, 400–599. */
  readonly status: number
  readonly message: string
  readonly code: 'content_filter' | 'invalid_request' | 'unsupported' | 'unavailable' | 'internal'
}

export interface ReplyBody {
  readonly contentType: string
  readonly body: Uint8Array
  /** More headers that the API's clients look at; lower case. */
  readonly headers?: Readonly<Record<string, string>>
  /** In place of the status that was asked for, where the API's clients take no other. */
  readonly status?: number
}

/** Where a request went: what some APIs say there and not in the body. */
export interface RequestPlace {
  /** Normalised, without the query. */
  readonly path: string
  /** As it came, without the question mark; empty when there is none. */
  readonly query: string
}

/** Who is answered with an error. */
export interface ErrorContext {
  /** Unique per exchange: 32 hex digits. */
  readonly id: string
  /** Undefined when the request was never seen or could not be read. */
  readonly request: LlmRequest | undefined
}

/** How a response body is to be read. */
export type ResponseShape =
  /** As a whole, by `decodeResponse`: JSON mostly. */
  | 'json'
  /** Frame by frame, by `openStream`: SSE mostly. */
  | 'event-stream'
  /** A charset that is not read here: undecodable. */
  | 'unknown-encoding'
  /** Too few bytes to tell. */
  | 'more'
  | 'unknown'
  /** By its nature without text, such as sound: fail_mode. */
  | 'opaque'

/** Replaces one whole text of a JSON body or of a frame. */
export interface TextEdit {
  readonly path: JsonPath
  readonly text: string
}

export interface LlmFormat {
  readonly name: string
  /** A request without a body is one too, and its answer has text: a client that opens a stream to listen. */
  readonly answersWithoutBody?: true
  /**
   * What a refusal needs to know of the request beside that, a format may keep in members of its own: plain data, since
   * a heavy body is read on another thread.
   */
  decodeRequest(body: Uint8Array, place: RequestPlace): Decoded<LlmRequest>
  /** Told by the content type, and by the first bytes where that does not tell. */
  shapeOf(contentType: string | undefined, firstBytes: Uint8Array): ResponseShape
  decodeResponse(body: Uint8Array, contentType?: string): Decoded<Completion>
  openStream(): StreamDecoder
  openPosition(): StreamPosition
  /** Nothing was sent yet: a whole answer that says no. Undefined where an answer has no text: then it is an error. */
  refusal(refusal: Refusal, shape: 'json' | 'event-stream'): ReplyBody | undefined
  /** Headers and perhaps text are out: close what is open, refuse, terminate. */
  streamRefusal(refusal: Refusal, at: StreamPosition): Uint8Array
  /** The provider's own error object, for statuses from 400. */
  error(error: ProviderError, context: ErrorContext): ReplyBody
  /** The body with the given texts replaced and every other byte as it was. */
  rewrite(body: Uint8Array, edits: readonly TextEdit[]): Uint8Array
  /**
   * The frame with the given texts, named by the paths of its text deltas, replaced and every other byte as it was.
   * Its parts are those of `frame` with the new texts, in the same places. No edits: the same frame. Throws when an
   * edit names none of the frame's texts, or one twice.
   */
  rewriteFrame(frame: Frame, edits: readonly TextEdit[]): Frame
  /** A frame that says nothing and that every client of this API skips; undefined where there is none. */
  readonly heartbeat: Uint8Array | undefined
  /** Whether a decoded JSON value looks like this API's answer: for responses whose request was never seen. */
  claimsResponse(value: unknown): boolean
}
