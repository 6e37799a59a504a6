/**
 * How an official client of an API is driven through the matrix of formats × cases: one driver per client and way to
 * ask (whole or streamed). The matrix knows no API; a driver knows no Envoy and no policy.
 */
export interface ClientDriver {
  /** Package and call, as in `openai chat.completions, stream`. */
  readonly name: string
  /** The `name` of the LlmFormat that must take the exchange. */
  readonly format: string
  readonly streams: boolean
  /** The raw request that says `content`, for what is compared byte by byte. */
  request(content: string): RawRequest
  /**
   * What the API's server answers when it says the tokens in this order: one chunk per event where it streams, else one
   * body. The whole text is the tokens joined.
   */
  answer(tokens: readonly string[]): RawAnswer
  /** Asks through the client, whose server is at `origin` (`http://127.0.0.1:port`), with no retries of its own. */
  ask(origin: string, content: string): Promise<Shown>
  /** Its answers are bodies that hold no text: nothing is decided about them. */
  readonly opaque?: true
  /** What a denial comes to. */
  readonly denied: Denied
}

export interface RawRequest {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array
}

export interface RawAnswer {
  readonly contentType: string
  readonly chunks: readonly (string | Uint8Array)[]
}

/** What the client's caller gets to see. */
export type Shown =
  | {
      readonly kind: 'answer'
      readonly text: string
      /** In the API's own word; undefined where the client shows none. */
      readonly finish: string | undefined
    }
  /** The client threw. `message`: what it says. */
  | { readonly kind: 'error'; readonly status: number | undefined; readonly message: string }

export type Denied =
  | {
      readonly kind: 'answer'
      /** The finish reason of a refusal, as the client shows it. */
      readonly finish: string | undefined
      /** Between the text that was out and the refusal, when a stream is denied in its middle. */
      readonly separator: string
    }
  /** The API has no answer with text: the client throws, with this status (403 unless the API knows no statuses). */
  | { readonly kind: 'error'; readonly status: number | undefined }
