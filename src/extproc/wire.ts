import { WeirError } from '../errors.ts'

/** The parts of protobuf's wire format that ext_proc uses (https://protobuf.dev/programming-guides/encoding). */

const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const FIXED32 = 5

/**
 * Walks the fields of one message, in order. One object serves a whole walk, without a closure or an object per field:
 * this runs for every message of every exchange. Throws `bad-message` on anything that overruns its bounds.
 *
 *     const fields = new FieldReader(buffer, start, end)
 *     while (fields.next()) if (fields.number === 1) …
 */
export class FieldReader {
  readonly #buffer: Buffer
  readonly #end: number
  /** Position behind the field that was read last. */
  #at: number
  number = 0
  /** Of a varint; 0 for every other wire type. */
  value = 0
  /** Bounds of a length-delimited field; -1 for every other wire type. */
  start = -1
  end = -1

  constructor(buffer: Buffer, start: number, end: number) {
    this.#buffer = buffer
    this.#at = start
    this.#end = end
  }

  /** Reads the next field; false at the message's end. Fields of other wire types come without value and bounds. */
  next(): boolean {
    if (this.#at >= this.#end) return false
    const tag = this.#varint()
    this.number = tag >>> 3
    this.value = 0
    this.start = -1
    this.end = -1
    switch (tag & 7) {
      case BYTES: {
        const length = this.#varint()
        this.start = this.#at
        this.#at += length
        this.end = this.#at
        break
      }
      case VARINT:
        this.value = this.#varint()
        break
      case FIXED64:
        this.#at += 8
        break
      case FIXED32:
        this.#at += 4
        break
      default:
        throw new WeirError('bad-message', 'a field of an unknown protobuf wire type')
    }
    if (this.#at > this.#end) throw new WeirError('bad-message', 'a protobuf field runs past its message')
    return true
  }

  #varint(): number {
    const byte = this.#at < this.#end ? this.#buffer[this.#at]! : 0x80
    if (byte < 0x80) {
      this.#at += 1
      return byte
    }
    return this.#longVarint()
  }

  /** Values past 2^53 lose precision: no field that is read here goes so far. */
  #longVarint(): number {
    let value = 0
    let scale = 1
    for (let i = 0; i < 10 && this.#at < this.#end; i++) {
      const byte = this.#buffer[this.#at++]!
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
      scale *= 128
    }
    throw new WeirError('bad-message', 'a protobuf varint that does not end')
  }
}

/** A message or bytes field. An empty message is still written: its presence has a meaning in a oneof. */
export function bytesField(number: number, ...pieces: readonly Uint8Array[]): Buffer {
  let length = 0
  for (const piece of pieces) length += piece.byteLength
  const out = Buffer.allocUnsafe(varintSize((number << 3) | BYTES) + varintSize(length) + length)
  let at = writeVarint(out, 0, (number << 3) | BYTES)
  at = writeVarint(out, at, length)
  for (const piece of pieces) {
    out.set(piece, at)
    at += piece.byteLength
  }
  return out
}

export function stringField(number: number, text: string): Buffer {
  return bytesField(number, Buffer.from(text, 'utf8'))
}

export function varintField(number: number, value: number): Buffer {
  const out = Buffer.allocUnsafe(varintSize(number << 3) + varintSize(value))
  writeVarint(out, writeVarint(out, 0, number << 3), value)
  return out
}

export function varintSize(value: number): number {
  let size = 1
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size += 1
  return size
}

/** Writes an unsigned integer under 2^53; returns the position after it. */
export function writeVarint(out: Buffer, at: number, value: number): number {
  let rest = value
  let position = at
  while (rest >= 128) {
    out[position++] = (rest % 128) | 0x80
    rest = Math.floor(rest / 128)
  }
  out[position++] = rest
  return position
}
