import type { Frame } from '../llm/format.ts'
import { type HeldFrame, HeldFrames } from './held-frames.ts'
import type { Track } from './track.ts'
import type { WindowScans } from './window-scans.ts'

/** How it stands with the stream that the frames are of. */
export interface StreamProgress {
  /** `withhold`: nothing goes before all of it is here and was scanned. */
  readonly delivery: 'window' | 'withhold'
  /** No more text is expected, and incremental rules have read all of it. */
  readonly isRead: boolean
  /** `at-cap`: what was scanned does not wait for more to come, nor what leads the first text for its verdict. */
  readonly when: 'in-time' | 'at-cap'
}

/** Frames that may go; `skip`: bytes of the first one that went out already. */
export interface Cleared {
  readonly frames: readonly HeldFrame[]
  readonly skip: number
}

/** The frames of a stream that have not gone yet, in order, and which of them may. */
export class StreamRelease {
  readonly #held = new HeldFrames()
  /** Undefined where every rule judges text as it grows. */
  readonly #scans: WindowScans | undefined
  /** The stream's own end; `held` again where it comes a second time. */
  #terminator: 'to-come' | 'held' | 'out' = 'to-come'
  #releasedText = false

  constructor(scans: WindowScans | undefined) {
    this.#scans = scans
  }

  get bytes(): number {
    return this.#held.bytes
  }

  get isEmpty(): boolean {
    return this.#held.isEmpty
  }

  get first(): Frame | undefined {
    return this.#held.first
  }

  get holdsTerminator(): boolean {
    return this.#terminator === 'held'
  }

  /** The stream's own end went out, and nothing of it is held. */
  get isComplete(): boolean {
    return this.#terminator === 'out' && this.bytes === 0
  }

  push(held: HeldFrame): void {
    this.#held.push(held)
  }

  /** The frame that comes next is the stream's own end. */
  holdTerminator(): void {
    this.#terminator = 'held'
  }

  /** The first held bytes went out already. */
  skip(bytes: number): void {
    this.#held.skip(bytes)
  }

  clear(): void {
    this.#held.clear()
  }

  /** Takes everything, judged or not. */
  takeAll(): Cleared {
    const frames = this.#held.ready(() => true)
    return { frames, skip: this.#held.drop(frames) }
  }

  /** Takes the frames from the first on that may go now; undefined where none may. */
  takeCleared(progress: StreamProgress): Cleared | undefined {
    const { delivery, isRead, when } = progress
    const isWhole = isRead && (this.#scans?.isDone ?? true)
    if (delivery === 'withhold' && !isWhole) return undefined
    const frames = this.#held.ready(held => this.#mayGo(held, progress))
    // What leads the first text waits for its verdict: until then the headers can be withheld, and a denial be clean.
    this.#releasedText ||= frames.some(({ texts }) => texts.length > 0)
    if (frames.length === 0) return undefined
    if (when === 'in-time' && !this.#releasedText && !isWhole) return undefined
    const skip = this.#held.drop(frames)
    for (const { texts } of frames) for (const { track, to } of texts) track.released(to)
    if (this.#held.isEmpty && this.#terminator === 'held') this.#terminator = 'out'
    return { frames, skip }
  }

  #mayGo({ texts }: HeldFrame, { isRead, when }: StreamProgress): boolean {
    return texts.every(({ track, to }) => {
      // Half a tool call is no tool call: it goes when all of it was seen.
      if (track.kind === 'tool-call' && !this.#isSeenWhole(track)) return false
      if (to > track.safeTo) return false
      if (this.#scans === undefined) return true
      // What is kept back waits for the text that follows to be seen: where none follows, it has waited long enough.
      const isSeen = track.scannedTo === track.safeTo
      const isOver = isSeen && (isRead || (track.isComplete && !track.isBehind) || when === 'at-cap')
      return to <= (isOver ? track.scannedTo : track.clearedTo)
    })
  }

  #isSeenWhole({ isComplete, scannedTo, length }: Track): boolean {
    return isComplete && (this.#scans === undefined || scannedTo === length)
  }
}
