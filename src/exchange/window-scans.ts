import type { TextSegment } from '../llm/format.ts'
import type { StreamSettings } from '../policy/policy.ts'
import type { Judged } from './judge.ts'
import { ScanWindow } from './scan-window.ts'
import type { Covered, StreamText } from './stream-text.ts'

/** What scans by windows ask of their stream. */
export interface WindowScansPort {
  /** A scan begins, of so many characters that none has seen. */
  scans(newChars: number): void
  judge(segments: readonly TextSegment[], final: boolean, done: (judged: Judged) => void): void
  /** Call `windowDue` when so much time has passed. */
  startWindow(afterMs: number): void
}

/** How it stands with the stream. */
export interface StreamState {
  /** No more text is expected. */
  readonly isSettled: boolean
  /** Text may go before all of it is here. */
  readonly isOpen: boolean
  /** What is held has reached its cap. */
  readonly isFull: boolean
}

/** What a scan came to: its text was cleared as far as it goes, or the stream must be denied. */
export type ScanEnd = { readonly kind: 'cleared' } | { readonly kind: 'deny'; readonly because: DenyBecause }
type DenyBecause = 'flagged' | 'failed-closed'

/**
 * The scans of the rules that judge by windows: one in flight over all text that is new, behind some of what was
 * cleared before, while the next window gathers.
 */
export class WindowScans {
  readonly #port: WindowScansPort
  readonly #text: StreamText
  readonly #settings: StreamSettings
  readonly #window: ScanWindow
  #judging = false
  #isLate = false
  #isTimed = false
  #latest = ''

  constructor(port: WindowScansPort, text: StreamText, settings: StreamSettings) {
    this.#port = port
    this.#text = text
    this.#settings = settings
    this.#window = new ScanWindow(settings.window)
  }

  /** A verdict is on its way. */
  get judging(): boolean {
    return this.#judging
  }

  /** All text that could be scanned now was. */
  get isDone(): boolean {
    return !this.#judging && this.#text.unscannedChars === 0
  }

  /** The newest piece of text. */
  grew(latest: string): void {
    this.#latest = latest
  }

  /** The window has been open long enough; returns whether that changes anything. */
  windowDue(): boolean {
    if (this.#judging || !this.#isTimed) return false
    this.#isLate = true
    return true
  }

  /** Nobody waits for the scan on its way any more. */
  drop(): void {
    this.#judging = false
  }

  /** Scans what is new, if the time has come. `done` is called later, with what it came to, unless it was dropped. */
  scanWhenDue(state: () => StreamState, done: (end: ScanEnd) => void): void {
    const chars = this.#text.unscannedChars
    if (this.#judging || chars === 0) return
    const { isSettled, isOpen, isFull } = state()
    const isDue = isSettled || (isOpen && (isFull || this.#isLate))
    if (isDue || (isOpen && this.#window.isFull(chars, this.#latest))) this.#scan(state, done)
    else if (isOpen && !this.#isTimed) {
      this.#isTimed = true
      this.#port.startWindow(this.#window.maxHeldMs)
    }
  }

  #scan(state: () => StreamState, done: (end: ScanEnd) => void): void {
    const final = state().isSettled
    this.#port.scans(this.#text.unscannedChars)
    const covered = this.#text.cover(this.#settings.window.contextChars)
    this.#judging = true
    this.#isLate = false
    this.#isTimed = false
    this.#window.next()
    const segments = covered.map(({ segment }) => segment)
    this.#port.judge(segments, final, judged => {
      if (!this.#judging) return
      this.#judging = false
      done(this.#settle(judged, covered, final || state().isFull))
    })
  }

  /** `isPressed`: a cap that is reached is worth more than a finding that might still grow. */
  #settle({ decision }: Judged, covered: readonly Covered[], isPressed: boolean): ScanEnd {
    if (decision.kind === 'deny') return { kind: 'deny', because: decision.because }
    if (decision.kind === 'redact' && this.#text.redact(covered, decision.redactions) === 'too-late') {
      return { kind: 'deny', because: 'flagged' }
    }
    const holdBack = isPressed ? 0 : this.#settings.holdBackChars
    for (const { track, to } of covered) {
      track.scannedTo = to
      track.clearedTo = Math.max(track.clearedTo, to - holdBack)
    }
    return CLEARED
  }
}

const CLEARED: ScanEnd = { kind: 'cleared' }
