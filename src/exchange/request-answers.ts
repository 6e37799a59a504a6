import { WeirError } from '../errors.ts'
import type { ProviderError } from '../llm/format.ts'
import type { LocalReply } from './events.ts'
import type { ExchangeHost } from './host.ts'
import type { Judged } from './judge.ts'
import type { KnownRequest } from './known-request.ts'
import { type Denial, denialReply, errorReply, findingsOf } from './local-reply.ts'
import { type Because, type Effective, judgedRules } from './record.ts'

/** What a client gets in place of the upstream's answer, and the record of what became of its request. */
export class RequestAnswers {
  readonly #host: ExchangeHost
  readonly #known: KnownRequest

  constructor(host: ExchangeHost, known: KnownRequest) {
    this.#host = host
    this.#known = known
  }

  /** The policy says no: a refusal, in the shape that the client asked for. */
  deny(because: Because, judged: Judged | undefined): void {
    const { guarded, request } = this.#known
    if (guarded === undefined) throw new WeirError('bug', 'a request that nobody looks at is denied')
    const { policy, format } = guarded
    this.record('denied', because, judged)
    const denial = { side: 'request' as const, because, findings: findingsOf(judged?.outcomes ?? []) }
    const shape = this.#known.clientStreams ? 'event-stream' : 'json'
    this.#answer(denialReply(denial, policy, format, this.#host.init.stamp, request, shape))
  }

  /** A denial that is an error whatever deny_code says. */
  refuse(because: Because, error: ProviderError, judged: Judged | undefined): void {
    const { head, request } = this.#known
    const { policy, format } = head
    this.record('denied', because, judged)
    const denial: Denial = { side: 'request', because, findings: [] }
    this.#answer(errorReply(error, denial, format, policy, this.#host.init.stamp, request))
  }

  record(effective: Effective, because: Because, judged: Judged | undefined): void {
    const { head, request, receivedBytes } = this.#known
    const goesOn = effective === 'released' || effective === 'redacted'
    this.#host.emit({
      kind: 'record',
      record: {
        exchangeId: this.#host.init.stamp.id,
        policy: head.policy?.name,
        phase: 'request',
        format: head.format?.name,
        delivery: 'body',
        effective,
        because,
        ...judgedRules(judged?.outcomes ?? [], effective, this.#host.init.observed),
        uninspectable: request?.uninspectable ?? 0,
        bytesReleased: goesOn ? receivedBytes : 0,
        bytesDiscarded: goesOn ? 0 : receivedBytes,
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
