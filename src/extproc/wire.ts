import { WeirError } from '../errors.ts'

/**
 * The parts of protobuf's wire format that ext_proc uses (https://protobuf.dev/programming-guides/encoding).
 *
 * Messages are read by position, with no object, closure or string per field. The loop for any message that stands
 * from `start` to `end`:
 *
 *     for (let at = start, next = 0; at < end; at = next) {
 *       next = fieldEnd(bytes, at, end)
 *       // tagAt(bytes, at) says which field; its content is varintValue(bytes, at), or the bytes from
 *       // bytesStart(bytes, at) to next
 *     }
 *
 * `fieldEnd` checks the field whole and comes first: the other three believe what it has seen. After it
 * `at < next <= end`, so that the loop ends and takes nothing from beyond its message.
 */

const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const FIXED32 = 5

/** What stands before a varint field of this number. The same number with another wire type is another tag. */
export const varintTag = (number: number): number => (number << 3) | VARINT
/** What stands before a length-delimited field of this number: bytes, a string, a message. */
export const bytesTag = (number: number): number => (number << 3) | BYTES

/**
 * The position after the field at `at`. Throws `bad-message` when that is past `end`, on a varint that does not end,
 * on groups and on wire types that do not exist.
 *
 * Tags and lengths are read without regard to `end`: one that goes on past it puts `next` past it too, so that a
 * single check stops everything. Past the buffer there is undefined, which is not below 0x80: a varint never ends
 * there. Lengths of one and two bytes are read in place, in a function small enough to be inlined: by way of
 * `longFieldEnd` twelve headers take 1.8 times as long, a body chunk 1.4 times.
 */
export function fieldEnd(bytes: Uint8Array, at: number, end: number): number {
  let next: number
  const length = bytes[at + 1]!
  if ((bytes[at]! & 0x87) !== BYTES) next = longFieldEnd(bytes, at)
  else if (length < 0x80) next = at + 2 + length
  else {
    const high = bytes[at + 2]!
    next = high < 0x80 ? at + 3 + ((high << 7) | (length & 0x7f)) : longFieldEnd(bytes, at)
  }
  if (next > end) refuse('a protobuf field runs past its message')
  return next
}

/** The tag of the field at `at`. */
export function tagAt(bytes: Uint8Array, at: number): number {
  const tag = bytes[at]!
  return tag < 0x80 ? tag : varintAt(bytes, at)
}

/** Where the bytes of the length-delimited field at `at` begin. They end with the field. */
export function bytesStart(bytes: Uint8Array, at: number): number {
  if (bytes[at]! < 0x80) {
    if (bytes[at + 1]! < 0x80) return at + 2
    if (bytes[at + 2]! < 0x80) return at + 3
  }
  return varintEnd(bytes, varintEnd(bytes, at))
}

/** The value of the varint field at `at`, or 2^32 - 1 if it is greater. */
export function varintValue(bytes: Uint8Array, at: number): number {
  return varintAt(bytes, varintEnd(bytes, at))
}

/** The position of the last field with this tag between `start` and `end`, or -1. Not for hot paths. */
export function lastField(bytes: Uint8Array, tag: number, start: number, end: number): number {
  let last = -1
  for (let at = start, next = 0; at < end; at = next) {
    next = fieldEnd(bytes, at, end)
    if (tagAt(bytes, at) === tag) last = at
  }
  return last
}

/** The value of the last varint field with this tag between `start` and `end`, or 0. Not for hot paths. */
export function lastVarint(bytes: Uint8Array, tag: number, start: number, end: number): number {
  const at = lastField(bytes, tag, start, end)
  return at < 0 ? 0 : varintValue(bytes, at)
}

/** Whether the bytes between `start` and `end` are `text`, which is ASCII. Makes no string. */
export function spells(bytes: Uint8Array, start: number, end: number, text: string): boolean {
  if (end - start !== text.length) return false
  for (let i = 0; i < text.length; i++) {
    if (bytes[start + i] !== text.charCodeAt(i)) return false
  }
  return true
}

/** `fieldEnd` for every kind of field, without its last check. */
function longFieldEnd(bytes: Uint8Array, at: number): number {
  const tag = varintAt(bytes, at)
  const payload = varintEnd(bytes, at)
  switch (tag & 7) {
    case BYTES: {
      const length = varintAt(bytes, payload)
      return varintEnd(bytes, payload) + length
    }
    case VARINT:
      varintAt(bytes, payload)
      return varintEnd(bytes, payload)
    case FIXED64:
      return payload + 8
    case FIXED32:
      return payload + 4
    default:
      return refuse('a field of an unknown protobuf wire type')
  }
}

/**
 * The varint at `at`, or 2^32 - 1 if it is greater: as a tag or a length that is refused, as an enum it is unknown, as
 * a bool it is true, and nothing else is read here. Throws when it has more than 10 bytes.
 */
function varintAt(bytes: Uint8Array, at: number): number {
  let value = 0
  for (let i = 0, shift = 0; i < 10; i++, shift += 7) {
    const byte = bytes[at + i]!
    const bits = byte & 0x7f
    if (shift < 28 || (shift === 28 && bits < 16)) value = (value | (bits << shift)) >>> 0
    else if (bits !== 0) value = 0xffff_ffff
    if (byte < 0x80) return value
  }
  return refuse('a protobuf varint that does not end')
}

/** The position after the varint at `at`, which `varintAt` has found to end. */
function varintEnd(bytes: Uint8Array, at: number): number {
  let last = at
  while (bytes[last]! >= 0x80) last += 1
  return last + 1
}

function refuse(why: string): never {
  throw new WeirError('bad-message', why)
}

/** A message or bytes field. An empty message is still written: its presence has a meaning in a oneof. */
export function bytesField(number: number, ...pieces: readonly Uint8Array[]): Buffer {
  let length = 0
  for (const piece of pieces) length += piece.byteLength
  const out = Buffer.allocUnsafe(varintSize(bytesTag(number)) + varintSize(length) + length)
  let at = writeVarint(out, 0, bytesTag(number))
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
  const out = Buffer.allocUnsafe(varintSize(varintTag(number)) + varintSize(value))
  writeVarint(out, writeVarint(out, 0, varintTag(number)), value)
  return out
}

/** How many bytes `writeVarint` takes. */
export function varintSize(value: number): number {
  let size = 1
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) size += 1
  return size
}

/** Writes an unsigned integer under 2^32; returns the position after it. */
export function writeVarint(out: Buffer, at: number, value: number): number {
  let rest = value
  let position = at
  while (rest >= 128) {
    out[position++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  out[position++] = rest
  return position
}
