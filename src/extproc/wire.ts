import { WeirError } from '../errors.ts'

/** The parts of protobuf's wire format that ext_proc uses (https://protobuf.dev/programming-guides/encoding). */

const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const FIXED32 = 5

/** What a reader's visitor gets for one field; `start` and `end` bound the bytes of a length-delimited one. */
export interface Field {
  number: number
  /** Of a varint; 0 for every other wire type. */
  value: number
  start: number
  /** `start` of anything but bytes is -1. */
  end: number
}

/**
 * Walks the fields of the message between `at` and `end`, in order. Fields of other wire types are stepped over.
 * The same Field object is reused for every call. Throws `bad-message` on anything that overruns its bounds.
 */
export function readFields(buffer: Buffer, at: number, end: number, visit: (field: Field) => void): void {
  const field: Field = { number: 0, value: 0, start: -1, end: -1 }
  const cursor = { at }
  while (cursor.at < end) {
    const tag = readVarint(buffer, cursor, end)
    field.number = tag >>> 3
    field.value = 0
    field.start = -1
    field.end = -1
    switch (tag & 7) {
      case VARINT:
        field.value = readVarint(buffer, cursor, end)
        break
      case BYTES: {
        const length = readVarint(buffer, cursor, end)
        field.start = cursor.at
        field.end = cursor.at + length
        cursor.at = field.end
        break
      }
      case FIXED64:
        cursor.at += 8
        break
      case FIXED32:
        cursor.at += 4
        break
      default:
        throw new WeirError('bad-message', 'a field of an unknown protobuf wire type')
    }
    if (cursor.at > end) throw new WeirError('bad-message', 'a protobuf field runs past its message')
    visit(field)
  }
}

/** Values past 2^53 lose precision: no field that is read here goes so far. */
function readVarint(buffer: Buffer, cursor: { at: number }, end: number): number {
  let value = 0
  let scale = 1
  for (let i = 0; i < 10; i++) {
    if (cursor.at >= end) break
    const byte = buffer[cursor.at++]!
    value += (byte & 0x7f) * scale
    if (byte < 0x80) return value
    scale *= 128
  }
  throw new WeirError('bad-message', 'a protobuf varint that does not end')
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
