import type { ResponseShape, Undecodable } from './format.ts'
import { HeldBytes } from './held-bytes.ts'
import { parseJson } from './json-body.ts'
import { applySplices, type JsonEdit, jsonSplices } from './json-edits.ts'
import { responseShape } from './response-shape.ts'

/**
 * One line of newline-delimited JSON: the bytes up to and including its line feed. Blank lines before it belong to it;
 * what stands behind the last line is a frame of its own.
 */
export type NdjsonFrame =
  | { readonly kind: 'value'; readonly bytes: Uint8Array; readonly value: unknown }
  /** White space alone: no client sees a value. */
  | { readonly kind: 'blank'; readonly bytes: Uint8Array }
  | { readonly kind: 'undecodable'; readonly bytes: Uint8Array; readonly reason: Undecodable }

/**
 * Cuts newline-delimited JSON (https://github.com/ndjson/ndjson-spec) into frames. The frames' bytes, in order, are
 * the bytes pushed, and they do not depend on how those were cut. A frame may share memory with the chunk that
 * completed it, so chunks must not be changed afterwards.
 */
export interface NdjsonFramer {
  push(chunk: Uint8Array): readonly NdjsonFrame[]
  /** The bytes after the last line feed, as one last frame: clients read it as a line. */
  end(): readonly NdjsonFrame[]
  /** Bytes held of the line that is not complete yet. It has no cap of its own: the caller bounds it. */
  readonly buffered: number
}

export function openNdjson(): NdjsonFramer {
  return new Framer()
}

const LF = 0x0a

/** Searches every byte once for a line feed and copies it at most three times, whatever the chunking. */
class Framer implements NdjsonFramer {
  /** What earlier chunks brought of the current frame. */
  readonly #held = new HeldBytes()
  /** The current frame has a byte that is no white space, so that the next line feed ends it. */
  #hasValue = false
  /** A byte order mark is one only at the stream's start. */
  #place: 'first' | 'later' = 'first'

  get buffered(): number {
    return this.#held.length
  }

  push(chunk: Uint8Array): readonly NdjsonFrame[] {
    const frames: NdjsonFrame[] = []
    let start = 0
    let position = 0
    while (position < chunk.length) {
      const lineEnd = chunk.indexOf(LF, position)
      const next = lineEnd === -1 ? chunk.length : lineEnd + 1
      this.#hasValue ||= hasValueIn(chunk, position, next)
      position = next
      if (lineEnd === -1 || !this.#hasValue) continue
      frames.push(this.#cut(chunk.subarray(start, next)))
      start = next
    }
    this.#held.append(chunk.subarray(start))
    return frames
  }

  end(): readonly NdjsonFrame[] {
    return this.#held.length === 0 ? [] : [this.#cut(new Uint8Array(0))]
  }

  #cut(tail: Uint8Array): NdjsonFrame {
    this.#hasValue = false
    const place = this.#place
    this.#place = 'later'
    return readLine(this.#held.take(tail), place)
  }
}

/** The white space of JSON. */
const SPACES: ReadonlySet<number> = new Set([0x20, 0x09, LF, 0x0d])

function hasValueIn(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (!SPACES.has(bytes[i]!)) return true
  return false
}

const BOM = '\uFEFF'
/** Frames are whole lines, so no character is ever split over two decodes. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function readLine(bytes: Uint8Array, place: 'first' | 'later'): NdjsonFrame {
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    return { kind: 'undecodable', bytes, reason: 'not-utf8' }
  }
  if (place === 'first' && text.startsWith(BOM)) text = text.slice(BOM.length)
  if (!/[^ \t\r\n]/.test(text)) return { kind: 'blank', bytes }
  const json = parseJson(text)
  return json.kind === 'ok' ? { kind: 'value', bytes, value: json.value } : { ...json, bytes }
}

/** The bytes of a `value` frame with the edits made and every other byte as it was: it stays one line. */
export function editNdjson(bytes: Uint8Array, edits: readonly JsonEdit[]): Uint8Array {
  const text = utf8.decode(bytes)
  // Anywhere but at the stream's start a byte order mark makes its frame undecodable: here it can only be that one.
  const start = text.startsWith(BOM) ? BOM.length : 0
  const splices = jsonSplices(text, start, edits).map(splice => ({
    ...splice,
    replacement: onOneLine(splice.replacement),
  }))
  return new TextEncoder().encode(applySplices(text, splices))
}

/** JSON on one line, whoever cuts the lines. */
export function toJsonLine(value: unknown): string {
  return onOneLine(JSON.stringify(value))
}

/** Clients that cut lines as Unicode does, as httpx in Python, also cut at these, which JSON leaves as they are. */
const UNICODE_LINE_ENDS = /[\u0085\u2028\u2029]/g

function onOneLine(json: string): string {
  return json.replace(UNICODE_LINE_ENDS, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

const NDJSON_TYPES: ReadonlySet<string> = new Set([
  'application/x-ndjson',
  'application/ndjson',
  'application/x-jsonlines',
  'application/jsonlines',
  'application/jsonl',
])

/**
 * How to read a body of an API that streams newline-delimited JSON. Where the content type does not tell, the first
 * line does: a stream is one whose first line is a whole value.
 */
export function ndjsonShape(contentType: string | undefined, firstBytes: Uint8Array): ResponseShape {
  const [mediaType = '', ...parameters] = (contentType ?? '').split(';')
  if (NDJSON_TYPES.has(mediaType.trim().toLowerCase())) {
    const asJson = responseShape(['application/json', ...parameters].join(';'), firstBytes)
    return asJson === 'json' ? 'event-stream' : asJson
  }
  const shape = responseShape(contentType, firstBytes)
  if (shape === 'event-stream') return 'unknown'
  const isTold = responseShape(contentType, NO_BYTES) === 'json'
  return shape === 'json' && !isTold ? sniffLines(firstBytes) : shape
}

const NO_BYTES = new Uint8Array(0)

function sniffLines(firstBytes: Uint8Array): ResponseShape {
  const first = openNdjson()
    .push(firstBytes)
    .find(frame => frame.kind !== 'blank')
  if (first === undefined) return 'more'
  return first.kind === 'value' ? 'event-stream' : 'json'
}
