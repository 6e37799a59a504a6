import { assertNever } from '../errors.ts'
import type { FailureReason } from '../guardrail/guardrail.ts'
import type { Completion, ProviderError } from '../llm/format.ts'
import { overlay, redactPiece } from '../policy/redact.ts'
import { BodyGate } from './body-gate.ts'
import type { ReadResult } from './body-reading.ts'
import type { Delivery } from './delivery.ts'
import type { Downstream, GuardedResponse } from './downstream.ts'
import { CHANGED_BODY } from './header-mutations.ts'
import type { ExchangeHost } from './host.ts'
import { type Judged, judge, judgeFault, whenAllKnown } from './judge.ts'
import { REFUSALS } from './local-reply.ts'
import type { Because } from './record.ts'

/**
 * How it stands with the answer:
 *
 *   gathering → reading → judging → settled                it went as it came, or was refused
 *                                 → rewriting → settled    it went redacted, or restored
 *             → passing → settled                          a fault that its rules forgive: nobody looks at it
 *
 * Any of those that hold it, which are all but the last two, may end in a refusal, and any may end with the call.
 */
type State =
  | { readonly kind: 'gathering' | 'reading' | 'judging' | 'settled' }
  /** Nothing forgives that what was found did not go out of it. */
  | { readonly kind: 'rewriting'; readonly judged: Judged }
  /** `forgiven` is recorded at its end, with all its bytes. */
  | { readonly kind: 'passing'; readonly forgiven: Judged }

/** A JSON answer: held whole, judged once, then released as it came, redacted, or refused. */
export class BodyDelivery implements Delivery {
  readonly #host: ExchangeHost
  readonly #downstream: Downstream
  readonly #guarded: GuardedResponse
  readonly #gate: BodyGate
  /** The whole body without its content coding, once it was read. */
  #decoded: Uint8Array | undefined
  /** Length that the upstream announced: the body is complete there, whether or not trailers follow. */
  readonly #expectedBytes: number | undefined
  #state: State = { kind: 'gathering' }
  #ended = false
  /** Bytes of an answer that has gone on, while rules that only watch still look at its text. */
  #watchedBytes = 0

  constructor(
    host: ExchangeHost,
    downstream: Downstream,
    guarded: GuardedResponse,
    expectedBytes: number | undefined,
  ) {
    this.#host = host
    this.#downstream = downstream
    this.#guarded = guarded
    this.#gate = new BodyGate(guarded.policy.limits.maxResponseBytes)
    // That was the length of the bytes as they came: in another form they reach it anywhere, or never.
    this.#expectedBytes = guarded.wasDecoded ? undefined : expectedBytes
  }

  get over(): boolean {
    return this.#downstream.over
  }

  get heldBytes(): number {
    return this.#gate.heldBytes
  }

  get keptBytes(): number {
    // Without a coding what was read is what is held, not a copy of it.
    const decoded = this.#guarded.contentEncoding === undefined ? 0 : (this.#decoded?.byteLength ?? 0)
    return this.#gate.heldBytes + decoded + this.#watchedBytes
  }

  get gathers(): boolean {
    return this.#state.kind === 'gathering'
  }

  get judging(): boolean {
    return this.#isHeld && !this.gathers
  }

  /** It needs no more of the body: it is whole. */
  get canWait(): boolean {
    return this.judging
  }

  get #isHeld(): boolean {
    return this.#state.kind !== 'passing' && this.#state.kind !== 'settled'
  }

  push(chunk: Uint8Array): void {
    if (this.#state.kind === 'passing') this.#downstream.pass(chunk)
    if (!this.gathers) return
    if (this.#gate.push(chunk) === 'over-limit') this.fault('over-limit')
    else if (this.#gate.heldBytes === this.#expectedBytes) this.#inspect()
  }

  end(): void {
    this.#ended = true
    if (this.#state.kind === 'passing') this.#finishPassing(this.#state.forgiven)
    else if (this.gathers) this.#inspect()
  }

  windowDue(): void {}

  goOn(): void {}

  /** A body that is whole needs no more room. */
  overBudget(): void {
    if (this.gathers) this.fault('over-budget')
  }

  deadline(): void {
    this.fault('over-limit')
    // Outside full duplex there may be no chunk left to answer with a refusal: a cut is all that is left.
    if (this.#downstream.over && !this.#downstream.hasPlace) {
      this.#host.emit({ kind: 'end', status: 'unavailable', why: 'max_duration_ms' })
    }
  }

  closed(): void {
    if (this.#state.kind === 'passing') this.#recordForgiven(this.#state.forgiven)
    else if (this.#isHeld) this.#downstream.record('discarded', 'cancelled', [], this.#gate.heldBytes)
    this.#state = { kind: 'settled' }
    this.#letGo()
  }

  heartbeat(): undefined {
    return undefined
  }

  /** A failure of every rule at once: refuses, or lets everything pass from here on. */
  fault(reason: FailureReason): void {
    if (!this.#isHeld) return
    if (this.#state.kind === 'rewriting') {
      this.#deny('failed-closed', this.#state.judged)
      return
    }
    const judged = judgeFault(this.#guarded.policy.outputRules, reason)
    if (judged.decision.kind === 'deny') {
      this.#deny('failed-closed', judged)
      return
    }
    this.#state = { kind: 'passing', forgiven: judged }
    this.#downstream.releaseHeaders()
    for (const chunk of this.#letGo()) this.#downstream.pass(chunk)
    if (this.#ended) this.#finishPassing(judged)
  }

  #finishPassing(forgiven: Judged): void {
    this.#recordForgiven(forgiven)
    this.#downstream.finish()
  }

  #recordForgiven({ outcomes }: Judged): void {
    this.#downstream.record('released', 'failed-open', outcomes, 0)
  }

  #inspect(): void {
    const { contentEncoding, contentType, format, policy } = this.#guarded
    const bounds = { maxBytes: policy.limits.maxResponseBytes, roomBytes: this.#host.init.roomBytes() }
    const whole = { body: this.#gate.body(), contentEncoding, ...bounds }
    const job = { kind: 'response', ...whole, format, contentType, shape: 'json' } as const
    this.#state = { kind: 'reading' }
    this.#host.openRead(job, 'call', result => this.#inspected(result))
  }

  #inspected(result: ReadResult): void {
    // Its time may have been over before it was read.
    if (this.#state.kind !== 'reading') return
    if (result.kind !== 'response') {
      this.fault(result.kind === 'fault' ? result.reason : 'internal')
      return
    }
    const { policy } = this.#guarded
    const { decoded } = result
    this.#decoded = result.body
    if (decoded.kind === 'undecodable') {
      this.fault('undecodable')
      return
    }
    const { segments, uninspectable } = decoded.value
    this.#downstream.countUninspectable(uninspectable)
    if (uninspectable > 0 && policy.uninspectable === 'deny') {
      this.#deny('uninspectable', undefined)
    } else if (segments.length === 0) {
      this.#settleTextless(decoded.value)
    } else {
      this.#state = { kind: 'judging' }
      const subject = {
        side: 'output' as const,
        conversation: this.#guarded.conversation,
        segments,
        final: true,
      }
      judge(this.#host.openStage, policy.outputRules, subject, 'call', judged =>
        this.#settle(judged, decoded.value),
      )
    }
  }

  /** An empty answer is clean; one that holds only what no guard can read is for fail_mode. */
  #settleTextless({ uninspectable }: Completion): void {
    if (uninspectable > 0) {
      this.#host.emit({ kind: 'count', what: 'unsupported' })
      if (this.#guarded.policy.failMode === 'error') {
        this.#deny('unsupported', undefined, REFUSALS.unsupported)
        return
      }
    }
    this.#state = { kind: 'settled' }
    this.#downstream.releaseHeaders()
    for (const chunk of this.#letGo()) this.#downstream.pass(chunk)
    this.#downstream.record('released', uninspectable > 0 ? 'unsupported' : 'clean', [], 0)
    this.#downstream.finish()
  }

  #settle(judged: Judged, completion: Completion): void {
    if (this.#state.kind !== 'judging') return
    const { decision } = judged
    switch (decision.kind) {
      case 'deny':
        this.#deny(decision.because, judged)
        return
      case 'redact':
      case 'release':
        this.#goOn(judged, completion)
        return
      default:
        assertNever(decision)
    }
  }

  /** The body as the client is to see it: redacted, and with what was redacted from the request put back. */
  #goOn(judged: Judged, { segments }: Completion): void {
    const { format, restorer } = this.#guarded
    const isChanged = judged.replacements.size > 0 || restorer !== undefined
    const edits = isChanged
      ? segments.flatMap(({ path, text, syntax }, index) => {
          const restored = restorer?.find(text, 0, syntax) ?? []
          const changes = overlay(judged.replacements.get(index) ?? [], restored)
          return changes.length === 0 ? [] : [{ path, text: redactPiece(text, 0, changes) }]
        })
      : []
    if (edits.length === 0) this.#release(judged, undefined)
    else {
      this.#state = { kind: 'rewriting', judged }
      const job = { kind: 'rewrite', format, body: this.#decoded!, edits } as const
      this.#host.openRead(job, 'call', result => this.#rewritten(judged, result))
    }
  }

  #rewritten(judged: Judged, result: ReadResult): void {
    if (this.#state.kind !== 'rewriting') return
    if (result.kind === 'rewrite') this.#release(judged, result.body)
    else this.#deny('failed-closed', judged)
  }

  /** `changed`: the body in the place of the upstream's, undefined where that goes as it came. */
  #release(judged: Judged, changed: Uint8Array | undefined): void {
    this.#state = { kind: 'settled' }
    const mutation = changed && CHANGED_BODY
    this.#watchedBytes = this.#decoded?.byteLength ?? 0
    const held = this.#letGo()
    this.#downstream.releaseHeaders(mutation)
    if (changed !== undefined) this.#downstream.release(this.#downstream.coded(changed))
    else for (const chunk of held) this.#downstream.pass(chunk)
    this.#downstream.finish(mutation)
    whenAllKnown(judged, ({ decision, outcomes }) => {
      this.#watchedBytes = 0
      if (decision.kind === 'release') this.#downstream.record('released', decision.because, outcomes, 0)
      else this.#downstream.record('redacted', 'flagged', outcomes, 0)
    })
  }

  #deny(because: Because, judged: Judged | undefined, error?: ProviderError): void {
    this.#state = { kind: 'settled' }
    this.#downstream.deny(because, judged?.outcomes ?? [], this.#gate.heldBytes, error)
    this.#letGo()
  }

  /** What was held, and nothing of it is kept any more, however long the upstream takes to its end. */
  #letGo(): readonly Uint8Array[] {
    this.#decoded = undefined
    return this.#gate.take()
  }
}
