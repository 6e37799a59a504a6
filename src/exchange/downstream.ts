import {
  type Frame,
  type LlmFormat,
  type LlmRequest,
  NO_PARTS,
  type ProviderError,
  type StreamPosition,
  type TextSegment,
} from '../llm/format.ts'
import type { RuleOutcome } from '../policy/decide.ts'
import type { Policy } from '../policy/policy.ts'
import type { Restorer } from '../policy/restore.ts'
import type { HeaderMutation, ModeOverride } from './events.ts'
import { withoutCoding } from './header-mutations.ts'
import type { ExchangeHost } from './host.ts'
import { type Denial, denialHeaders, denialReply, errorReply, findingsOf, refusalFor } from './local-reply.ts'
import type { Outlet } from './outlet.ts'
import { type Because, type DecisionRecord, type Effective, judgedRules } from './record.ts'

/** The parties to a guarded response. */
export interface GuardedResponse {
  readonly policy: Policy
  readonly format: LlmFormat
  readonly request: LlmRequest | undefined
  /** The request's texts as the upstream got them. */
  readonly conversation: readonly TextSegment[]
  /** Puts back what was redacted from the request. */
  readonly restorer: Restorer | undefined
  /** What the client asked for: the shape of an answer that is all ours. Undefined: what the upstream sends. */
  readonly clientStreams: boolean | undefined
  /** Of the response, as it came. */
  readonly contentType: string | undefined
  /** The coding of the bytes that are read here and go on; undefined when they have none. */
  readonly contentEncoding: string | undefined
  /** The bytes came in a coding that was undone, which the headers still name. */
  readonly wasDecoded: boolean
  /** What the upstream sends: the shape of what joins its answer. */
  readonly shape: 'json' | 'event-stream'
}

/** The way to the client: what was cleared, what we say ourselves, and the record of what really went out. */
export class Downstream {
  readonly #host: ExchangeHost
  readonly #outlet: Outlet
  readonly #guarded: GuardedResponse
  readonly #delivery: DecisionRecord['delivery']
  /** Where an event stream stands. */
  #position: StreamPosition | undefined
  #bytesReleased = 0
  #uninspectable = 0
  #recorded = false
  /** The client got its last word from us; what the upstream still sends goes nowhere. */
  #over = false

  constructor(
    host: ExchangeHost,
    outlet: Outlet,
    guarded: GuardedResponse,
    delivery: DecisionRecord['delivery'],
  ) {
    this.#host = host
    this.#outlet = outlet
    this.#guarded = guarded
    this.#delivery = delivery
  }

  get over(): boolean {
    return this.#over
  }

  get headersOut(): boolean {
    return this.#outlet.headersOut
  }

  /** Bytes of ours can go out without a chunk to answer. */
  get canSpeakUnasked(): boolean {
    return this.#outlet.canSpeakUnasked
  }

  /** What is said now reaches the client now. */
  get hasPlace(): boolean {
    return this.#outlet.hasPlace
  }

  /** A body of ours in the coding of the upstream's, whose header may be out already. */
  coded(body: Uint8Array): Uint8Array {
    const { contentEncoding } = this.#guarded
    return contentEncoding === undefined ? body : this.#host.init.codings.encode(contentEncoding, body)
  }

  releaseHeaders(mutation?: HeaderMutation, override?: ModeOverride): void {
    this.#outlet.replyHeaders(this.#guarded.wasDecoded ? withoutCoding(mutation) : mutation, override)
  }

  /** Whole frames that were judged; the first `skip` bytes went out before. */
  releaseFrames(frames: readonly Frame[], skip: number): void {
    const position = this.#openPosition()
    for (let index = 0; index < frames.length; index++) {
      const frame = frames[index]!
      if (frame.parts !== NO_PARTS) position.released(frame)
      this.release(index === 0 && skip > 0 ? frame.bytes.subarray(skip) : frame.bytes)
    }
  }

  #openPosition(): StreamPosition {
    this.#position ??= this.#guarded.format.openPosition()
    return this.#position
  }

  release(bytes: Uint8Array): void {
    this.#bytesReleased += bytes.byteLength
    this.#outlet.write(bytes)
  }

  /** A chunk that is in our hands right now and may go as it came. */
  pass(chunk: Uint8Array): void {
    this.#bytesReleased += chunk.byteLength
    this.#outlet.pass(chunk)
  }

  finish(mutation?: HeaderMutation): void {
    this.#outlet.finish(mutation)
  }

  countUninspectable(parts: number): void {
    if (parts === 0) return
    if (this.#uninspectable === 0) this.#host.emit({ kind: 'count', what: 'uninspectable' })
    this.#uninspectable += parts
  }

  /**
   * Refuses in the form that is still open: a whole answer while headers are ours; inside the stream, or in place of
   * the JSON body, once they are out. `error`: a refusal that is an error whatever deny_code says, where it still can.
   */
  deny(because: Because, outcomes: readonly RuleOutcome[], heldBytes: number, error?: ProviderError): void {
    this.record('denied', because, outcomes, heldBytes)
    this.#over = true
    const denial: Denial = { side: 'response', because, findings: findingsOf(outcomes) }
    const { policy, format, request, clientStreams, contentEncoding, shape } = this.#guarded
    const { stamp } = this.#host.init
    if (this.#outlet.canReplaceAnswer) {
      const clientShape = (clientStreams ?? shape === 'event-stream') ? 'event-stream' : 'json'
      const reply = error
        ? errorReply(error, denial, format, policy, stamp, request)
        : denialReply(denial, policy, format, stamp, request, clientShape)
      this.#host.emit({ kind: 'reply', reply: { kind: 'local', ...reply } })
      this.#host.emit({ kind: 'end', status: 'ok', why: 'answered' })
      return
    }
    if (shape === 'event-stream') {
      const refusal = refusalFor(denial, policy, stamp, request)
      this.#outlet.write(format.streamRefusal(refusal, this.#openPosition()))
      this.#outlet.finish()
      return
    }
    const reply = denialReply(denial, policy, format, stamp, request, 'json')
    this.#outlet.write(this.coded(reply.body))
    // Where Envoy did buffer the body it still takes a status and headers; elsewhere it drops them.
    this.#outlet.finish({
      set: { ...denialHeaders(denial, policy, stamp), ...reply.headers, ':status': String(reply.status) },
      remove: contentEncoding === undefined ? [...REPLACED, 'content-encoding'] : REPLACED,
    })
  }

  /** Written once: the decision that reached the client. */
  record(
    effective: Effective,
    because: Because,
    outcomes: readonly RuleOutcome[],
    discardedBytes: number,
  ): void {
    if (this.#recorded) return
    this.#recorded = true
    this.#host.emit({
      kind: 'record',
      record: {
        exchangeId: this.#host.init.stamp.id,
        policy: this.#guarded.policy.name,
        phase: 'response',
        format: this.#guarded.format.name,
        delivery: this.#delivery,
        effective,
        because,
        ...judgedRules(outcomes, effective, this.#host.init.observed),
        uninspectable: this.#uninspectable,
        bytesReleased: this.#bytesReleased,
        bytesDiscarded: discardedBytes,
      },
    })
  }
}

const REPLACED = ['content-length', 'etag']
