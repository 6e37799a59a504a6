import type { LlmFormat, LlmRequest, RequestPlace, TextSegment } from '../llm/format.ts'
import { withoutTexts } from '../llm/without-texts.ts'
import { needsConversation, readingRules, requestRules } from '../policy/needs.ts'
import { type Name, Placeholders } from '../policy/placeholder.ts'
import type { Policy, Rule } from '../policy/policy.ts'
import { Restorer } from '../policy/restore.ts'
import type { HeaderReader } from './events.ts'
import type { Pinned } from './pinned.ts'
import type { RequestBody } from './request-body.ts'

/** What a request's headers tell of it. */
export interface RequestHead {
  readonly headers: HeaderReader | undefined
  readonly place: RequestPlace
  /** Undefined where none takes it. */
  readonly policy: Policy | undefined
  readonly format: LlmFormat | undefined
}

/** Whose words count for a request that is looked at. */
export interface GuardedRequest {
  readonly policy: Policy
  readonly format: LlmFormat
}

/** What is known of a request, and what of it is kept in memory. */
export class KnownRequest {
  head: RequestHead = NO_HEAD
  /** Undefined where nothing of it, nor of its answer, is looked at. */
  guarded: GuardedRequest | undefined
  /** Undefined where it is not looked at. */
  body: RequestBody | undefined
  #request: LlmRequest | undefined
  receivedBytes = 0
  /** Rules that only watch still look at its texts. */
  isWatched = false
  /** Of the body that the texts were read from. */
  #readBytes = 0
  /** Its texts after redaction. */
  #redacted: readonly TextSegment[] | undefined
  /** What its redactions stand for; lives as long as the exchange. */
  #placeholders: Placeholders | undefined

  /** The decoded body; without its texts when it has gone on and nobody judges its answer by them. */
  get request(): LlmRequest | undefined {
    return this.#request
  }

  /** Those that judge it before it goes on, and those that judge it on its way. */
  get inputRules(): readonly Rule[] {
    const { policy } = this.head
    return policy === undefined ? NO_RULES : requestRules(policy)
  }

  /** Those that it fails where nobody can read it. */
  get readingRules(): readonly Rule[] {
    const { policy } = this.head
    return policy === undefined ? NO_RULES : readingRules(policy)
  }

  /** What the response must know of it. */
  get pinned(): Pinned {
    if (this.guarded === undefined) return { kind: 'pass' }
    return {
      kind: 'guard',
      policy: this.guarded.policy,
      format: this.guarded.format,
      request: this.#request,
      conversation: this.#redacted ?? this.#request?.segments ?? [],
      restorer: this.restores ? new Restorer(this.#placeholders!.originals) : undefined,
      clientStreams: this.clientStreams,
    }
  }

  /** The body's own word, and `Accept` only where the body has none. Undefined when neither was seen to tell. */
  get clientStreams(): boolean | undefined {
    if (this.#request?.streams !== undefined) return this.#request.streams
    const accept = this.head.headers?.get('accept')?.toLowerCase() ?? ''
    if (accept.includes('text/event-stream') && !accept.includes('application/json')) return true
    return this.#request === undefined ? undefined : false
  }

  /** Something was redacted that the answer is to get back. */
  get restores(): boolean {
    return this.#placeholders !== undefined && this.#placeholders.originals.size > 0
  }

  /** Names what takes the place of something that was found. */
  readonly name: Name = (...found) => {
    this.#placeholders ??= new Placeholders(() => this.#request?.segments.map(({ text }) => text) ?? [])
    return this.#placeholders.name(...found)
  }

  /** Bytes kept, for whatever reason; texts count as the body that they were read from, once. */
  get keptBytes(): number {
    const keepsTexts = (this.#request?.segments.length ?? 0) > 0 || this.isWatched
    return Math.max(this.body?.keptBytes ?? 0, keepsTexts ? this.#readBytes : 0)
  }

  /** What its texts count as, for as long as somebody looks at them. */
  get readBytes(): number {
    return this.#readBytes
  }

  /** `body`: what the request was read from, without its coding. */
  wasRead(request: LlmRequest | undefined, body: Uint8Array): void {
    this.#request = request
    this.#readBytes = body.byteLength
  }

  wasRedacted(segments: readonly TextSegment[]): void {
    this.#redacted = segments
  }

  /** It has gone on. What was asked is kept for rules only that judge its answer by it. */
  forgetTexts(): void {
    const { policy } = this.head
    if (this.#request === undefined || (policy !== undefined && needsConversation(policy))) return
    this.#request = withoutTexts(this.#request)
    this.#redacted = undefined
  }
}

const NO_RULES: readonly Rule[] = []
const NO_HEAD: RequestHead = {
  headers: undefined,
  place: { path: '', query: '' },
  policy: undefined,
  format: undefined,
}
