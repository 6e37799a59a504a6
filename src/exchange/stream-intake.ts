import { assertNever } from '../errors.ts'
import type { Frame, Part, StreamDecoder } from '../llm/format.ts'
import type { StreamRelease } from './stream-release.ts'
import type { StreamText } from './stream-text.ts'
import type { TextPlace } from './track.ts'
import type { WindowScans } from './window-scans.ts'

/** What the intake asks of the gate behind it. */
export interface StreamIntakePort {
  /** Nothing more is to be held: the client gets another last word. */
  isClosed(): boolean
  /** A part whose meaning is not known. */
  undecodable(): void
  /** A part that no guard can read. */
  uninspectable(): void
}

/** Cuts a stream into frames, finds the texts in them their places, and holds them for release. */
export class StreamIntake {
  readonly #port: StreamIntakePort
  readonly #decoder: StreamDecoder
  readonly #text: StreamText
  readonly #scans: WindowScans | undefined
  readonly #held: StreamRelease
  #sawUninspectable = false

  constructor(
    port: StreamIntakePort,
    decoder: StreamDecoder,
    text: StreamText,
    scans: WindowScans | undefined,
    held: StreamRelease,
  ) {
    this.#port = port
    this.#decoder = decoder
    this.#text = text
    this.#scans = scans
    this.#held = held
  }

  /** Bytes of a frame that is not whole yet. */
  get buffered(): number {
    return this.#decoder.buffered
  }

  /** There was something, and all of it is what no guard can read. */
  get isUnreadable(): boolean {
    return this.#sawUninspectable && this.#text.isEmpty
  }

  push(chunk: Uint8Array): void {
    this.#hold(this.#decoder.push(chunk))
  }

  /** The stream is over. */
  end(): void {
    this.#hold(this.#decoder.end())
  }

  /** The bytes of no whole frame, where nothing more is to be read. */
  rest(): readonly Frame[] {
    return this.#decoder.end()
  }

  #hold(frames: readonly Frame[]): void {
    for (const frame of frames) {
      if (this.#port.isClosed()) return
      const texts: TextPlace[] = []
      for (const part of frame.parts) this.#take(part, texts)
      this.#held.push({ frame, texts })
    }
  }

  /** Adds the place of the part's text, if it has one. */
  #take(part: Part, texts: TextPlace[]): void {
    switch (part.kind) {
      case 'text-repeat':
        texts.push(this.#text.repeat(part))
        return
      case 'text-delta':
        // The start of a tool call has no text yet, and must not go without it.
        if (part.text === '' && part.textKind !== 'tool-call') return
        texts.push(this.#text.append(part))
        this.#scans?.grew(part.text)
        return
      case 'terminator':
        this.#held.holdTerminator()
        return
      case 'uninspectable':
        this.#sawUninspectable = true
        this.#port.uninspectable()
        return
      case 'undecodable':
        this.#port.undecodable()
        return
      case 'finish':
        // A tool call is judged whole, and then it may go; text waits for the stream's end as it always does.
        this.#text.complete(track => track.isFinishedBy(part))
        return
      default:
        assertNever(part)
    }
  }
}
