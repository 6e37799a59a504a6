import type { BodyMode, ExchangeEvent, HeaderReader, Side } from '../exchange/events.ts'
import { FieldReader } from './wire.ts'

/**
 * One ProcessingRequest as the exchange wants it. Written by hand for the fields that are used: headers and
 * attributes are read only when asked for. Field numbers are those of
 * proto/envoy/service/ext_proc/v3/external_processor.proto; tests decode the same bytes with a second codec.
 */
export interface ProcessingRequest {
  /** Undefined for a message without a phase, which is to be ignored. */
  readonly event: Extract<ExchangeEvent, { kind: 'headers' | 'body' | 'trailers' }> | undefined
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

const NO_BYTES = new Uint8Array(0)

export function decodeProcessingRequest(message: Buffer): ProcessingRequest {
  const fields = new FieldReader(message, 0, message.byteLength)
  let phase = 0
  let start = 0
  let end = 0
  let attributes: number[] | undefined
  let observabilityMode = false
  let protocol: ProtocolConfiguration | undefined
  while (fields.next()) {
    const { number } = fields
    if (fields.start >= 0) {
      if (number >= 2 && number <= 7) {
        phase = number
        start = fields.start
        end = fields.end
      } else if (number === 9) {
        attributes ??= []
        attributes.push(fields.start, fields.end)
      } else if (number === 11) protocol = decodeProtocol(message, fields.start, fields.end)
    } else if (number === 10) observabilityMode = fields.value !== 0
  }
  return { event: decodeEvent(message, phase, start, end, attributes), observabilityMode, protocol }
}

function decodeEvent(
  message: Buffer,
  phase: number,
  start: number,
  end: number,
  attributes: readonly number[] | undefined,
): ProcessingRequest['event'] {
  const side: Side = phase % 2 === 0 ? 'request' : 'response'
  switch (phase) {
    case 2:
    case 3:
      return decodeHeaders(message, side, start, end, attributes)
    case 4:
    case 5:
      return decodeBody(message, side, start, end)
    case 6:
    case 7:
      return { kind: 'trailers', side }
    default:
      return undefined
  }
}

function decodeHeaders(
  message: Buffer,
  side: Side,
  start: number,
  end: number,
  attributes: readonly number[] = [],
): ProcessingRequest['event'] {
  const fields = new FieldReader(message, start, end)
  let mapStart = 0
  let mapEnd = 0
  let endOfStream = false
  while (fields.next()) {
    if (fields.number === 1 && fields.start >= 0) {
      mapStart = fields.start
      mapEnd = fields.end
    } else if (fields.number === 3) endOfStream = fields.value !== 0
  }
  return {
    kind: 'headers',
    side,
    headers: new HeaderMapReader(message, mapStart, mapEnd),
    attributes: new AttributeReader(message, attributes),
    endOfStream,
  }
}

function decodeBody(message: Buffer, side: Side, start: number, end: number): ProcessingRequest['event'] {
  const fields = new FieldReader(message, start, end)
  let body: Uint8Array = NO_BYTES
  let endOfStream = false
  while (fields.next()) {
    if (fields.start >= 0) {
      if (fields.number === 1) body = message.subarray(fields.start, fields.end)
    } else if (fields.number === 2 || fields.number === 3) endOfStream ||= fields.value !== 0
  }
  return { kind: 'body', side, body, endOfStream }
}

function decodeProtocol(message: Buffer, start: number, end: number): ProtocolConfiguration {
  const fields = new FieldReader(message, start, end)
  let request = 0
  let response = 0
  let early = false
  while (fields.next()) {
    if (fields.number === 1) request = fields.value
    else if (fields.number === 2) response = fields.value
    else if (fields.number === 3) early = fields.value !== 0
  }
  return {
    requestBodyMode: BODY_MODES[request] ?? 'none',
    responseBodyMode: BODY_MODES[response] ?? 'none',
    sendsBodyBeforeHeaderReply: early,
  }
}

/** A HeaderMap read in place. A header that stands more than once is joined with commas, as in RFC 9110. */
class HeaderMapReader implements HeaderReader {
  readonly #message: Buffer
  readonly #start: number
  readonly #end: number

  constructor(message: Buffer, start: number, end: number) {
    this.#message = message
    this.#start = start
    this.#end = end
  }

  get(name: string): string | undefined {
    const entries = new FieldReader(this.#message, this.#start, this.#end)
    let found: string | undefined
    while (entries.next()) {
      if (entries.number !== 1 || entries.start < 0) continue
      const value = headerValue(this.#message, entries.start, entries.end, name)
      if (value !== undefined) found = found === undefined ? value : `${found},${value}`
    }
    return found
  }
}

/** The value of a HeaderValue whose key is `name`. Envoy sends `raw_value`; `value` is its older twin. */
function headerValue(message: Buffer, start: number, end: number, name: string): string | undefined {
  const fields = new FieldReader(message, start, end)
  let valueStart = 0
  let valueEnd = 0
  let matches = false
  while (fields.next()) {
    if (fields.start < 0) continue
    if (fields.number === 1) {
      // The key comes first: an entry of another name is left at once.
      if (!isAscii(message, fields.start, fields.end, name)) return undefined
      matches = true
    } else if ((fields.number === 2 || fields.number === 3) && fields.end > fields.start) {
      valueStart = fields.start
      valueEnd = fields.end
    }
  }
  return matches ? message.toString('utf8', valueStart, valueEnd) : undefined
}

/** Compares without making a string of every key that is passed by. */
function isAscii(message: Buffer, start: number, end: number, name: string): boolean {
  if (end - start !== name.length) return false
  for (let i = 0; i < name.length; i++) {
    if (message[start + i] !== name.charCodeAt(i)) return false
  }
  return true
}

/** `map<string, Struct>`: Envoy puts all attributes into one Struct under the filter's name. */
class AttributeReader implements HeaderReader {
  readonly #message: Buffer
  readonly #ranges: readonly number[]

  constructor(message: Buffer, ranges: readonly number[]) {
    this.#message = message
    this.#ranges = ranges
  }

  get(name: string): string | undefined {
    for (let i = 0; i < this.#ranges.length; i += 2) {
      const value = this.#inEntry(this.#ranges[i]!, this.#ranges[i + 1]!, name)
      if (value !== undefined) return value
    }
    return undefined
  }

  #inEntry(start: number, end: number, name: string): string | undefined {
    const entry = new FieldReader(this.#message, start, end)
    while (entry.next()) {
      if (entry.number !== 2 || entry.start < 0) continue
      const members = new FieldReader(this.#message, entry.start, entry.end)
      while (members.next()) {
        if (members.number !== 1 || members.start < 0) continue
        const value = stringMember(this.#message, members.start, members.end, name)
        if (value !== undefined) return value
      }
    }
    return undefined
  }
}

/** A Struct member `{ key = 1, value = 2 { string_value = 3 } }`. */
function stringMember(message: Buffer, start: number, end: number, name: string): string | undefined {
  const fields = new FieldReader(message, start, end)
  let matches = false
  let text: string | undefined
  while (fields.next()) {
    if (fields.start < 0) continue
    if (fields.number === 1) matches = isAscii(message, fields.start, fields.end, name)
    else if (fields.number === 2) {
      const value = new FieldReader(message, fields.start, fields.end)
      while (value.next()) {
        if (value.number === 3 && value.start >= 0) text = message.toString('utf8', value.start, value.end)
      }
    }
  }
  return matches ? text : undefined
}
