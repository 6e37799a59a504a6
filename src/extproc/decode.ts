import type { BodyMode, HeaderReader, MessageEvent, Side } from '../exchange/events.ts'
import {
  bytesStart,
  bytesTag,
  fieldEnd,
  lastField,
  lastVarint,
  spells,
  tagAt,
  varintTag,
  varintValue,
} from './wire.ts'

/**
 * One ProcessingRequest as the exchange wants it. Written by hand for the fields that are used, since this runs for
 * every chunk: headers and attributes are looked into only when asked for, and no string is made for a key. Field
 * numbers are those of proto/envoy/service/ext_proc/v3/external_processor.proto; tests decode the same bytes with
 * both. Of a field that stands more than once the last one counts; with another wire type it is an unknown one.
 */
export interface ProcessingRequest {
  /** Undefined for a message without a phase, which is to be ignored. */
  readonly event: MessageEvent | undefined
  readonly observabilityMode: boolean
  /** In the first message of a call, from Envoy 1.33 on. */
  readonly protocol: ProtocolConfiguration | undefined
}

export interface ProtocolConfiguration {
  readonly requestBodyMode: BodyMode
  readonly responseBodyMode: BodyMode
  readonly sendsBodyBeforeHeaderReply: boolean
}

/** ProcessingMode.BodySendMode by number. */
export const BODY_MODES: readonly BodyMode[] = [
  'none',
  'streamed',
  'buffered',
  'buffered-partial',
  'full-duplex',
  'grpc',
]

/** Positions in the message, in pairs: start, end. At most two numbers a byte of it, and gRPC bounds its length. */
type Positions = readonly number[]

const NO_BYTES = new Uint8Array(0)
const NO_POSITIONS: Positions = []

// ProcessingRequest
const REQUEST_HEADERS = bytesTag(2)
const RESPONSE_HEADERS = bytesTag(3)
const REQUEST_BODY = bytesTag(4)
const RESPONSE_BODY = bytesTag(5)
const REQUEST_TRAILERS = bytesTag(6)
const RESPONSE_TRAILERS = bytesTag(7)
const ATTRIBUTES = bytesTag(9)
const OBSERVABILITY_MODE = varintTag(10)
const PROTOCOL_CONFIG = bytesTag(11)

/**
 * Throws `bad-message` on bytes that are not a ProcessingRequest. What it returns reads from `message`, which must
 * not change: a body is a view of it, and what is broken inside headers or attributes shows when they are first read.
 */
export function decodeProcessingRequest(message: Buffer): ProcessingRequest {
  const length = message.byteLength
  /** Where the fields stand in the message; -1 before they are found. */
  let phase = -1
  let phaseEnd = -1
  let protocol = -1
  let attributes: number[] | undefined
  let observabilityMode = false
  for (let at = 0, next = 0; at < length; at = next) {
    next = fieldEnd(message, at, length)
    switch (tagAt(message, at)) {
      case REQUEST_HEADERS:
      case RESPONSE_HEADERS:
      case REQUEST_BODY:
      case RESPONSE_BODY:
      case REQUEST_TRAILERS:
      case RESPONSE_TRAILERS:
        phase = at
        phaseEnd = next
        break
      case ATTRIBUTES:
        attributes ??= []
        attributes.push(bytesStart(message, at), next)
        break
      case OBSERVABILITY_MODE:
        observabilityMode = varintValue(message, at) !== 0
        break
      case PROTOCOL_CONFIG:
        protocol = at
        break
    }
  }
  return {
    event: phase < 0 ? undefined : decodeEvent(message, phase, phaseEnd, attributes ?? NO_POSITIONS),
    observabilityMode,
    protocol: protocol < 0 ? undefined : decodeProtocol(message, protocol),
  }
}

function decodeEvent(message: Buffer, at: number, end: number, attributes: Positions): MessageEvent {
  const start = bytesStart(message, at)
  switch (tagAt(message, at)) {
    case REQUEST_HEADERS:
      return decodeHeaders(message, 'request', start, end, attributes)
    case RESPONSE_HEADERS:
      return decodeHeaders(message, 'response', start, end, attributes)
    case REQUEST_BODY:
      return decodeBody(message, 'request', start, end)
    case RESPONSE_BODY:
      return decodeBody(message, 'response', start, end)
    case REQUEST_TRAILERS:
      return { kind: 'trailers', side: 'request' }
    default:
      return { kind: 'trailers', side: 'response' }
  }
}

// HttpHeaders
const HEADERS_MAP = bytesTag(1)
const HEADERS_END_OF_STREAM = varintTag(3)

function decodeHeaders(
  message: Buffer,
  side: Side,
  start: number,
  end: number,
  attributes: Positions,
): MessageEvent {
  const map = lastField(message, HEADERS_MAP, start, end)
  const range = map < 0 ? NO_POSITIONS : [bytesStart(message, map), fieldEnd(message, map, end)]
  return {
    kind: 'headers',
    side,
    headers: new HeaderMapReader(message, range),
    attributes: new AttributeReader(message, attributes),
    endOfStream: lastVarint(message, HEADERS_END_OF_STREAM, start, end) !== 0,
  }
}

// HttpBody
const BODY_BYTES = bytesTag(1)
const BODY_END_OF_STREAM = varintTag(2)
const BODY_END_WITHOUT_MESSAGE = varintTag(3)

function decodeBody(message: Buffer, side: Side, start: number, end: number): MessageEvent {
  let bodyStart = 0
  let bodyEnd = 0
  let ends = false
  let endsWithoutMessage = false
  for (let at = start, next = 0; at < end; at = next) {
    next = fieldEnd(message, at, end)
    const tag = tagAt(message, at)
    if (tag === BODY_BYTES) {
      bodyStart = bytesStart(message, at)
      bodyEnd = next
    } else if (tag === BODY_END_OF_STREAM) ends = varintValue(message, at) !== 0
    else if (tag === BODY_END_WITHOUT_MESSAGE) endsWithoutMessage = varintValue(message, at) !== 0
  }
  const body = bodyEnd > bodyStart ? message.subarray(bodyStart, bodyEnd) : NO_BYTES
  return { kind: 'body', side, body, endOfStream: ends || endsWithoutMessage }
}

// ProtocolConfiguration
const REQUEST_BODY_MODE = varintTag(1)
const RESPONSE_BODY_MODE = varintTag(2)
const SENDS_BODY_EARLY = varintTag(3)

function decodeProtocol(message: Buffer, at: number): ProtocolConfiguration {
  const start = bytesStart(message, at)
  const end = fieldEnd(message, at, message.byteLength)
  return {
    requestBodyMode: BODY_MODES[lastVarint(message, REQUEST_BODY_MODE, start, end)] ?? 'none',
    responseBodyMode: BODY_MODES[lastVarint(message, RESPONSE_BODY_MODE, start, end)] ?? 'none',
    sendsBodyBeforeHeaderReply: lastVarint(message, SENDS_BODY_EARLY, start, end) !== 0,
  }
}

// HeaderMap and HeaderValue
const HEADER = bytesTag(1)
const HEADER_KEY = bytesTag(1)
const HEADER_VALUE = bytesTag(2)
const HEADER_RAW_VALUE = bytesTag(3)

/** A HeaderMap read in place. A header that stands more than once is joined with commas, as in RFC 9110. */
class HeaderMapReader implements HeaderReader {
  readonly #message: Buffer
  /** Of the map's fields; empty when there is no map. */
  readonly #range: Positions
  /** Key and value of each header. Made once: a walk costs as much as ten look-ups, and several are asked for. */
  #index: Positions | undefined

  constructor(message: Buffer, range: Positions) {
    this.#message = message
    this.#range = range
  }

  get(name: string): string | undefined {
    const message = this.#message
    this.#index ??= indexHeaders(message, this.#range)
    const index = this.#index
    let found: string | undefined
    for (let i = 0; i < index.length; i += 4) {
      if (!spells(message, index[i]!, index[i + 1]!, name)) continue
      const value = message.toString('utf8', index[i + 2], index[i + 3])
      found = found === undefined ? value : `${found},${value}`
    }
    return found
  }
}

function indexHeaders(message: Buffer, [start = 0, end = 0]: Positions): Positions {
  const index: number[] = []
  for (let at = start, next = 0; at < end; at = next) {
    next = fieldEnd(message, at, end)
    if (tagAt(message, at) === HEADER) indexHeader(message, bytesStart(message, at), next, index)
  }
  return index
}

/** Envoy sends `raw_value`; `value` is its older twin. */
function indexHeader(message: Buffer, start: number, end: number, index: number[]): void {
  let keyStart = 0
  let keyEnd = 0
  let valueStart = 0
  let valueEnd = 0
  let rawStart = 0
  let rawEnd = 0
  for (let at = start, next = 0; at < end; at = next) {
    next = fieldEnd(message, at, end)
    const tag = tagAt(message, at)
    if (tag === HEADER_KEY) {
      keyStart = bytesStart(message, at)
      keyEnd = next
    } else if (tag === HEADER_VALUE) {
      valueStart = bytesStart(message, at)
      valueEnd = next
    } else if (tag === HEADER_RAW_VALUE) {
      rawStart = bytesStart(message, at)
      rawEnd = next
    }
  }
  if (rawEnd > rawStart) index.push(keyStart, keyEnd, rawStart, rawEnd)
  else index.push(keyStart, keyEnd, valueStart, valueEnd)
}

// `map<string, Struct>`, Struct `{ map<string, Value> fields = 1 }`, and maps as messages `{ key = 1, value = 2 }`
const STRUCT_MEMBER = bytesTag(1)
const MAP_KEY = bytesTag(1)
const MAP_VALUE = bytesTag(2)
const STRING_VALUE = bytesTag(3)

/** The attributes that are strings. Envoy puts all attributes into one Struct under the filter's name. */
class AttributeReader implements HeaderReader {
  readonly #message: Buffer
  /** The entries of the outer map. */
  readonly #entries: Positions

  constructor(message: Buffer, entries: Positions) {
    this.#message = message
    this.#entries = entries
  }

  get(name: string): string | undefined {
    const message = this.#message
    let found: string | undefined
    for (let i = 0; i < this.#entries.length; i += 2) {
      const entryEnd = this.#entries[i + 1]!
      const struct = lastField(message, MAP_VALUE, this.#entries[i]!, entryEnd)
      if (struct < 0) continue
      const end = fieldEnd(message, struct, entryEnd)
      for (let at = bytesStart(message, struct), next = 0; at < end; at = next) {
        next = fieldEnd(message, at, end)
        if (tagAt(message, at) !== STRUCT_MEMBER) continue
        found = stringMember(message, bytesStart(message, at), next, name) ?? found
      }
    }
    return found
  }
}

/** The value of a Struct's member if that is `name` and a string. */
function stringMember(message: Buffer, start: number, end: number, name: string): string | undefined {
  const key = lastField(message, MAP_KEY, start, end)
  const value = lastField(message, MAP_VALUE, start, end)
  if (key < 0 || value < 0) return undefined
  if (!spells(message, bytesStart(message, key), fieldEnd(message, key, end), name)) return undefined
  const valueEnd = fieldEnd(message, value, end)
  const text = lastField(message, STRING_VALUE, bytesStart(message, value), valueEnd)
  return text < 0
    ? undefined
    : message.toString('utf8', bytesStart(message, text), fieldEnd(message, text, valueEnd))
}
