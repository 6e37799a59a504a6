import { WeirError } from '../errors.ts'
import type { Undecodable } from './format.ts'
import { HeldBytes } from './held-bytes.ts'
import { applySplices, type Splice } from './json-edits.ts'

/**
 * One block of an event stream: the bytes up to and including the blank line that ends it, whether it holds an
 * event or only comments. Blank lines before the first line of a block belong to the block.
 */
export type EventFrame =
  | {
      readonly kind: 'event'
      readonly bytes: Uint8Array
      /** The value of the last `event` field; undefined when there is none. */
      readonly event: string | undefined
      /** The `data` lines joined with line feeds; undefined when there is none: then no client sees an event. */
      readonly data: string | undefined
    }
  | {
      readonly kind: 'undecodable'
      readonly bytes: Uint8Array
      readonly reason: Extract<Undecodable, 'not-utf8' | 'not-event-stream'>
    }

/**
 * Cuts the bytes of an event stream into frames, as https://html.spec.whatwg.org/#event-stream-interpretation
 * reads them. The frames' bytes, in order, are the bytes pushed, and they do not depend on how those were cut.
 * A frame may share memory with the chunk that completed it, so chunks must not be changed afterwards.
 */
export interface EventStreamFramer {
  push(chunk: Uint8Array): readonly EventFrame[]
  /** The bytes after the last blank line, as one last frame. Clients differ in whether they read it. */
  end(): readonly EventFrame[]
  /** Bytes held of the frame that is not complete yet. It has no cap of its own: the caller bounds it. */
  readonly buffered: number
}

export function openEventStream(): EventStreamFramer {
  return new Framer()
}

/** A byte order mark is one only at the stream's start. */
type FramePlace = 'first' | 'later'

const LF = 0x0a
const CR = 0x0d

/**
 * Every byte is searched once for each of the two line ends and copied at most three times, whatever the
 * chunking: a line that arrives in one-byte pieces costs as much per byte as one that arrives whole. A frame
 * that lies inside one chunk, the usual case, is not copied at all.
 */
class Framer implements EventStreamFramer {
  /** The bytes of the current frame that earlier chunks brought. */
  readonly #held = new HeldBytes()
  /** The current line has at least one byte. */
  #inLine = false
  /** The current frame has a line that is not blank, so that the next blank line ends it. */
  #hasLine = false
  /** The last byte seen was a CR: if the next one is an LF, it belongs to the same line end. */
  #afterCr = false
  /** The frame's blank line is in, but ended with that CR: only its LF may still follow. Implies #afterCr. */
  #complete = false
  #place: FramePlace = 'first'

  get buffered(): number {
    return this.#held.length
  }

  push(chunk: Uint8Array): readonly EventFrame[] {
    const frames: EventFrame[] = []
    const length = chunk.length
    if (length === 0) return frames
    let start = 0
    let position = this.#settleCr(chunk)
    if (this.#complete) {
      frames.push(this.#cut(chunk, start, position))
      start = position
    }
    let nextCr = indexOrEnd(chunk, CR, position)
    let nextLf = indexOrEnd(chunk, LF, position)
    while (position < length) {
      const lineEnd = Math.min(nextCr, nextLf)
      if (lineEnd === length) {
        this.#inLine = true
        break
      }
      const blank = lineEnd === position && !this.#inLine
      position = this.#afterLineEnd(chunk, lineEnd)
      this.#inLine = false
      if (nextCr < position) nextCr = indexOrEnd(chunk, CR, position)
      if (nextLf < position) nextLf = indexOrEnd(chunk, LF, position)
      if (!blank) this.#hasLine = true
      else if (this.#hasLine && this.#afterCr) this.#complete = true
      else if (this.#hasLine) {
        frames.push(this.#cut(chunk, start, position))
        start = position
      }
    }
    if (start < length) this.#held.append(start === 0 ? chunk : chunk.subarray(start))
    return frames
  }

  end(): readonly EventFrame[] {
    if (this.#held.length === 0) return []
    return [this.#cut(new Uint8Array(0), 0, 0)]
  }

  /** Whether the chunk starts with the second half of a CR LF: returns where its next line starts. */
  #settleCr(chunk: Uint8Array): number {
    if (!this.#afterCr) return 0
    this.#afterCr = false
    return chunk[0] === LF ? 1 : 0
  }

  #afterLineEnd(chunk: Uint8Array, lineEnd: number): number {
    const next = lineEnd + 1
    if (chunk[lineEnd] === LF) return next
    if (next === chunk.length) this.#afterCr = true
    return chunk[next] === LF ? next + 1 : next
  }

  #cut(chunk: Uint8Array, start: number, end: number): EventFrame {
    this.#hasLine = false
    this.#complete = false
    const tail = start === 0 && end === chunk.length ? chunk : chunk.subarray(start, end)
    const place = this.#place
    this.#place = 'later'
    return readFrame(this.#held.length === 0 ? tail : this.#held.take(tail), place)
  }
}

function indexOrEnd(chunk: Uint8Array, byte: number, from: number): number {
  const index = chunk.indexOf(byte, from)
  return index === -1 ? chunk.length : index
}

/** Frames are whole, so no character is ever split over two decodes. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function readFrame(bytes: Uint8Array, place: FramePlace): EventFrame {
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    return { kind: 'undecodable', bytes, reason: 'not-utf8' }
  }
  if (place === 'first' && text.startsWith('\uFEFF')) text = text.slice(1)
  const data = soleDataLine(text)
  return data === undefined ? readFields(bytes, text) : { kind: 'event', bytes, event: undefined, data }
}

/** The value of a frame that is one `data: …` line and an LF blank line, as nearly all are: no line is cut. */
function soleDataLine(text: string): string | undefined {
  if (!text.startsWith('data:') || text.indexOf('\n') !== text.length - 2 || text.includes('\r'))
    return undefined
  return text.slice(text.charCodeAt(5) === SPACE ? 6 : 5, -2)
}

const SPACE = 0x20
const COLON = 0x3a

function readFields(bytes: Uint8Array, text: string): EventFrame {
  let event: string | undefined
  const data: string[] = []
  let nextCr = -1
  let nextLf = -1
  for (let at = 0, end = 0; at < text.length; at = end + 1) {
    const first = text.charCodeAt(at)
    end = at
    // A block may be a million blank lines.
    if (first === CR || first === LF) continue
    if (nextCr < at) nextCr = indexOrLength(text, '\r', at)
    if (nextLf < at) nextLf = indexOrLength(text, '\n', at)
    end = Math.min(nextCr, nextLf)
    if (first === COLON) continue
    const { name, value } = readField(text.slice(at, end))
    if (name === 'data') data.push(value)
    else if (name === 'event') event = value
    // The standard has clients ignore other fields. A JSON body labelled as an event stream is made of nothing
    // but "other fields": ignoring them would make it a stream without text.
    else if (name !== 'id' && name !== 'retry')
      return { kind: 'undecodable', bytes, reason: 'not-event-stream' }
  }
  return { kind: 'event', bytes, event, data: data.length === 0 ? undefined : data.join('\n') }
}

function indexOrLength(text: string, unit: string, from: number): number {
  const index = text.indexOf(unit, from)
  return index === -1 ? text.length : index
}

/** The name is empty for a comment. The value is always the line's end. */
function readField(line: string): { readonly name: string; readonly value: string } {
  const colon = line.indexOf(':')
  if (colon === -1) return { name: line, value: '' }
  const start = line.charCodeAt(colon + 1) === SPACE ? colon + 2 : colon + 1
  return { name: line.slice(0, colon), value: line.slice(start) }
}

/**
 * The bytes of a frame with its data edited and every other byte as it was: other fields, comments, line ends, the
 * space after a colon. `bytes` must be those of an `event` frame. `toSplices` gets its data and says, in order, what
 * to replace there. What it takes out of several data lines goes out of each of them, what it puts in goes into the
 * first: no line comes or goes.
 */
export function editEventData(bytes: Uint8Array, toSplices: (data: string) => readonly Splice[]): Uint8Array {
  const text = utf8.decode(bytes)
  const lines = dataLines(text)
  const splices = toSplices(lines.map(line => line.value).join('\n'))
  return new TextEncoder().encode(applySplices(text, alongLines(splices, lines)))
}

interface DataLine {
  readonly value: string
  /** Where the value starts in the frame's text, in UTF-16 units. */
  readonly textStart: number
  /** Where it starts in the frame's data. */
  readonly dataStart: number
}

function dataLines(text: string): readonly DataLine[] {
  const lines: DataLine[] = []
  let dataStart = 0
  for (const { 0: line, index } of text.matchAll(/[^\r\n]+/g)) {
    // Anywhere but at the stream's start a byte order mark makes its frame undecodable: here it can only be that one.
    const { name, value } = readField(index === 0 && line.startsWith('\uFEFF') ? line.slice(1) : line)
    if (name !== 'data') continue
    lines.push({ value, textStart: index + line.length - value.length, dataStart })
    dataStart += value.length + 1
  }
  return lines
}

/** Splices of the data as splices of the frame's text. One walk over both: a frame may have many of each. */
function alongLines(splices: readonly Splice[], lines: readonly DataLine[]): readonly Splice[] {
  const along: Splice[] = []
  let first = 0
  for (const splice of splices) {
    const end = splice.offset + splice.length
    while (first < lines.length && dataEnd(lines[first]!) <= splice.offset) first++
    let replacement: string | undefined = oneLine(splice.replacement)
    for (let i = first; i < lines.length && lines[i]!.dataStart < end; i++) {
      const { textStart, dataStart, value } = lines[i]!
      const from = Math.max(splice.offset - dataStart, 0)
      const to = Math.min(end - dataStart, value.length)
      along.push({ offset: textStart + from, length: to - from, replacement: replacement ?? '' })
      replacement = undefined
    }
    if (replacement !== undefined) throw new WeirError('bug', 'an edit of a frame lies outside its data')
  }
  return along
}

function dataEnd(line: DataLine): number {
  return line.dataStart + line.value.length
}

/** Clients that cut lines as Unicode does also cut at these three, which JSON leaves as they are. */
const UNICODE_LINE_ENDS = /[\u0085\u2028\u2029]/g

/** A piece of JSON without line ends, whoever cuts the lines. */
function oneLine(json: string): string {
  if (/[\r\n]/.test(json)) throw new WeirError('bug', 'an edit of a frame would break a line')
  return json.replace(UNICODE_LINE_ENDS, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
