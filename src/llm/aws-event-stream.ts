import { WeirError } from '../errors.ts'
import { HeldBytes } from './held-bytes.ts'

/**
 * One message of an `application/vnd.amazon.eventstream` body with its exact bytes:
 * u32 total length, u32 headers length, u32 CRC of those eight bytes, headers, payload, u32 CRC of all before
 * (https://smithy.io/2.0/aws/amazon-eventstream.html).
 */
export type AwsFrame =
  | {
      readonly kind: 'message'
      readonly bytes: Uint8Array
      /** The headers that are strings, as all of Bedrock's are. */
      readonly headers: ReadonlyMap<string, string>
      readonly payload: Uint8Array
    }
  | { readonly kind: 'undecodable'; readonly bytes: Uint8Array; readonly reason: 'not-event-stream' }

/**
 * Cuts the bytes of such a body into frames. The frames' bytes, in order, are the bytes pushed, and they do not depend
 * on how those were cut. A frame may share memory with the chunk that completed it, so chunks must not be changed
 * afterwards.
 *
 * A length that cannot be believed (its CRC is wrong, or it is absurd) is one undecodable frame, of the twelve bytes
 * that say it. Nothing tells where the next frame begins: what follows is held until the end, and is one undecodable
 * frame then. A frame whose length holds but whose content does not is one undecodable frame, and the stream goes on.
 */
export interface AwsEventStreamFramer {
  push(chunk: Uint8Array): readonly AwsFrame[]
  /** The bytes of a frame that was cut, as one undecodable frame. */
  end(): readonly AwsFrame[]
  /** Bytes held of the frame that is not complete yet. It has no cap of its own: the caller bounds it. */
  readonly buffered: number
}

export function openAwsEventStream(): AwsEventStreamFramer {
  return new Framer()
}

const LENGTHS = 8
const CRC = 4
const PRELUDE = LENGTHS + CRC
const OVERHEAD = PRELUDE + CRC
/** The bounds that AWS gives its own readers and writers. */
const MAX_FRAME = 24 * 1024 * 1024
const MAX_HEADERS = 128 * 1024

class Framer implements AwsEventStreamFramer {
  readonly #held = new HeldBytes()
  /** Bytes of the current frame that the next step needs: its prelude, then all of it; never enough once lost. */
  #wanted = PRELUDE

  get buffered(): number {
    return this.#held.length
  }

  push(chunk: Uint8Array): readonly AwsFrame[] {
    const frames: AwsFrame[] = []
    let start = 0
    for (;;) {
      const end = start + this.#wanted - this.#held.length
      if (end > chunk.length) break
      const frame = this.#wanted === PRELUDE ? this.#begin(chunk, start, end) : this.#cut(chunk, start, end)
      if (frame !== undefined) {
        frames.push(frame)
        start = end
      }
    }
    if (start < chunk.length) this.#held.append(chunk.subarray(start))
    return frames
  }

  end(): readonly AwsFrame[] {
    return this.#held.length === 0 ? [] : [undecodable(this.#held.take(NO_BYTES))]
  }

  /** The prelude is here: says how much more the frame needs. A frame only where there can be none. */
  #begin(chunk: Uint8Array, start: number, end: number): AwsFrame | undefined {
    const prelude = this.#held.with(chunk.subarray(start, end))
    const total = frameLength(prelude)
    this.#wanted = total ?? Number.POSITIVE_INFINITY
    return total === undefined ? undecodable(this.#held.take(chunk.subarray(start, end))) : undefined
  }

  #cut(chunk: Uint8Array, start: number, end: number): AwsFrame {
    this.#wanted = PRELUDE
    return readAwsFrame(this.#held.take(chunk.subarray(start, end)))
  }
}

const NO_BYTES = new Uint8Array(0)

export function concatBytes(pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0))
  let position = 0
  for (const piece of pieces) {
    all.set(piece, position)
    position += piece.length
  }
  return all
}

function undecodable(bytes: Uint8Array): AwsFrame {
  return { kind: 'undecodable', bytes, reason: 'not-event-stream' }
}

/** The length of the frame that begins with this prelude; undefined where it says none that can be. */
function frameLength(bytes: Uint8Array): number | undefined {
  const view = viewOf(bytes)
  const total = view.getUint32(0)
  const headers = view.getUint32(4)
  const holds = view.getUint32(LENGTHS) === crc32(bytes.subarray(0, LENGTHS))
  const isSane = total <= MAX_FRAME && headers <= MAX_HEADERS && headers + OVERHEAD <= total
  return holds && isSane ? total : undefined
}

/** Whether a body that begins so is of this kind. */
export function startsAwsEventStream(firstBytes: Uint8Array): 'yes' | 'no' | 'more' {
  // Lengths stay under 2^24 (and a bit), so a frame begins with a byte that no text begins with.
  if (firstBytes.length > 0 && firstBytes[0]! > 1) return 'no'
  if (firstBytes.length < PRELUDE) return 'more'
  return frameLength(firstBytes) === undefined ? 'no' : 'yes'
}

/** Exactly one frame. Both CRCs are checked. */
export function readAwsFrame(bytes: Uint8Array): AwsFrame {
  if (bytes.length < OVERHEAD || frameLength(bytes) !== bytes.length) return undecodable(bytes)
  const view = viewOf(bytes)
  const content = bytes.length - CRC
  if (view.getUint32(content) !== crc32(bytes.subarray(0, content))) return undecodable(bytes)
  const payloadStart = PRELUDE + view.getUint32(4)
  const headers = readHeaders(bytes.subarray(PRELUDE, payloadStart))
  if (headers === undefined) return undecodable(bytes)
  return { kind: 'message', bytes, headers, payload: bytes.subarray(payloadStart, content) }
}

const STRING = 7
/** Bytes of the values that have a length of their own, by type: true, false, i8, i16, i32, i64, -, -, time, uuid. */
const FIXED_LENGTHS: readonly (number | undefined)[] = [0, 0, 1, 2, 4, 8, undefined, undefined, 8, 16]
const BYTE_ARRAY = 6

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Undefined where they do not end where they should, or where readers could differ: a name that stands twice. */
function readHeaders(bytes: Uint8Array): ReadonlyMap<string, string> | undefined {
  const names = new Set<string>()
  const strings = new Map<string, string>()
  const view = viewOf(bytes)
  let position = 0
  try {
    while (position < bytes.length) {
      const nameEnd = position + 1 + view.getUint8(position)
      const name = utf8.decode(bytes.subarray(position + 1, nameEnd))
      const type = view.getUint8(nameEnd)
      const isSized = type === STRING || type === BYTE_ARRAY
      const start = nameEnd + 1 + (isSized ? 2 : 0)
      const length = isSized ? view.getUint16(nameEnd + 1) : FIXED_LENGTHS[type]
      if (length === undefined || start + length > bytes.length || names.has(name)) return undefined
      names.add(name)
      position = start + length
      if (type === STRING) strings.set(name, utf8.decode(bytes.subarray(start, position)))
    }
  } catch {
    // Past the end of the headers, or not UTF-8.
    return undefined
  }
  return strings
}

const encoder = new TextEncoder()

/** A frame of our own. Names have at most 255 bytes, values at most 32,767. */
export function encodeAwsFrame(headers: Readonly<Record<string, string>>, payload: Uint8Array): Uint8Array {
  const pieces = Object.entries(headers).map(([name, value]) => {
    const [nameBytes, valueBytes] = [encoder.encode(name), encoder.encode(value)]
    if (nameBytes.length > 0xff || valueBytes.length > 0x7fff) {
      throw new WeirError('bug', 'a header of an event stream message is too long')
    }
    const type = [STRING, valueBytes.length >> 8, valueBytes.length & 0xff]
    return concatBytes([Uint8Array.of(nameBytes.length), nameBytes, Uint8Array.from(type), valueBytes])
  })
  return seal(concatBytes(pieces), payload)
}

/** The frame with another payload: its headers stay as they are, lengths and CRCs follow. */
export function withPayload(frame: Uint8Array, payload: Uint8Array): Uint8Array {
  const headers = frame.subarray(PRELUDE, PRELUDE + viewOf(frame).getUint32(4))
  return seal(headers, payload)
}

function seal(headers: Uint8Array, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(OVERHEAD + headers.length + payload.length)
  const view = viewOf(bytes)
  view.setUint32(0, bytes.length)
  view.setUint32(4, headers.length)
  view.setUint32(LENGTHS, crc32(bytes.subarray(0, LENGTHS)))
  bytes.set(headers, PRELUDE)
  bytes.set(payload, PRELUDE + headers.length)
  const content = bytes.length - CRC
  view.setUint32(content, crc32(bytes.subarray(0, content)))
  return bytes
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** CRC-32 as in IEEE 802.3, reflected, one step a byte. */
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
  return value
})

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (let i = 0; i < bytes.length; i++) crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ bytes[i]!) & 0xff]!
  return (crc ^ 0xffffffff) >>> 0
}
