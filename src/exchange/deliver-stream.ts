import type { ProviderError } from '../llm/format.ts'
import { type Decision, decide, mostTelling, type RuleOutcome, stricter } from '../policy/decide.ts'
import type { Rule } from '../policy/policy.ts'
import type { Delivery } from './delivery.ts'
import type { Downstream, GuardedResponse } from './downstream.ts'
import { heldBody } from './header-mutations.ts'
import { type Judged, judge, judgeFault } from './judge.ts'
import { REFUSALS } from './local-reply.ts'
import type { ExchangeHost } from './pinned.ts'
import type { Because } from './record.ts'
import { StreamGate } from './stream-gate.ts'

const BOM = [0xef, 0xbb, 0xbf]

/** An event stream that is held until judged: heartbeats meanwhile, then the upstream's exact bytes or a refusal. */
export class StreamDelivery implements Delivery {
  readonly #host: ExchangeHost
  readonly #downstream: Downstream
  readonly #guarded: GuardedResponse
  readonly #gate: StreamGate
  /** The most telling outcome of each rule, over all scans. */
  readonly #outcomes = new Map<Rule, RuleOutcome>()
  #decision: Decision = decide([])
  #state: 'holding' | 'passing' | 'settled' = 'holding'
  /** First bytes of the stream, until it is known whether a byte order mark leads it. */
  #mayLeadWithBom = true
  #sawChunk = false
  #unsupported = false

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
          this.#releaseHeaders()
          downstream.releaseFrames(frames, skip)
        },
        passUnseen: rest => {
          this.#state = 'passing'
          this.#releaseHeaders()
          downstream.releaseFrames(rest, 0)
        },
        finish: () => {
          this.#releaseHeaders()
          this.#recordReleased()
          this.#state = 'settled'
          downstream.finish()
        },
        deny: judged => this.#deny(judged),
        uninspectable: () => this.#takeUninspectable(),
        unreadable: () => this.#settleUnreadable(),
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
    if (this.#state === 'passing') {
      this.#recordReleased()
      this.#downstream.finish()
    } else this.#gate.end()
  }

  deadline(): void {
    // Nothing can be said in a body that has not begun, nor after a refusal in STREAMED: there only the upstream
    // ends the stream, and it does not. A cut is all that is left.
    const isMute = !this.#sawChunk && this.#downstream.headersOut
    if (this.#state === 'holding' && !isMute) this.#gate.fault('over-limit')
    const isStuck = this.#downstream.over && !this.#downstream.hasPlace
    if (isMute || isStuck) {
      this.closed()
      this.#host.emit({ kind: 'end', status: 'unavailable', why: 'max_duration_ms' })
    }
  }

  closed(): void {
    if (this.#state === 'passing' || this.#gate.isComplete) this.#recordReleased()
    else if (this.#state === 'holding') {
      this.#downstream.record('discarded', 'cancelled', this.#told, this.#gate.heldBytes)
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
    for (const one of judged.outcomes) {
      const known = this.#outcomes.get(one.rule)
      this.#outcomes.set(one.rule, known === undefined ? one : mostTelling(known, one))
    }
  }

  #releaseHeaders(): void {
    this.#downstream.releaseHeaders(heldBody(this.#guarded.policy))
  }

  #takeUninspectable(): void {
    this.#downstream.countUninspectable(1)
    if (this.#guarded.policy.uninspectable === 'deny') this.#refuse('uninspectable')
  }

  /** There was something, and none of it text: fail_mode. */
  #settleUnreadable(): 'release' | 'refused' {
    this.#host.emit({ kind: 'count', what: 'unsupported' })
    this.#unsupported = true
    if (this.#guarded.policy.failMode !== 'error') return 'release'
    this.#refuse('unsupported', REFUSALS.unsupported)
    return 'refused'
  }

  #recordReleased(): void {
    const because = this.#decision.kind === 'release' ? this.#decision.because : 'clean'
    this.#downstream.record('released', this.#unsupported ? 'unsupported' : because, this.#told, 0)
  }

  get #told(): readonly RuleOutcome[] {
    return [...this.#outcomes.values()]
  }

  #deny(judged: Judged): void {
    this.#refuse(judged.decision.kind === 'deny' ? judged.decision.because : 'flagged')
  }

  #refuse(because: Because, error?: ProviderError): void {
    this.#state = 'settled'
    this.#host.emit({ kind: 'stop-heartbeats' })
    this.#downstream.deny(because, this.#told, this.#gate.heldBytes, error)
    this.#gate.close()
  }
}
