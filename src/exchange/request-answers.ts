import type { LlmFormat, LlmRequest, ProviderError, RequestPlace } from '../llm/format.ts'
import type { Policy } from '../policy/policy.ts'
import type { HeaderReader, LocalReply } from './events.ts'
import type { Judged } from './judge.ts'
import { type Denial, denialReply, errorReply, findingsOf } from './local-reply.ts'
import type { ExchangeHost } from './pinned.ts'
import { type Because, type Effective, judgedRules } from './record.ts'

/** What is known of a request; grows as its headers and its body are read. */
export interface RequestFacts {
  policy: Policy | undefined
  format: LlmFormat | undefined
  place: RequestPlace
  /** The decoded body. */
  request: LlmRequest | undefined
  headers: HeaderReader | undefined
}

/** What a client gets in place of the upstream's answer, and the record of what became of its request. */
export class RequestAnswers {
  readonly #host: ExchangeHost
  readonly #facts: RequestFacts

  constructor(host: ExchangeHost, facts: RequestFacts) {
    this.#host = host
    this.#facts = facts
  }

  /** The body's own word, and `Accept` only where the body has none. Undefined when neither was seen to tell. */
  get clientStreams(): boolean | undefined {
    const { request, headers } = this.#facts
    if (request?.streams !== undefined) return request.streams
    const accept = headers?.get('accept')?.toLowerCase() ?? ''
    if (accept.includes('text/event-stream') && !accept.includes('application/json')) return true
    return request === undefined ? undefined : false
  }

  /** The policy says no: a refusal, in the shape that the client asked for. */
  deny(because: Because, judged: Judged | undefined, heldBytes: number): void {
    const { policy, format, request } = this.#facts
    if (policy === undefined || format === undefined) return
    this.record('denied', because, judged, heldBytes)
    const denial = { side: 'request' as const, because, findings: findingsOf(judged?.outcomes ?? []) }
    const shape = this.clientStreams ? 'event-stream' : 'json'
    this.#answer(denialReply(denial, policy, format, this.#host.init.stamp, request, shape))
  }

  /** A denial that is an error whatever deny_code says. */
  refuse(because: Because, error: ProviderError, judged: Judged | undefined, heldBytes: number): void {
    const { policy, format, request } = this.#facts
    this.record('denied', because, judged, heldBytes)
    const denial: Denial = { side: 'request', because, findings: [] }
    this.#answer(errorReply(error, denial, format, policy, this.#host.init.stamp, request))
  }

  record(effective: Effective, because: Because, judged: Judged | undefined, heldBytes: number): void {
    const { policy, format, request } = this.#facts
    const goesOn = effective === 'released' || effective === 'redacted'
    this.#host.emit({
      kind: 'record',
      record: {
        exchangeId: this.#host.init.stamp.id,
        policy: policy?.name,
        phase: 'request',
        format: format?.name,
        delivery: 'body',
        effective,
        because,
        ...judgedRules(judged?.outcomes ?? [], effective, this.#host.init.observed),
        uninspectable: request?.uninspectable ?? 0,
        bytesReleased: goesOn ? heldBytes : 0,
        bytesDiscarded: goesOn ? 0 : heldBytes,
      },
    })
  }

  #answer(reply: LocalReply): void {
    if (this.#host.responseOpen) {
      // The upstream answered before it had the whole request. A local reply would reset the client now; so does this.
      this.#host.emit({ kind: 'end', status: 'unavailable', why: 'denied after the response began' })
      return
    }
    this.#host.emit({ kind: 'reply', reply: { kind: 'local', ...reply } })
    this.#host.emit({ kind: 'end', status: 'ok', why: 'answered' })
  }
}
