import type { FailureReason } from '../guardrail/guardrail.ts'
import type { Frame, ProviderError } from '../llm/format.ts'
import { decide, onlyWatches } from '../policy/decide.ts'
import type { Rule } from '../policy/policy.ts'
import type { Delivery } from './delivery.ts'
import type { Downstream, GuardedResponse } from './downstream.ts'
import { heldBody } from './header-mutations.ts'
import type { HeldFrame } from './held-frames.ts'
import type { ExchangeHost } from './host.ts'
import { judge, judgeFault } from './judge.ts'
import { REFUSALS } from './local-reply.ts'
import type { Because } from './record.ts'
import { StreamGate } from './stream-gate.ts'
import type { StreamGatePort } from './stream-gate-port.ts'
import { TellingOutcomes } from './telling-outcomes.ts'
import { isIncremental } from './track.ts'
import { WatchedCopy } from './watched-copy.ts'

const BOM = [0xef, 0xbb, 0xbf]

/** STREAMED: after `max_duration_ms`, so long may the upstream take to end what Envoy then ends. */
const LAST_WORDS_MS = 1000

/** An event stream that is held until judged: heartbeats meanwhile, then the upstream's exact bytes or a refusal. */
export class StreamDelivery implements Delivery {
  readonly #host: ExchangeHost
  readonly #downstream: Downstream
  readonly #guarded: GuardedResponse
  readonly #gate: StreamGate
  readonly #told: TellingOutcomes
  readonly #windowRules: readonly Rule[]
  /** Undefined where no rule only watches. */
  readonly #watched: WatchedCopy | undefined
  #didRedact = false
  /**
   *   holding → settled              all of it went, or it was refused
   *           → passing → settled    a fault that its rules forgive: what still comes goes unseen
   */
  #state: 'holding' | 'passing' | 'settled' = 'holding'
  /** First bytes of the stream, until it is known whether a byte order mark leads it. */
  #mayLeadWithBom = true
  #sawChunk = false
  #unsupported = false

  constructor(host: ExchangeHost, downstream: Downstream, guarded: GuardedResponse) {
    const { policy, format, restorer } = guarded
    this.#host = host
    this.#downstream = downstream
    this.#guarded = guarded
    const watching = policy.outputRules.filter(onlyWatches)
    this.#watched = watching.length > 0 ? new WatchedCopy(host, guarded, watching) : undefined
    const rules = policy.outputRules.filter(rule => !onlyWatches(rule))
    this.#windowRules = rules.filter(rule => !isIncremental(rule))
    this.#gate = new StreamGate(this.#port(), format.openStream(), policy.stream, {
      maxBytes: policy.limits.maxResponseBytes,
      rules,
      restorer,
    })
    this.#told = new TellingOutcomes(policy.outputRules)
  }

  #port(): StreamGatePort {
    const host = this.#host
    const { policy } = this.#guarded
    return {
      scans: chars => host.emit({ kind: 'window', chars }),
      judge: (segments, final, done) => {
        const { conversation } = this.#guarded
        const subject = { side: 'output' as const, conversation, segments, final }
        judge(host.openStage, this.#windowRules, subject, 'call', judged => {
          this.#told.note(judged.outcomes)
          done(judged)
        })
      },
      judgeFault: reason => {
        const judged = judgeFault(policy.outputRules, reason)
        this.#told.note(judged.outcomes)
        return judged
      },
      note: outcomes => this.#told.note(outcomes),
      release: (frames, skip) => {
        // The first frame took its byte order mark along.
        this.#mayLeadWithBom = false
        this.#releaseHeaders()
        this.#downstream.releaseFrames(
          frames.map(held => this.#rendered(held)),
          skip,
        )
      },
      passUnseen: rest => {
        this.#state = 'passing'
        this.#releaseHeaders()
        this.#downstream.releaseFrames(rest, 0)
      },
      finish: () => {
        this.#releaseHeaders()
        this.#recordReleased()
        this.#state = 'settled'
        this.#downstream.finish()
      },
      deny: because => this.#refuse(because),
      uninspectable: () => this.#takeUninspectable(),
      unreadable: () => this.#settleUnreadable(),
      goOnLater: () => host.emit({ kind: 'go-on-later' }),
      pause: () => host.emit({ kind: 'pause' }),
      resume: () => host.emit({ kind: 'resume' }),
      startWindow: afterMs => host.emit({ kind: 'start-window', afterMs }),
    }
  }

  /** The frame as the client is to see it; the frame itself where nothing in its texts changes. */
  #rendered({ frame, texts }: HeldFrame): Frame {
    if (texts.every(({ track }) => track.isAsItCame)) return frame
    const edits = texts.flatMap(({ track, from, to, part }) => {
      const text = track.render(part.text, from)
      if (text === part.text) return []
      this.#didRedact ||= track.isRedactedIn(from, to)
      return [{ path: part.path, text }]
    })
    return edits.length === 0 ? frame : this.#guarded.format.rewriteFrame(frame, edits)
  }

  get judging(): boolean {
    return this.#gate.judging
  }

  get over(): boolean {
    return this.#downstream.over
  }

  get heldBytes(): number {
    return this.#state === 'holding' ? this.#gate.heldBytes : 0
  }

  get keptBytes(): number {
    const held = this.#state === 'holding' ? this.#gate.keptBytes : 0
    return held + (this.#watched?.keptBytes ?? 0)
  }

  /** Whether it stays held is known only when it was taken. */
  get gathers(): boolean {
    return false
  }

  get canWait(): boolean {
    return this.#gate.judging
  }

  push(chunk: Uint8Array): void {
    if (!this.#sawChunk && chunk.byteLength > 0) {
      this.#sawChunk = true
      this.#mayLeadWithBom = chunk[0] === BOM[0]
    }
    this.#watched?.push(chunk)
    if (this.#state === 'passing') this.#downstream.pass(chunk)
    else this.#gate.push(chunk)
  }

  end(): void {
    if (this.#state === 'passing') {
      this.#recordReleased()
      this.#downstream.finish()
    } else this.#gate.end()
  }

  goOn(): void {
    if (this.#state === 'holding') this.#gate.goOn()
  }

  windowDue(): void {
    if (this.#state === 'holding') this.#gate.windowDue()
  }

  fault(reason: FailureReason): void {
    if (this.#state !== 'holding') return
    if (reason === 'over-limit') this.#gate.limit()
    else this.#gate.fault(reason)
  }

  /** The copy goes first: nobody waits for what it is kept for. */
  overBudget(): void {
    if (this.#state === 'settled') return
    // BUFFERED: what there is no room for is the body that is on its way.
    const isToCome = this.#host.init.responseMode === 'buffered'
    if (this.#watched !== undefined && this.#watched.keptBytes > 0) this.#watched.drop('over-budget')
    else if (this.#state === 'holding' && (this.#gate.heldBytes > 0 || isToCome)) this.#gate.overBudget()
  }

  deadline(): void {
    if (this.#state === 'passing') return
    // Nothing can be said in a body that has not begun, nor in STREAMED without a chunk to answer: a cut is all that
    // is left. It must not come before the last words have left, which is why the time is extended once.
    const isMute = !this.#downstream.hasPlace || (!this.#sawChunk && this.#downstream.headersOut)
    if (isMute && (this.#state === 'settled' || !this.#forgivesLimit)) this.#cut()
    else {
      this.#gate.limit()
      if (!this.#downstream.canSpeakUnasked) {
        this.#host.emit({ kind: 'start-deadline', afterMs: LAST_WORDS_MS })
      }
    }
  }

  get #forgivesLimit(): boolean {
    return judgeFault(this.#guarded.policy.outputRules, 'over-limit').decision.kind !== 'deny'
  }

  #cut(): void {
    if (this.#state === 'holding' && !this.#gate.isComplete) {
      this.#told.note(judgeFault(this.#guarded.policy.outputRules, 'over-limit').outcomes)
      this.#downstream.record('discarded', 'failed-closed', this.#told.all, this.#gate.heldBytes)
    }
    this.closed()
    this.#host.emit({ kind: 'end', status: 'unavailable', why: 'max_duration_ms' })
  }

  closed(): void {
    if (this.#state === 'settled') return
    if (this.#state === 'passing' || this.#gate.isComplete) this.#recordReleased()
    else if (this.#state === 'holding') {
      const held = this.#gate.heldBytes
      this.#whenWatched(() => this.#downstream.record('discarded', 'cancelled', this.#told.all, held))
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

  #releaseHeaders(): void {
    if (this.#downstream.headersOut) return
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
    this.#whenWatched(() => {
      const decision = decide(this.#told.all)
      const because = decision.kind === 'release' ? decision.because : 'flagged'
      const effective = this.#didRedact ? 'redacted' : 'released'
      this.#downstream.record(effective, this.#unsupported ? 'unsupported' : because, this.#told.all, 0)
    })
  }

  /** Calls back, now or later, when the rules that only watch have their outcomes as well. */
  #whenWatched(then: () => void): void {
    if (this.#watched === undefined) then()
    else {
      this.#watched.judge(outcomes => {
        this.#told.note(outcomes)
        then()
      })
    }
  }

  #refuse(because: Because, error?: ProviderError): void {
    this.#state = 'settled'
    this.#host.emit({ kind: 'stop-heartbeats' })
    this.#downstream.deny(because, this.#told.all, this.#gate.heldBytes, error)
    this.#gate.close()
  }
}
