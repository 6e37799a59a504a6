import { assertNever } from '../errors.ts'
import type { FailureReason } from '../guardrail/guardrail.ts'
import type { Frame, Part, StreamDecoder } from '../llm/format.ts'
import { decide, type RuleOutcome } from '../policy/decide.ts'
import type { Rule, StreamSettings } from '../policy/policy.ts'
import type { Restorer } from '../policy/restore.ts'
import { type HeldFrame, HeldFrames } from './held-frames.ts'
import type { Judged } from './judge.ts'
import { StreamText } from './stream-text.ts'
import { isIncremental, type TextPlace, type Track } from './track.ts'
import { WindowScans, type WindowScansPort } from './window-scans.ts'

/** What the gate asks of the side it stands in; `judge` is of the rules that scan by windows. */
export interface StreamGatePort extends WindowScansPort {
  /** The fault as one failure of every rule. */
  judgeFault(reason: FailureReason): Judged
  /** Outcomes of incremental rules, for the record. */
  note(outcomes: readonly RuleOutcome[]): void
  /** `skip`: bytes of the first frame that went out already. */
  release(frames: readonly HeldFrame[], skip: number): void
  /** Everything was released and the upstream is at its end. */
  finish(): void
  /** Must close the gate. */
  deny(because: 'flagged' | 'failed-closed'): void
  /** The policy forgave a fault: from here on everything passes unseen. `rest`: bytes of no whole frame. */
  passUnseen(rest: readonly Frame[]): void
  /** A part that no guard can read. */
  uninspectable(): void
  /** The stream is over and nothing of it could be read, although there was something: fail_mode decides. */
  unreadable(): 'release' | 'refused'
  /** Call `goOn` in another turn: there is more to read than one event may take. */
  goOnLater(): void
  pause(): void
  resume(): void
}

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
  readonly #decoder: StreamDecoder
  readonly #settings: StreamSettings
  readonly #maxBytes: number
  readonly #text: StreamText
  /** Undefined where every rule judges text as it grows. */
  readonly #scans: WindowScans | undefined
  #delivery: StreamSettings['delivery']
  readonly #held = new HeldFrames()
  #totalBytes = 0
  #paused = false
  #willGoOn = false
  #terminatorHeld = false
  #ended = false
  #sawUninspectable = false
  #releasedTerminator = false
  #releasedText = false
  /** A fault that the policy forgives: what is held is still judged, the rest passes. */
  #forgiven = false
  /** A limit that the policy does not forgive: nothing more is taken. */
  #limited = false
  #closed = false

  constructor(
    port: StreamGatePort,
    decoder: StreamDecoder,
    settings: StreamSettings,
    limits: {
      readonly maxBytes: number
      readonly rules: readonly Rule[]
      readonly restorer: Restorer | undefined
    },
  ) {
    this.#port = port
    this.#decoder = decoder
    this.#settings = settings
    this.#maxBytes = limits.maxBytes
    this.#text = new StreamText(limits.rules.filter(isIncremental), limits.restorer, decoder.repeats)
    const isSeenGrowing = limits.rules.every(isIncremental)
    this.#scans = isSeenGrowing ? undefined : new WindowScans(port, this.#text, settings)
    this.#delivery = settings.delivery
  }

  /** A verdict is on its way. */
  get judging(): boolean {
    return (!this.#closed && this.#text.isBehind) || (this.#scans?.judging ?? false)
  }

  get heldBytes(): number {
    return this.#held.bytes + this.#decoder.buffered
  }

  /** The same, and what is kept of texts that have gone. */
  get keptBytes(): number {
    return this.heldBytes + this.#text.keptChars
  }

  /** A verdict is on its way that needs no more of the stream. */
  get canWait(): boolean {
    return this.judging && !this.#limited
  }

  /** The stream's own end went out and nothing came after it. */
  get isComplete(): boolean {
    return this.#releasedTerminator && this.heldBytes === 0
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
    if (this.#closed || this.#limited) return
    this.#text.renewAllowance()
    const room = this.#maxBytes - this.#totalBytes
    this.#totalBytes += chunk.byteLength
    const isOver = chunk.byteLength > room && !this.#forgiven && !this.#isForgivable('over-limit')
    this.#hold(this.#decoder.push(isOver ? chunk.subarray(0, room) : chunk))
    if (isOver) this.#limited = true
    this.#advance()
  }

  end(): void {
    if (this.#closed || this.#limited) return
    this.#ended = true
    this.#text.renewAllowance()
    this.#hold(this.#decoder.end())
    this.#advance()
  }

  /** Incremental rules read on where one event was too short for them. */
  goOn(): void {
    this.#willGoOn = false
    if (this.#closed) return
    this.#text.renewAllowance()
    for (const track of this.#text.tracks) this.#settleLocal(track, track.goOn())
    this.#advance()
  }

  /** The window has been open long enough. */
  late(): void {
    if (this.#scans?.late()) this.#advance()
  }

  /** The stream may take no longer. */
  limit(): void {
    if (this.#closed || this.#forgiven || this.#ended) return
    const isWritten = this.#terminatorHeld || this.isComplete
    if (isWritten || !this.#isForgivable('over-limit')) this.#limited = true
    this.#advance()
  }

  /** There is no room for what is held: it cannot wait for a verdict. Denies, or lets it pass unseen. */
  overBudget(): void {
    if (this.#closed) return
    if (this.#limited || !this.#isForgivable('over-budget')) {
      this.#port.deny('failed-closed')
      return
    }
    const frames = this.#held.ready(() => true)
    const skip = this.#held.drop(frames)
    this.close()
    this.#port.release(frames, skip)
    this.#port.passUnseen(this.#ended ? [] : this.#decoder.end())
    if (this.#ended) this.#port.finish()
  }

  /** A failure of every rule at once. Denies, or lets the rest pass after what is held was judged. */
  fault(reason: FailureReason): void {
    this.#raise(reason)
    this.#advance()
  }

  /** Drops what is held and takes nothing more: the client gets another last word. */
  close(): void {
    this.#closed = true
    this.#held.clear()
    // Nobody waits for the scan on its way: its verdict could only be stricter than what is said now.
    this.#scans?.drop()
    this.#resume()
  }

  #raise(reason: FailureReason): void {
    if (this.#closed || this.#forgiven) return
    if (!this.#isForgivable(reason)) this.#port.deny('failed-closed')
  }

  /** Has the policy judge a fault. */
  #isForgivable(reason: FailureReason): boolean {
    this.#forgiven = this.#port.judgeFault(reason).decision.kind !== 'deny'
    return this.#forgiven
  }

  #hold(frames: readonly Frame[]): void {
    for (const frame of frames) {
      if (this.#closed) return
      const texts: TextPlace[] = []
      for (const part of frame.parts) this.#take(part, texts)
      this.#held.push({ frame, texts })
    }
  }

  /** Adds the place of the part's text, if it has one. */
  #take(part: Part, texts: TextPlace[]): void {
    switch (part.kind) {
      case 'text-repeat': {
        const { place, outcomes } = this.#text.repeat(part)
        this.#settleLocal(place.track, outcomes)
        texts.push(place)
        return
      }
      case 'text-delta': {
        // The start of a tool call has no text yet, and must not go without it.
        if (part.text === '' && part.textKind !== 'tool-call') return
        const { place, outcomes } = this.#text.append(part)
        this.#scans?.grew(part.text)
        this.#settleLocal(place.track, outcomes)
        texts.push(place)
        return
      }
      case 'terminator':
        this.#terminatorHeld = true
        return
      case 'uninspectable':
        this.#sawUninspectable = true
        this.#port.uninspectable()
        return
      case 'undecodable':
        this.#raise('undecodable')
        return
      case 'finish':
        // A tool call is judged whole, and then it may go; text waits for the stream's end as it always does.
        for (const track of this.#text.toolCallsOf(part)) this.#settleLocal(track, track.complete())
        return
      default:
        assertNever(part)
    }
  }

  /** What incremental rules found just now. */
  #settleLocal(track: Track, outcomes: readonly RuleOutcome[]): void {
    if (outcomes.length === 0 || this.#closed) return
    this.#port.note(outcomes)
    const decision = decide(outcomes)
    if (decision.kind === 'deny') this.#port.deny(decision.because)
    else if (decision.kind === 'redact') {
      if (decision.redactions.some(({ span }) => span.start < track.releasedTo)) this.#port.deny('flagged')
      else track.redact(decision.redactions)
    }
  }

  /** Nothing is expected that could change what is held. */
  get #isSettled(): boolean {
    return this.#ended || this.#terminatorHeld || this.#forgiven || this.#limited
  }

  /** And all of it was read by the incremental rules. */
  get #isRead(): boolean {
    return this.#isSettled && !this.#text.isBehind
  }

  /** Does what can be done now; called after every change, and again after every verdict. */
  #advance(): void {
    if (this.#closed) return
    if (this.#isSettled) this.#completeTexts()
    if (!this.#closed && this.#isFull && this.#delivery === 'withhold' && !this.#ended) this.#overflow()
    if (this.#closed) return
    if (this.#isUnreadable && this.#port.unreadable() === 'refused') return
    this.#releaseCleared('in-time')
    this.#scanWhenDue()
    if (this.#closed) return
    if (this.#text.isBehind && !this.#willGoOn) {
      this.#willGoOn = true
      this.#port.goOnLater()
    }
    if (this.judging) {
      if (this.#isFull) this.#pause()
    } else this.#conclude()
  }

  /** The stream is over, and all that was in it is what no guard can read. Asked once. */
  get #isUnreadable(): boolean {
    if (!this.#sawUninspectable || !this.#text.isEmpty || !(this.#ended || this.#terminatorHeld)) return false
    this.#sawUninspectable = false
    return true
  }

  /** No text grows any more. A tool call that a limit cuts stays incomplete: half of one must not go. */
  #completeTexts(): void {
    for (const track of this.#text.tracks) {
      if (!this.#limited || track.kind !== 'tool-call') this.#settleLocal(track, track.complete())
    }
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
      () => ({
        isSettled: this.#isRead,
        isOpen: this.#delivery === 'window',
        isFull: this.#isFull,
      }),
      end => {
        if (this.#closed) return
        if (end.kind === 'deny') this.#port.deny(end.because)
        else this.#advance()
      },
    )
  }

  /** `at-cap`: what was scanned does not wait for more to come, nor what leads the first text for its verdict. */
  #releaseCleared(when: 'in-time' | 'at-cap'): void {
    if (this.#delivery === 'withhold' && !this.#isWhole) return
    const frames = this.#held.ready(held => this.#mayGo(held, when))
    // What leads the first text waits for its verdict: until then the headers can be withheld, and a denial be clean.
    this.#releasedText ||= frames.some(({ texts }) => texts.length > 0)
    if (frames.length === 0) return
    if (when === 'in-time' && !this.#releasedText && !this.#isWhole) return
    const skip = this.#held.drop(frames)
    for (const { texts } of frames) for (const { track, to } of texts) track.released(to)
    if (this.#held.isEmpty) {
      this.#releasedTerminator ||= this.#terminatorHeld
      this.#terminatorHeld = false
    }
    this.#port.release(frames, skip)
    this.#resume()
  }

  /** All of the stream is here, and all of it was scanned. */
  get #isWhole(): boolean {
    return this.#isRead && (this.#scans?.isDone ?? true)
  }

  #mayGo({ texts }: HeldFrame, when: 'in-time' | 'at-cap'): boolean {
    return texts.every(({ track, to }) => {
      // Half a tool call is no tool call: it goes when all of it was seen.
      if (track.kind === 'tool-call' && !this.#isSeenWhole(track)) return false
      if (to > track.safeTo) return false
      if (this.#scans === undefined) return true
      // What is kept back waits for the text that follows to be seen: where none follows, it has waited long enough.
      const isSeen = track.scannedTo === track.safeTo
      const isOver = isSeen && (this.#isRead || (track.isComplete && !track.isBehind) || when === 'at-cap')
      return to <= (isOver ? track.scannedTo : track.clearedTo)
    })
  }

  #isSeenWhole({ isComplete, scannedTo, length }: Track): boolean {
    return isComplete && (this.#scans === undefined || scannedTo === length)
  }

  /** Nothing is on its way: the end, or a place where there can be none. */
  #conclude(): void {
    if (this.#limited && !this.isComplete) this.#port.deny('failed-closed')
    else if (this.#held.isEmpty && this.#forgiven) {
      this.#closed = true
      this.#port.passUnseen(this.#ended ? [] : this.#decoder.end())
      if (this.#ended) this.#port.finish()
    } else if (this.#held.isEmpty && (this.#ended || this.#limited)) {
      this.#closed = true
      this.#port.finish()
    } else if (this.#isFull) {
      this.#releaseCleared('at-cap')
      if (!this.#isFull) return
      // One event, or one text that may not be cut, is larger than all that may be held: it can never be judged.
      this.#raise('over-limit')
      if (!this.#closed) this.#advance()
    }
  }

  #resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#port.resume()
  }

  #pause(): void {
    if (this.#paused) return
    this.#paused = true
    this.#port.pause()
  }
}
