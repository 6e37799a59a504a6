import { expect } from 'vitest'
import type { EnvoyModel } from './envoy-model.ts'
import { eventsOf, type Frames, type Progress, type Script, textsOf, VOICES } from './stream-script.ts'

/** Watches a clean stream's scans by windows as they are opened: what is new in one begins where the last ended. */
export class ScanWatch {
  readonly #said: Frames
  readonly #terminator: Script['terminator']
  /** Bytes of the stream up to the end of each event. */
  readonly #ends: readonly number[]
  readonly #waitsFor: string
  /** For each voice, how many characters were shown. */
  readonly seen = VOICES.map(() => 0)
  scans = 0
  segments = 0
  chars = 0
  #last = 0
  #wasEnded = false

  /** `waitsFor`: the word of a local guardrail that settles the texts first; empty for none. */
  constructor(said: Frames, terminator: Script['terminator'], waitsFor = '') {
    this.#said = said
    this.#terminator = terminator
    this.#waitsFor = waitsFor
    let bytes = 0
    this.#ends = eventsOf(said, terminator).map(event => {
      bytes += Buffer.byteLength(event)
      return bytes
    })
  }

  look(envoy: EnvoyModel, progress: Progress): void {
    const wasEnded = this.#wasEnded
    this.#wasEnded = progress.ended
    const scan = envoy.scans[0]
    if (scan === undefined || scan.scan === this.#last) return
    this.#last = scan.scan
    this.scans += 1
    const isWritten = this.#terminator === 'done' && progress.fed === this.#ends.at(-1)
    const { subject } = scan
    const isOver = subject.side === 'output' && subject.final
    // What comes with the upstream's end is taken before the end is.
    if (isWritten || wasEnded) expect(isOver).toBe(true)
    else if (!progress.ended) expect(isOver).toBe(false)
    const settled = this.#settled(progress, isOver)
    for (const { message, kind, text } of subject.segments) {
      const voice = VOICES.findIndex(one => one.choice === message && one.kind === kind)
      this.#take(voice, settled[voice]!, text)
    }
  }

  /** Nothing that could be scanned by now was not. */
  expectNothingLeft(progress: Progress): void {
    expect(this.seen).toEqual(this.#settled(progress, progress.ended).map(text => text.length))
  }

  /** How many events were cleared: all before the first with text that no scan saw or that is held back. */
  clearedEvents(holdBackChars: number): number {
    const at = VOICES.map(() => 0)
    const held = this.#said.findIndex(deltas =>
      deltas.some(({ voice, text }) => {
        at[voice]! += text.length
        return at[voice]! > this.seen[voice]! - holdBackChars
      }),
    )
    const count = held === -1 ? this.#said.length : held
    // The role goes with the first text.
    return count === 0 ? 0 : count + 1
  }

  /** What a scan can see now of all texts. */
  #settled({ fed }: Progress, isOver: boolean): readonly string[] {
    const events = this.#ends.filter(end => end <= fed).length
    const isFinished = events > this.#said.length + 1
    const isWritten = this.#terminator === 'done' && fed === this.#ends.at(-1)
    return textsOf(this.#said, events).map((text, voice) => {
      if (isOver || isWritten) return text
      // A tool call is scanned whole; no other text is over before the stream is.
      if (VOICES[voice]!.kind === 'tool-call') return isFinished ? text : ''
      return text.slice(0, text.length - openEnd(text, this.#waitsFor))
    })
  }

  #take(voice: number, settled: string, shown: string): void {
    expect(settled.endsWith(shown)).toBe(true)
    expect(settled.length - shown.length).toBeLessThanOrEqual(this.seen[voice]!)
    expect(settled.length).toBeGreaterThan(this.seen[voice]!)
    this.seen[voice] = settled.length
    this.segments += 1
    this.chars += shown.length
  }
}

/** How many characters at the text's end could still become the word. */
function openEnd(text: string, word: string): number {
  for (let length = word.length - 1; length > 0; length--) {
    if (text.endsWith(word.slice(0, length))) return length
  }
  return 0
}
