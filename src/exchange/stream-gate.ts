import { assertNever } from '../errors.ts'
import type { FailureReason } from '../guardrail/guardrail.ts'
import type { Frame, Part, StreamDecoder, TextSegment } from '../llm/format.ts'
import type { StreamSettings } from '../policy/policy.ts'
import type { Judged } from './judge.ts'
import { StreamText } from './stream-text.ts'

/** What the gate asks of the side it stands in. */
export interface StreamGatePort {
  judge(segments: readonly TextSegment[], final: boolean, done: (judged: Judged) => void): void
  /** The fault as one failure of every rule. */
  judgeFault(reason: FailureReason): Judged
  /** `skip`: bytes of the first frame that went out already. */
  release(frames: readonly Frame[], skip: number): void
  /** Everything was released and the upstream is at its end. */
  finish(): void
  /** Must close the gate. */
  deny(judged: Judged): void
  /** The policy forgave a fault: from here on everything passes unseen. `rest`: bytes of no whole frame. */
  passUnseen(rest: readonly Frame[]): void
  /** A part that no guard can read. */
  uninspectable(): void
  /** The stream is over and nothing of it could be read, although there was something: fail_mode decides. */
  unreadable(): 'release' | 'refused'
  pause(): void
  resume(): void
}

/**
 * Delivery `withhold`: holds every frame of an event stream until the text in it was judged. What is held is judged
 * when the stream ends, when its terminator comes (later chunks may be no place for it any more), or when
 * `maxHeldBytes` is reached. Held bytes stay under that cap plus what one read of Envoy brings: past it the
 * gate asks for a pause until the verdict has come.
 */
export class StreamGate {
  readonly #port: StreamGatePort
  readonly #decoder: StreamDecoder
  readonly #settings: StreamSettings
  readonly #maxBytes: number
  readonly #text = new StreamText()
  #held: Frame[] = []
  #heldBytes = 0
  /** Bytes of the first held frame that went out already. */
  #skip = 0
  #totalBytes = 0
  /** Length of the text that a verdict stands for. */
  #judgedLength = 0
  /** Frames that the scan on its way covers; undefined when there is none. */
  #judging: number | undefined
  #paused = false
  #terminatorHeld = false
  #ended = false
  #sawUninspectable = false
  #releasedTerminator = false
  /** A fault that the policy forgives: what is held is still judged, the rest passes. */
  #forgiven = false
  #closed = false

  constructor(port: StreamGatePort, decoder: StreamDecoder, settings: StreamSettings, maxBytes: number) {
    this.#port = port
    this.#decoder = decoder
    this.#settings = settings
    this.#maxBytes = maxBytes
  }

  /** A verdict is on its way. */
  get judging(): boolean {
    return this.#judging !== undefined
  }

  get heldBytes(): number {
    return this.#heldBytes + this.#decoder.buffered
  }

  /** The stream's own end went out and nothing came after it. */
  get isComplete(): boolean {
    return this.#releasedTerminator && this.heldBytes === 0
  }

  /** The first whole frame held, whose byte order mark may have to go out before anything of ours. */
  get firstHeld(): Frame | undefined {
    return this.#held[0]
  }

  /** The first held bytes went out already. */
  skipHeld(bytes: number): void {
    this.#skip = bytes
    this.#heldBytes -= bytes
  }

  push(chunk: Uint8Array): void {
    if (this.#closed) return
    this.#totalBytes += chunk.byteLength
    this.#hold(this.#decoder.push(chunk))
    if (this.#totalBytes > this.#maxBytes) this.#raise('over-limit')
    this.#advance()
  }

  end(): void {
    if (this.#closed) return
    this.#ended = true
    this.#hold(this.#decoder.end())
    this.#advance()
  }

  /** A failure of every rule at once. Denies, or lets the rest pass after what is held was judged. */
  fault(reason: FailureReason): void {
    this.#raise(reason)
    this.#advance()
  }

  #raise(reason: FailureReason): void {
    if (this.#closed || this.#forgiven) return
    const judged = this.#port.judgeFault(reason)
    if (judged.decision.kind === 'deny') {
      this.#deny(judged)
      return
    }
    this.#forgiven = true
  }

  #hold(frames: readonly Frame[]): void {
    for (const frame of frames) {
      if (this.#closed) return
      this.#held.push(frame)
      this.#heldBytes += frame.bytes.byteLength
      for (const part of frame.parts) this.#take(part)
    }
  }

  #take(part: Part): void {
    switch (part.kind) {
      case 'text-delta':
        this.#text.add(part)
        return
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
        return
      default:
        assertNever(part)
    }
  }

  /** Does what can be done now; called after every change, and again after every verdict. */
  #advance(): void {
    if (this.#closed) return
    const full = this.heldBytes > this.#settings.maxHeldBytes
    if (this.#judging !== undefined) {
      if (full) this.#pause()
      return
    }
    if (!this.#ended && !this.#terminatorHeld && !full && !this.#forgiven) return
    if (full && !this.#ended && this.#settings.onHeldLimit === 'deny') this.#raise('over-limit')
    if (this.#closed) return
    const isBlind = this.#ended && this.#text.length === 0 && this.#sawUninspectable
    if (isBlind && this.#port.unreadable() === 'refused') return
    if (this.#text.length > this.#judgedLength) this.#judge()
    else this.#release(this.#held.length)
  }

  #judge(): void {
    const length = this.#text.length
    this.#judging = this.#held.length
    const final = this.#ended || this.#terminatorHeld
    this.#port.judge(this.#text.segments(), final, judged => {
      const frames = this.#judging
      if (this.#closed || frames === undefined) return
      this.#judging = undefined
      this.#judgedLength = length
      // Redaction inside a stream is not there yet; a text that must not pass as it is does not pass.
      if (judged.decision.kind === 'release') this.#release(frames)
      else this.#deny(judged)
    })
  }

  #release(count: number): void {
    const frames = this.#held.slice(0, count)
    this.#held = this.#held.slice(count)
    const skip = this.#skip
    if (frames.length > 0) this.#skip = 0
    for (const frame of frames) this.#heldBytes -= frame.bytes.byteLength
    this.#heldBytes += frames.length > 0 ? skip : 0
    if (this.#held.length === 0) {
      this.#releasedTerminator ||= this.#terminatorHeld
      this.#terminatorHeld = false
    }
    this.#port.release(frames, skip)
    this.#resume()
    if (this.#held.length > 0) this.#advance()
    else this.#afterRelease()
  }

  #afterRelease(): void {
    if (this.#forgiven) {
      this.#closed = true
      this.#port.passUnseen(this.#ended ? [] : this.#decoder.end())
    }
    if (this.#ended) {
      this.#closed = true
      this.#port.finish()
      return
    }
    // A single frame larger than all that may be held can never be judged.
    if (!this.#closed && this.heldBytes > this.#settings.maxHeldBytes) {
      this.fault('over-limit')
    }
  }

  /** Drops what is held and takes nothing more: the client gets another last word. */
  close(): void {
    this.#closed = true
    this.#held = []
    this.#heldBytes = 0
    // Nobody waits for the scan on its way: its verdict could only be stricter than what is said now.
    this.#judging = undefined
    this.#resume()
  }

  #deny(judged: Judged): void {
    this.#port.deny(judged)
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
