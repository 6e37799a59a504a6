import { type AwsFrame, openAwsEventStream, readAwsFrame, withPayload } from '../aws-event-stream.ts'
import { type BedrockEvent, encodeEvents, kindOf } from '../bedrock.ts'
import { DecodedFrame, factsOf, toFrame } from '../decoded-frame.ts'
import { openEventStream } from '../event-stream.ts'
import type { Frame, LlmFormat, StreamDecoder, TextEdit } from '../format.ts'
import { FrameReader } from '../frame-reader.ts'
import { decodeJsonBody, editJson, isJsonObject } from '../json-body.ts'
import { fromBase64, toBase64 } from './base64.ts'

/** A frame that remembers its payload as one SSE event, as the provider's reader knows it. */
export class InvokeFrame extends DecodedFrame<Frame> {}

/**
 * `chunk` frames whose payload is `{"bytes":"<base64>"}`, in which stands one JSON value of the provider's stream. To
 * the provider's reader each is the SSE event that the provider itself would send.
 */
export function openStream(provider: LlmFormat): StreamDecoder {
  const inner = provider.openStream()
  return new FrameReader(openAwsEventStream(), frame => readFrame(inner, frame), inner.repeats)
}

function readFrame(provider: StreamDecoder, frame: AwsFrame): InvokeFrame {
  const { bytes } = frame
  if (frame.kind === 'undecodable') return toFrame(InvokeFrame, bytes, frame.reason)
  const told = kindOf(frame.headers)
  if (told.kind === 'exception') return new InvokeFrame(bytes, [])
  if (told.kind === 'unknown') return toFrame(InvokeFrame, bytes, 'wrong-shape')
  if (told.type === 'initial-response') return new InvokeFrame(bytes, [])
  if (told.type !== 'chunk') return new InvokeFrame(bytes, [{ kind: 'uninspectable' }])
  const chunk = readChunk(frame.payload)
  if (chunk === undefined) return toFrame(InvokeFrame, bytes, 'wrong-shape')
  const json = decodeJsonBody(chunk)
  if (json.kind !== 'ok') return toFrame(InvokeFrame, bytes, json.reason)
  const [inner, ...more] = provider.push(toEvent(chunk, json.value))
  // One event is one frame, whatever is in it.
  if (inner === undefined || more.length > 0) return toFrame(InvokeFrame, bytes, 'wrong-shape')
  return new InvokeFrame(bytes, inner.parts, inner)
}

function readChunk(payload: Uint8Array): Uint8Array | undefined {
  const json = decodeJsonBody(payload)
  const encoded = json.kind === 'ok' && isJsonObject(json.value) ? json.value.bytes : undefined
  return typeof encoded === 'string' ? fromBase64(encoded) : undefined
}

/** A leading byte order mark is taken off: inside an event it would be none. */
const utf8 = new TextDecoder()
const encoder = new TextEncoder()

/** JSON has line ends only as white space; each begins a data line of its own. */
function toEvent(chunk: Uint8Array, value: unknown): Uint8Array {
  const data = utf8.decode(chunk).replace(/\r\n|\n|\r/g, '\ndata: ')
  const type = isJsonObject(value) ? value.type : undefined
  const isName = typeof type === 'string' && /^[^\r\n]+$/.test(type)
  return encoder.encode(`${isName ? `event: ${type}\n` : ''}data: ${data}\n\n`)
}

/** The data of each event that has any; a provider's own last word that is no JSON has no place in a chunk. */
function dataOf(events: Uint8Array): readonly string[] {
  const stream = openEventStream()
  return [...stream.push(events), ...stream.end()].flatMap(frame => {
    const data = frame.kind === 'event' ? (frame.data?.trim() ?? '') : ''
    return data === '' || data === '[DONE]' ? [] : [data]
  })
}

/** The provider's events as chunks of a Bedrock stream. */
export function toChunks(events: Uint8Array): Uint8Array {
  return encodeEvents(
    dataOf(events).map((data): BedrockEvent => ['chunk', { bytes: toBase64(encoder.encode(data)) }]),
  )
}

/** What the provider's reader made of the frame, read again where the frame was changed after decoding. */
export function innerFrame(provider: LlmFormat, frame: Frame): Frame | undefined {
  return factsOf(InvokeFrame, frame, () => openStream(provider))
}

/** The provider's JSON with texts replaced, encoded again; what stands beside it in the frame stays. */
export function rewriteFrame(provider: LlmFormat, frame: Frame, edits: readonly TextEdit[]): Frame {
  if (edits.length === 0) return frame
  const inner = innerFrame(provider, frame) ?? { bytes: new Uint8Array(0), parts: [] }
  const edited = provider.rewriteFrame(inner, edits)
  const text = toBase64(encoder.encode(dataOf(edited.bytes).join('')))
  const message = readAwsFrame(frame.bytes)
  const payload = message.kind === 'message' ? message.payload : new Uint8Array(0)
  const bytes = withPayload(frame.bytes, editJson(payload, [{ kind: 'set-text', path: ['bytes'], text }]))
  return new InvokeFrame(bytes, edited.parts, edited)
}
