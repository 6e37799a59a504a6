import type { TextSegment } from '../llm/format.ts'
import type { ExchangeHost } from './host.ts'
import { type Judged, judge } from './judge.ts'
import type { GuardedRequest } from './known-request.ts'
import type { RequestBody } from './request-body.ts'
import { RequestReader } from './request-reader.ts'
import type { RequestWay } from './request-way.ts'
import type { Upstream } from './upstream.ts'

/**
 * A request that input rules look at before the upstream does: its body is gathered, read, judged and then released as
 * it came, rewritten, or answered in the upstream's place.
 */
export class GatheredRequest implements RequestWay {
  readonly #host: ExchangeHost
  readonly #upstream: Upstream
  readonly #guarded: GuardedRequest
  readonly #body: RequestBody
  readonly #reader: RequestReader
  /** Of no meaning once the request is not withheld any more. */
  #state: 'gathering' | 'reading' | 'judging' = 'gathering'

  constructor(host: ExchangeHost, upstream: Upstream, guarded: GuardedRequest, body: RequestBody) {
    this.#host = host
    this.#upstream = upstream
    this.#guarded = guarded
    this.#body = body
    this.#reader = new RequestReader(host, upstream, guarded, body)
  }

  get judging(): boolean {
    return this.#isWithheld && this.#state !== 'gathering'
  }

  get gathers(): boolean {
    return this.#isWithheld && this.#state === 'gathering'
  }

  get #isWithheld(): boolean {
    return this.#upstream.state === 'withheld'
  }

  push(chunk: Uint8Array): void {
    if (this.gathers && this.#body.push(chunk) === 'over-limit') this.#upstream.fault('over-limit')
  }

  end(): void {
    if (!this.gathers) return
    this.#state = 'reading'
    const form = this.#guarded.policy.canonicalize ? 'canonical' : 'as-it-came'
    this.#reader.read(form, 'call', result => {
      if (!this.#isWithheld) return
      const texts = this.#reader.settle(result)
      if (texts !== undefined) this.#judge(texts)
      // It was let go unread, and all of it is here.
      if (this.#upstream.state === 'passing') this.#upstream.finish()
    })
  }

  drop(): boolean {
    return false
  }

  #judge(segments: readonly TextSegment[]): void {
    this.#state = 'judging'
    const { inputRules } = this.#guarded.policy
    const settle = (judged: Judged): void => this.#settle(judged)
    judge(
      this.#host.openStage,
      inputRules,
      { side: 'input', segments },
      'call',
      settle,
      this.#upstream.known.name,
    )
  }

  #settle(judged: Judged): void {
    const { decision } = judged
    if (decision.kind === 'deny') this.#upstream.deny(decision.because, judged)
    else if (decision.kind === 'redact') this.#redact(judged)
    else this.#send(judged)
  }

  #redact(judged: Judged): void {
    const before = this.#upstream.known.request?.segments ?? []
    const edits = judged.segments.filter((segment, index) => segment !== before[index])
    const { format } = this.#guarded
    const job = { kind: 'rewrite', format, body: this.#body.reread(), edits } as const
    this.#host.openRead(job, 'call', result => {
      if (!this.#isWithheld) return
      if (result.kind !== 'rewrite') {
        this.#upstream.deny('failed-closed', judged)
        return
      }
      this.#upstream.known.wasRedacted(judged.segments)
      this.#body.replace(result.body)
      this.#upstream.replyHeaders('may-change')
      this.#send(judged)
    })
  }

  #send(judged: Judged): void {
    // It counts as gone before its parallel rules are asked: where none of them has anything to see, they are done with
    // it at once, and it is recorded.
    this.#upstream.letGo()
    if (this.#upstream.parallel.pending) this.#upstream.parallel.judge(judged.segments, judged)
    else this.#upstream.recordGone(this.#upstream.parallel.recorded(judged))
    this.#upstream.release()
  }
}
