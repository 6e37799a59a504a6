import type { FailureReason } from '../guardrail/guardrail.ts'
import type { Frame, StreamDecoder } from '../llm/format.ts'
import { decide, type RuleOutcome } from '../policy/decide.ts'
import type { StreamSettings } from '../policy/policy.ts'
import type { StreamGatePort, StreamTerms } from './stream-gate-port.ts'
import { StreamIntake } from './stream-intake.ts'
import { StreamRelease } from './stream-release.ts'
import { StreamText } from './stream-text.ts'
import { isIncremental, type Track } from './track.ts'
import { WindowScans } from './window-scans.ts'

/**
 * Holds the frames of an event stream until every text in them was cleared, and lets them go in order.
 *
 * Incremental rules clear text as it comes, up to where a finding could still begin. The others scan by windows, one
 * scan in flight; the newest `holdBackChars` of what they saw wait for the next window. Delivery `withhold` lets
 * nothing go before the stream is complete (it ended, or its terminator came: later chunks may be no place for it any
 * more); past `maxHeldBytes` it goes on as `window`. Held bytes stay under that cap plus what one read of Envoy
 * brings: past it the gate asks for a pause while a scan is on its way.
 *
 * A stream that reaches a limit of its own (`maxBytes`, its time) is over there, unless the policy forgives it: what is
 * held is judged and goes as far as it may, then the client is refused the rest.
 */
export class StreamGate {
  readonly #port: StreamGatePort
  readonly #intake: StreamIntake
  readonly #settings: StreamSettings
  readonly #maxBytes: number
  readonly #text: StreamText
  /** Undefined where every rule judges text as it grows. */
  readonly #scans: WindowScans | undefined
  #delivery: StreamSettings['delivery']
  readonly #held: StreamRelease
  #totalBytes = 0
  #paused = false
  #willGoOn = false
  #upstream: 'growing' | 'ended' = 'growing'
  /**
   *   guarding → forgiving    a fault that the policy forgives: what is held is still judged, the rest passes
   *            → limited      a limit that it does not: what is held is judged, nothing more is taken
   *   any      → closed       the client got its last word, or gets it without this gate
   */
  #state: 'guarding' | 'forgiving' | 'limited' | 'closed' = 'guarding'
  #askedUnreadable = false

  constructor(
    port: StreamGatePort,
    decoder: StreamDecoder,
    settings: StreamSettings,
    { maxBytes, rules, restorer }: StreamTerms,
  ) {
    this.#port = port
    this.#settings = settings
    this.#maxBytes = maxBytes
    const incremental = rules.filter(isIncremental)
    this.#text = new StreamText(incremental, restorer, decoder.repeats, (track, outcomes) =>
      this.#found(track, outcomes),
    )
    const isSeenGrowing = incremental.length === rules.length
    this.#scans = isSeenGrowing ? undefined : new WindowScans(port, this.#text, settings)
    this.#held = new StreamRelease(this.#scans)
    const intakePort = {
      isClosed: () => this.#isClosed,
      undecodable: () => this.#raise('undecodable'),
      uninspectable: () => port.uninspectable(),
    }
    this.#intake = new StreamIntake(intakePort, decoder, this.#text, this.#scans, this.#held)
    this.#delivery = settings.delivery
  }

  /** A verdict is on its way. */
  get judging(): boolean {
    return (!this.#isClosed && this.#text.isBehind) || (this.#scans?.judging ?? false)
  }

  get heldBytes(): number {
    return this.#held.bytes + this.#intake.buffered
  }

  /** The same, and what is kept of texts that have gone. */
  get keptBytes(): number {
    return this.heldBytes + this.#text.keptChars
  }

  /** The stream's own end went out and nothing came after it. */
  get isComplete(): boolean {
    return this.#held.isComplete && this.#intake.buffered === 0
  }

  /** The first whole frame held, whose byte order mark may have to go out before anything of ours. */
  get firstHeld(): Frame | undefined {
    return this.#held.first
  }

  /** The first held bytes went out already. */
  skipHeld(bytes: number): void {
    this.#held.skip(bytes)
  }

  push(chunk: Uint8Array): void {
    if (!this.#takesMore) return
    this.#text.renewAllowance()
    const room = this.#maxBytes - this.#totalBytes
    this.#totalBytes += chunk.byteLength
    const isOver = chunk.byteLength > room && !this.#forgives('over-limit')
    this.#intake.push(isOver ? chunk.subarray(0, room) : chunk)
    if (isOver && !this.#isClosed) this.#state = 'limited'
    this.#advance()
  }

  end(): void {
    if (!this.#takesMore) return
    this.#upstream = 'ended'
    this.#text.renewAllowance()
    this.#intake.end()
    this.#advance()
  }

  /** Incremental rules read on where one event was too short for them. */
  goOn(): void {
    this.#willGoOn = false
    if (this.#isClosed) return
    this.#text.renewAllowance()
    this.#text.goOn()
    this.#advance()
  }

  /** The window has been open long enough. */
  windowDue(): void {
    if (this.#scans?.windowDue()) this.#advance()
  }

  /** The stream may take no longer. */
  limit(): void {
    if (this.#state !== 'guarding' || this.#upstream === 'ended') return
    if (this.#held.holdsTerminator || this.isComplete) this.#upstream = 'ended'
    else if (!this.#forgives('over-limit')) this.#state = 'limited'
    this.#advance()
  }

  /** There is no room for what is held: it cannot wait for a verdict. Denies, or lets it pass unseen. */
  overBudget(): void {
    if (this.#isClosed) return
    if (!this.#forgives('over-budget')) {
      this.#port.deny('failed-closed')
      return
    }
    const { frames, skip } = this.#held.takeAll()
    this.#port.release(frames, skip)
    this.#leave()
  }

  /** A failure of every rule at once. Denies, or lets the rest pass after what is held was judged. */
  fault(reason: FailureReason): void {
    this.#raise(reason)
    this.#advance()
  }

  /** Drops what is held and takes nothing more: the client gets another last word. */
  close(): void {
    this.#state = 'closed'
    this.#held.clear()
    // Nobody waits for the scan on its way: its verdict could only be stricter than what is said now.
    this.#scans?.drop()
    this.#regulate()
  }

  #raise(reason: FailureReason): void {
    if (!this.#isClosed && !this.#forgives(reason)) this.#port.deny('failed-closed')
  }

  /** Has the policy judge a fault, the first one for good: whether it forgives does not depend on what was at fault. */
  #forgives(reason: FailureReason): boolean {
    if (this.#state === 'guarding' && this.#port.judgeFault(reason).decision.kind !== 'deny')
      this.#state = 'forgiving'
    return this.#state === 'forgiving'
  }

  /** What incremental rules found just now. */
  #found(track: Track, outcomes: readonly RuleOutcome[]): void {
    if (this.#isClosed) return
    this.#port.note(outcomes)
    const decision = decide(outcomes)
    if (decision.kind === 'deny') this.#port.deny(decision.because)
    else if (decision.kind === 'redact') {
      if (decision.redactions.some(({ span }) => span.start < track.releasedTo)) this.#port.deny('flagged')
      else track.redact(decision.redactions)
    }
  }

  get #isClosed(): boolean {
    return this.#state === 'closed'
  }

  get #takesMore(): boolean {
    return this.#upstream === 'growing' && (this.#state === 'guarding' || this.#state === 'forgiving')
  }

  /** Nothing is expected that could change what is held. */
  get #isSettled(): boolean {
    return this.#state !== 'guarding' || this.#upstream === 'ended' || this.#held.holdsTerminator
  }

  /** And all of it was read by the incremental rules. */
  get #isRead(): boolean {
    return this.#isSettled && !this.#text.isBehind
  }

  /** Does what can be done now; called after every change, and again after every verdict. */
  #advance(): void {
    if (this.#isClosed) return
    if (this.#isSettled) this.#completeTexts()
    if (this.#isFull && this.#delivery === 'withhold') this.#overflow()
    if (this.#isClosed) return
    if (this.#isUnreadable && this.#port.unreadable() === 'refused') return
    this.#releaseCleared('in-time')
    this.#scanWhenDue()
    if (this.#isClosed) return
    if (this.#text.isBehind && !this.#willGoOn) {
      this.#willGoOn = true
      this.#port.goOnLater()
    }
    if (!this.judging) this.#conclude()
    this.#regulate()
  }

  /** The stream is over, and all that was in it is what no guard can read. Asked once. */
  get #isUnreadable(): boolean {
    const isOver = this.#upstream === 'ended' || this.#held.holdsTerminator
    if (this.#askedUnreadable || !isOver || !this.#intake.isUnreadable) return false
    this.#askedUnreadable = true
    return true
  }

  /** No text grows any more. A tool call that a limit cuts stays incomplete: half of one must not go. */
  #completeTexts(): void {
    this.#text.complete(track => this.#state !== 'limited' || track.kind !== 'tool-call')
  }

  get #isFull(): boolean {
    return this.heldBytes > this.#settings.maxHeldBytes
  }

  #overflow(): void {
    if (this.#settings.onHeldLimit === 'deny') this.#raise('over-limit')
    else this.#delivery = 'window'
  }

  #scanWhenDue(): void {
    this.#scans?.scanWhenDue(
      () => ({ isSettled: this.#isRead, isOpen: this.#delivery === 'window', isFull: this.#isFull }),
      end => {
        if (end.kind === 'deny') this.#port.deny(end.because)
        else this.#advance()
      },
    )
  }

  #releaseCleared(when: 'in-time' | 'at-cap'): void {
    const cleared = this.#held.takeCleared({ delivery: this.#delivery, isRead: this.#isRead, when })
    if (cleared === undefined) return
    this.#port.release(cleared.frames, cleared.skip)
  }

  /** Nothing is on its way: the end, or a place where there can be none. */
  #conclude(): void {
    if (this.#state === 'limited') this.#port.deny('failed-closed')
    else if (this.#held.isEmpty && (this.#state === 'forgiving' || this.#upstream === 'ended')) this.#leave()
    else if (this.#isFull) {
      this.#releaseCleared('at-cap')
      if (!this.#isFull) return
      // One event, or one text that may not be cut, is larger than all that may be held: it can never be judged.
      this.#raise('over-limit')
      this.#advance()
    }
  }

  /** Nothing is held any more, and what still comes, if anything does, is not for this gate. */
  #leave(): void {
    this.close()
    if (this.#upstream === 'ended') this.#port.finish()
    else this.#port.passUnseen(this.#intake.rest())
  }

  /** The upstream waits for as long as there is no room for more and a verdict may make some, and no longer. */
  #regulate(): void {
    const mustWait = this.judging && this.#isFull
    if (mustWait === this.#paused) return
    this.#paused = mustWait
    if (mustWait) this.#port.pause()
    else this.#port.resume()
  }
}
