import type { Decision, RuleOutcome } from '../policy/decide.ts'
import { decide, stricter } from '../policy/decide.ts'
import type { Delivery } from './delivery.ts'
import type { Downstream, GuardedResponse } from './downstream.ts'
import { HELD_BODY } from './header-mutations.ts'
import { type Judged, judge, judgeFault } from './judge.ts'
import type { ExchangeHost } from './pinned.ts'
import { StreamGate } from './stream-gate.ts'

const BOM = [0xef, 0xbb, 0xbf]

/** An event stream that is held until judged: heartbeats meanwhile, then the upstream's exact bytes or a refusal. */
export class StreamDelivery implements Delivery {
  readonly #host: ExchangeHost
  readonly #downstream: Downstream
  readonly #guarded: GuardedResponse
  readonly #gate: StreamGate
  readonly #outcomes: RuleOutcome[] = []
  #decision: Decision = decide([])
  #state: 'holding' | 'passing' | 'settled' = 'holding'
  /** First bytes of the stream, until it is known whether a byte order mark leads it. */
  #mayLeadWithBom = true
  #sawChunk = false

  constructor(host: ExchangeHost, downstream: Downstream, guarded: GuardedResponse) {
    const { policy, format } = guarded
    this.#host = host
    this.#downstream = downstream
    this.#guarded = guarded
    this.#gate = new StreamGate(
      {
        judge: (segments, final, done) => {
          const conversation = guarded.request?.segments ?? []
          const subject = { side: 'output' as const, conversation, segments, final }
          judge(host.openScan, policy.outputRules, subject, 'call', judged => {
            this.#note(judged)
            done(judged)
          })
        },
        judgeFault: reason => {
          const judged = judgeFault(policy.outputRules, reason)
          this.#note(judged)
          return judged
        },
        release: (frames, skip) => {
          downstream.releaseHeaders(HELD_BODY)
          downstream.releaseFrames(frames, skip)
        },
        passUnseen: rest => {
          this.#state = 'passing'
          downstream.releaseHeaders(HELD_BODY)
          downstream.releaseFrames(rest, 0)
          this.#recordReleased()
        },
        finish: () => {
          downstream.releaseHeaders(HELD_BODY)
          this.#recordReleased()
          this.#state = 'settled'
          downstream.finish()
        },
        deny: judged => this.#deny(judged),
        uninspectable: () => downstream.countUninspectable(1),
        pause: () => host.emit({ kind: 'pause' }),
        resume: () => host.emit({ kind: 'resume' }),
      },
      format.openStream(),
      policy.stream,
      policy.limits.maxResponseBytes,
    )
  }

  get judging(): boolean {
    return this.#gate.judging
  }

  get heldBytes(): number {
    return this.#state === 'holding' ? this.#gate.heldBytes : 0
  }

  push(chunk: Uint8Array): void {
    if (!this.#sawChunk && chunk.byteLength > 0) {
      this.#sawChunk = true
      this.#mayLeadWithBom = chunk[0] === BOM[0]
    }
    if (this.#state === 'passing') this.#downstream.pass(chunk)
    else this.#gate.push(chunk)
  }

  end(): void {
    if (this.#state === 'passing') this.#downstream.finish()
    else this.#gate.end()
  }

  deadline(): void {
    // Nothing can be said in a body that has not begun, nor after a refusal in STREAMED: there only the upstream
    // ends the stream, and it does not. A cut is all that is left.
    const mute = this.#sawChunk ? this.#downstream.over : this.#downstream.headersOut
    if (mute) {
      this.closed()
      this.#host.emit({ kind: 'end', status: 'unavailable', why: 'max_duration_ms' })
    } else if (this.#state === 'holding') this.#gate.fault('over-limit')
  }

  closed(): void {
    if (this.#state === 'holding') {
      this.#downstream.record('discarded', 'cancelled', this.#outcomes, this.#gate.heldBytes)
    }
    this.#state = 'settled'
  }

  heartbeat(): Uint8Array | undefined {
    const { heartbeat } = this.#guarded.format
    if (this.#state !== 'holding' || !this.#sawChunk || !this.#downstream.headersOut) return undefined
    if (heartbeat === undefined || !this.#bomIsOut()) return undefined
    return heartbeat
  }

  /** A byte order mark counts only as the very first bytes: it has to go out before anything of ours. */
  #bomIsOut(): boolean {
    if (!this.#mayLeadWithBom) return true
    const first = this.#gate.firstHeld
    if (first === undefined) return false
    this.#mayLeadWithBom = false
    if (BOM.every((byte, index) => first.bytes[index] === byte)) {
      this.#downstream.release(first.bytes.subarray(0, BOM.length))
      this.#gate.skipHeld(BOM.length)
    }
    return true
  }

  #note(judged: Judged): void {
    this.#decision = stricter(this.#decision, judged.decision)
    const telling = judged.outcomes.filter(
      ({ outcome }) => outcome.kind === 'failure' || outcome.verdict.kind === 'flagged',
    )
    // Clean scans of a long stream are one line in the record, not one each.
    if (this.#outcomes.length === 0) this.#outcomes.push(...judged.outcomes)
    else this.#outcomes.push(...telling)
  }

  #recordReleased(): void {
    const because = this.#decision.kind === 'release' ? this.#decision.because : 'clean'
    this.#downstream.record('released', because, this.#outcomes, 0)
  }

  #deny(judged: Judged): void {
    this.#state = 'settled'
    const because = judged.decision.kind === 'deny' ? judged.decision.because : 'flagged'
    this.#host.emit({ kind: 'stop-heartbeats' })
    this.#downstream.deny(because, this.#outcomes, this.#gate.heldBytes)
  }
}
