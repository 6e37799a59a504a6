import type { FailureReason } from '../guardrail/guardrail.ts'
import type { TextSegment } from '../llm/format.ts'
import type { ReadResult } from './body-reading.ts'
import type { ExchangeHost } from './host.ts'
import { judge, judgeFault } from './judge.ts'
import type { GuardedRequest } from './known-request.ts'
import { becauseReleased } from './record.ts'
import type { RequestBody } from './request-body.ts'
import { RequestReader } from './request-reader.ts'
import type { RequestWay } from './request-way.ts'
import type { Upstream } from './upstream.ts'

/**
 * A request that goes on as it comes, while a copy of it is kept: for parallel rules, for rules that may only watch, and
 * since what it asks for shapes the refusals of its answer.
 */
export class CopiedRequest implements RequestWay {
  readonly judging = false
  readonly #host: ExchangeHost
  readonly #upstream: Upstream
  readonly #body: RequestBody
  readonly #reader: RequestReader

  constructor(host: ExchangeHost, upstream: Upstream, guarded: GuardedRequest, body: RequestBody) {
    this.#host = host
    this.#upstream = upstream
    this.#body = body
    this.#reader = new RequestReader(host, upstream, guarded, body)
  }

  /** Without parallel rules nobody waits for the copy. */
  get gathers(): boolean {
    return this.#upstream.parallel.pending
  }

  push(chunk: Uint8Array): void {
    if (this.#body.push(chunk) !== 'over-limit') return
    if (this.gathers) this.#upstream.fault('over-limit')
    else this.drop('over-limit')
  }

  /** Lets go of a copy that nobody waits for; returns whether there was one. */
  drop(why: 'over-limit' | 'over-budget'): boolean {
    if (this.#upstream.state !== 'going' || this.#upstream.parallel.pending) return false
    this.#body.take()
    this.#upstream.passRest()
    this.#missed(why)
    return true
  }

  end(): void {
    const lifetime = this.#host.init.observed ? 'shadow' : 'call'
    this.#reader.read('as-it-came', lifetime, result => {
      if (this.#upstream.parallel.pending) this.#judge(result)
      else this.#learn(result)
      this.#body.take()
      // It was read after it had gone.
      if (this.#upstream.state === 'over') this.#upstream.known.forgetTexts()
    })
  }

  #judge(result: ReadResult): void {
    const texts = this.#reader.settle(result)
    if (texts !== undefined) this.#upstream.parallel.judge(texts, undefined)
  }

  /** What it asks for shapes the refusals of its answer, should it be read before them. */
  #learn(result: ReadResult): void {
    if (result.kind !== 'request') this.#missed(result.kind === 'fault' ? result.reason : 'internal')
    else if (result.decoded.kind === 'ok') {
      this.#upstream.known.wasRead(result.decoded.value, result.body)
      if (this.#host.init.observed) this.#watch(result.decoded.value.segments)
    } else if (result.body.byteLength > 0) this.#missed('undecodable')
  }

  /** Rules would have had to judge what nobody read. */
  #missed(reason: FailureReason): void {
    const { inputRules } = this.#upstream.known
    if (!this.#host.init.observed || inputRules.length === 0) return
    this.#upstream.record('released', 'failed-open', judgeFault(inputRules, reason))
  }

  /** Envoy only shows it: its rules have their say, and nobody waits for them. */
  #watch(segments: readonly TextSegment[]): void {
    const { known } = this.#upstream
    known.isWatched = true
    judge(this.#host.openStage, known.inputRules, { side: 'input', segments }, 'shadow', judged => {
      known.isWatched = false
      this.#upstream.record('released', becauseReleased(judged.decision), judged)
    })
  }
}
