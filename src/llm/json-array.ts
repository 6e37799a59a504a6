import type { Undecodable } from './format.ts'
import { HeldBytes } from './held-bytes.ts'
import { parseJson } from './json-body.ts'
import { applySplices, type JsonEdit, jsonSplices } from './json-edits.ts'

/** A piece of a JSON array that is sent element by element. */
export type ArrayFrame =
  /** What leads up to an element (the bracket or the comma, white space) and the element. */
  | { readonly kind: 'element'; readonly bytes: Uint8Array; readonly value: unknown }
  /** The closing bracket and the white space before it. */
  | { readonly kind: 'end'; readonly bytes: Uint8Array }
  /** White space after the closing bracket, or where a cut array had got to. */
  | { readonly kind: 'space'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'undecodable'
      readonly bytes: Uint8Array
      readonly reason: Extract<Undecodable, 'not-utf8' | 'not-json' | 'wrong-shape'>
    }

/**
 * Cuts the bytes of one JSON array (RFC 8259 in UTF-8; a leading byte order mark is tolerated) into its elements as
 * they come. The frames' bytes, in order, are the bytes pushed. An element goes as soon as its last byte is there: its
 * separator leads it, so that after any element an array can be continued or closed. What breaks the array makes all
 * of the rest undecodable, chunk by chunk. A frame may share memory with the chunk that completed it, so chunks must
 * not be changed afterwards.
 */
export interface JsonArrayFramer {
  push(chunk: Uint8Array): readonly ArrayFrame[]
  /** The stream is over: what is left, as a last frame. An array that never closed is not a fault of its own. */
  end(): readonly ArrayFrame[]
  /** Bytes held of the frame that is not complete yet. It has no cap of its own: the caller bounds it. */
  readonly buffered: number
}

export function openJsonArray(): JsonArrayFramer {
  return new Framer()
}

const BOM = [0xef, 0xbb, 0xbf]
const SPACES: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d])
const COMMA = 0x2c
const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_SQUARE = 0x5b
const CLOSE_SQUARE = 0x5d
/** Bit 5 is all that tells `{` from `[` and `}` from `]`. */
const CURLY_BIT = 0x20
const OPENING = 0x7b
const CLOSING = 0x7d
/** How a number, `true`, `false` or `null` begins. */
const SCALAR_START = /[-0-9tfn]/

/** Where the next byte stands; `first` is behind the bracket, `next` behind an element, `item` behind a comma. */
type Place = 'before' | 'first' | 'next' | 'item' | 'nested' | 'scalar' | 'ended' | 'broken'

/**
 * Every byte is looked at once and copied at most three times, whatever the chunking. An element that lies inside one
 * chunk, the usual case, is not copied at all.
 */
class Framer implements JsonArrayFramer {
  readonly #held = new HeldBytes()
  #place: Place = 'before'
  /** Bytes of a byte order mark seen; more than none and fewer than all: only its next byte may follow. */
  #bomBytes = 0
  /** Brackets open inside an element: 0 in a string that is an element, and, as the next two, between elements. */
  #depth = 0
  #inString = false
  /** Inside a string: the byte before was a backslash that counts. */
  #escaped = false

  get buffered(): number {
    return this.#held.length
  }

  push(chunk: Uint8Array): readonly ArrayFrame[] {
    const frames: ArrayFrame[] = []
    let start = 0
    let position = 0
    while (position < chunk.length) {
      const before = this.#place
      position = this.#advance(chunk, position)
      if (this.#place === before && before !== 'ended' && before !== 'broken') continue
      const frame = this.#frameAt(before, chunk.subarray(start, position))
      if (frame === undefined) continue
      frames.push(frame)
      start = position
    }
    if (start < chunk.length) this.#held.append(chunk.subarray(start))
    return frames
  }

  end(): readonly ArrayFrame[] {
    if (this.#held.length === 0) return []
    const bytes = this.#held.take(NO_BYTES)
    if (bytes.every(byte => SPACES.has(byte))) return [{ kind: 'space', bytes }]
    return [{ kind: 'undecodable', bytes, reason: 'not-json' }]
  }

  /** Reads on, at most to where one place becomes another; returns where. */
  #advance(chunk: Uint8Array, position: number): number {
    switch (this.#place) {
      case 'broken':
        return chunk.length
      case 'nested':
        return this.#throughNested(chunk, position)
      case 'scalar':
        return this.#throughScalar(chunk, position)
      default:
        return this.#between(chunk, position)
    }
  }

  /** The frame that ends where `before` became another place, if one does. */
  #frameAt(before: Place, tail: Uint8Array): ArrayFrame | undefined {
    switch (this.#place) {
      case 'broken':
        return { kind: 'undecodable', bytes: this.#held.take(tail), reason: 'not-json' }
      case 'ended':
        return { kind: before === 'ended' ? 'space' : 'end', bytes: this.#held.take(tail) }
      case 'next':
        return this.#readElement(this.#held.length === 0 ? tail : this.#held.take(tail))
      default:
        return undefined
    }
  }

  #readElement(bytes: Uint8Array): ArrayFrame {
    let text: string
    try {
      text = utf8.decode(bytes)
    } catch {
      this.#place = 'broken'
      return { kind: 'undecodable', bytes, reason: 'not-utf8' }
    }
    const json = parseJson(text.slice(leadLength(text)))
    if (json.kind === 'ok') return { kind: 'element', bytes, value: json.value }
    this.#place = 'broken'
    return { kind: 'undecodable', bytes, reason: json.reason === 'wrong-shape' ? 'wrong-shape' : 'not-json' }
  }

  /** Outside elements: white space, and one byte that leads to another place. */
  #between(chunk: Uint8Array, from: number): number {
    let position = from
    while (position < chunk.length && SPACES.has(chunk[position]!) && this.#mayHaveSpace()) position++
    if (position === chunk.length || (this.#place === 'ended' && position > from)) return position
    const byte = chunk[position]!
    const next = this.#after(byte)
    // The first byte of an element is read as part of it.
    const isElement = next === 'nested' || next === 'scalar'
    this.#place = next
    return isElement ? position : position + 1
  }

  /** A byte order mark must lead, and be whole. */
  #mayHaveSpace(): boolean {
    if (this.#place !== 'before') return true
    if (this.#bomBytes > 0 && this.#bomBytes < BOM.length) return false
    this.#bomBytes = BOM.length
    return true
  }

  #after(byte: number): Place {
    switch (this.#place) {
      case 'before':
        if (this.#bomBytes < BOM.length && byte === BOM[this.#bomBytes]) {
          this.#bomBytes++
          return 'before'
        }
        return byte === OPEN_SQUARE && this.#bomBytes % BOM.length === 0 ? 'first' : 'broken'
      case 'first':
        return byte === CLOSE_SQUARE ? 'ended' : this.#elementAt(byte)
      case 'next':
        if (byte === CLOSE_SQUARE) return 'ended'
        return byte === COMMA ? 'item' : 'broken'
      case 'item':
        return this.#elementAt(byte)
      default:
        return 'broken'
    }
  }

  #elementAt(byte: number): Place {
    if (byte === QUOTE || (byte | CURLY_BIT) === OPENING) return 'nested'
    return SCALAR_START.test(String.fromCharCode(byte)) ? 'scalar' : 'broken'
  }

  /** An object, an array or a string: to the byte behind it. Which bracket closes which is the parser's to judge. */
  #throughNested(chunk: Uint8Array, from: number): number {
    for (let position = from; position < chunk.length; position++) {
      const byte = chunk[position]!
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false
        else if (byte === BACKSLASH) this.#escaped = true
        else if (byte === QUOTE) this.#inString = false
        else continue
      } else if (byte === QUOTE) this.#inString = true
      else if ((byte | CURLY_BIT) === OPENING) this.#depth++
      else if ((byte | CURLY_BIT) === CLOSING) this.#depth--
      else continue
      if (this.#depth === 0 && !this.#inString) {
        this.#place = 'next'
        return position + 1
      }
    }
    return chunk.length
  }

  /** A number or a word ends where something else begins. */
  #throughScalar(chunk: Uint8Array, from: number): number {
    for (let position = from; position < chunk.length; position++) {
      const byte = chunk[position]!
      if (byte !== COMMA && byte !== CLOSE_SQUARE && !SPACES.has(byte)) continue
      this.#place = 'next'
      return position
    }
    return chunk.length
  }
}

const NO_BYTES = new Uint8Array(0)

/** Elements are whole, so no character is ever split over two decodes. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Exactly one bracket or comma leads an element: a bracket behind it is the element's own. */
const LEAD = /^\uFEFF?[ \t\r\n]*[[,][ \t\r\n]*/

function leadLength(text: string): number {
  return LEAD.exec(text)?.[0].length ?? 0
}

/**
 * The bytes of an `element` frame with its element edited and every other byte as it was. Paths begin at the element.
 */
export function editArrayElement(bytes: Uint8Array, edits: readonly JsonEdit[]): Uint8Array {
  const text = utf8.decode(bytes)
  return new TextEncoder().encode(applySplices(text, jsonSplices(text, leadLength(text), edits)))
}
