import type { BodyMode, ExchangeEvent, HeaderReader, Side } from '../exchange/events.ts'
import { type Field, readFields } from './wire.ts'

/**
 * One ProcessingRequest as the exchange wants it. Written by hand for the fields that are used: headers and
 * attributes are read only when asked for. Field numbers are those of
 * proto/envoy/service/ext_proc/v3/external_processor.proto; a test decodes the same bytes with both.
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
  let phase = 0
  let start = 0
  let end = 0
  const attributes: number[] = []
  let observabilityMode = false
  let protocol: ProtocolConfiguration | undefined
  readFields(message, 0, message.byteLength, field => {
    if (field.number >= 2 && field.number <= 7 && field.start >= 0) {
      phase = field.number
      start = field.start
      end = field.end
    } else if (field.number === 9 && field.start >= 0) attributes.push(field.start, field.end)
    else if (field.number === 10) observabilityMode = field.value !== 0
    else if (field.number === 11 && field.start >= 0) protocol = decodeProtocol(message, field)
  })
  return { event: decodeEvent(message, phase, start, end, attributes), observabilityMode, protocol }
}

function decodeEvent(
  message: Buffer,
  phase: number,
  start: number,
  end: number,
  attributes: readonly number[],
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
  attributes: readonly number[],
): ProcessingRequest['event'] {
  let mapStart = 0
  let mapEnd = 0
  let endOfStream = false
  readFields(message, start, end, field => {
    if (field.number === 1 && field.start >= 0) {
      mapStart = field.start
      mapEnd = field.end
    } else if (field.number === 3) endOfStream = field.value !== 0
  })
  return {
    kind: 'headers',
    side,
    headers: new HeaderMapReader(message, mapStart, mapEnd),
    attributes: new AttributeReader(message, attributes),
    endOfStream,
  }
}

function decodeBody(message: Buffer, side: Side, start: number, end: number): ProcessingRequest['event'] {
  let body: Uint8Array = NO_BYTES
  let endOfStream = false
  readFields(message, start, end, field => {
    if (field.number === 1 && field.start >= 0) body = message.subarray(field.start, field.end)
    else if (field.number === 2 || field.number === 3) endOfStream ||= field.value !== 0
  })
  return { kind: 'body', side, body, endOfStream }
}

function decodeProtocol(message: Buffer, { start, end }: Field): ProtocolConfiguration {
  let request = 0
  let response = 0
  let early = false
  readFields(message, start, end, field => {
    if (field.number === 1) request = field.value
    else if (field.number === 2) response = field.value
    else if (field.number === 3) early = field.value !== 0
  })
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
    let found: string | undefined
    readFields(this.#message, this.#start, this.#end, entry => {
      if (entry.number !== 1 || entry.start < 0) return
      const value = headerValue(this.#message, entry.start, entry.end, name)
      if (value !== undefined) found = found === undefined ? value : `${found},${value}`
    })
    return found
  }
}

/** The value of a HeaderValue whose key is `name`. Envoy sends `raw_value`; `value` is its older twin. */
function headerValue(message: Buffer, start: number, end: number, name: string): string | undefined {
  let matches = false
  let valueStart = 0
  let valueEnd = 0
  readFields(message, start, end, field => {
    if (field.start < 0) return
    if (field.number === 1) {
      matches =
        field.end - field.start === name.length && message.toString('latin1', field.start, field.end) === name
    } else if ((field.number === 2 || field.number === 3) && field.end > field.start) {
      valueStart = field.start
      valueEnd = field.end
    }
  })
  return matches ? message.toString('utf8', valueStart, valueEnd) : undefined
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
    let value: string | undefined
    readFields(this.#message, start, end, entry => {
      if (entry.number !== 2 || entry.start < 0) return
      readFields(this.#message, entry.start, entry.end, member => {
        if (member.number === 1 && member.start >= 0) {
          value ??= stringMember(this.#message, member.start, member.end, name)
        }
      })
    })
    return value
  }
}

/** A Struct member `{ key = 1, value = 2 { string_value = 3 } }`. */
function stringMember(message: Buffer, start: number, end: number, name: string): string | undefined {
  let matches = false
  let text: string | undefined
  readFields(message, start, end, field => {
    if (field.start < 0) return
    if (field.number === 1) matches = message.toString('utf8', field.start, field.end) === name
    else if (field.number === 2) {
      readFields(message, field.start, field.end, value => {
        if (value.number === 3 && value.start >= 0) text = message.toString('utf8', value.start, value.end)
      })
    }
  })
  return matches ? text : undefined
}
