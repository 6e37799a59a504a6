import { renderBedrockError } from '../bedrock.ts'
import { type EventFrame, editEventData, openEventStream } from '../event-stream.ts'
import type { Frame, LlmFormat, Refusal, StreamDecoder, StreamPosition, TextEdit } from '../format.ts'
import { isJsonObject, parseJson } from '../json-body.ts'
import { jsonSplices } from '../json-edits.ts'
import { responseShape } from '../response-shape.ts'
import { EventReader, WRONG_SHAPE } from './event.ts'
import { ConversePosition, refusalEvents, type StopReason, wholeAnswer } from './refusal.ts'
import { decodeOwnRequest } from './request.ts'
import { claimsResponse, decodeResponse } from './response.ts'
import { rewrite, rewriteBytes } from './rewrite.ts'
import { ConverseFrame, undecodable } from './stream.ts'

/**
 * What Amazon's Nova models read and write when they are invoked directly: Converse's bodies; its events as
 * `{"<type>": <payload>}`, here one SSE event each. Made to stand inside an invoke format.
 */
export const novaMessages = {
  name: 'nova-messages',
  decodeRequest: decodeOwnRequest,
  shapeOf: responseShape,
  decodeResponse,
  openStream,
  openPosition: () => new ConversePosition(openStream),
  refusal: (refusal, shape) =>
    shape === 'json'
      ? { contentType: 'application/json', body: wholeAnswer(refusal, stopReasonOf(refusal)) }
      : { contentType: 'text/event-stream', body: streamRefusal(refusal, new ConversePosition()) },
  streamRefusal,
  error: renderBedrockError,
  rewrite,
  rewriteFrame,
  heartbeat: undefined,
  claimsResponse: value => claimsResponse(value) || claimsEvent(value),
} satisfies LlmFormat

/** The first event of a stream. */
function claimsEvent(value: unknown): boolean {
  return isJsonObject(value) && isJsonObject(value.messageStart) && value.messageStart.role === 'assistant'
}

/** Nova's own word for it: guardrails are no part of its API. */
function stopReasonOf({ finishReason }: Refusal): StopReason {
  return finishReason === 'stop' ? 'end_turn' : 'content_filtered'
}

function streamRefusal(refusal: Refusal, at: StreamPosition): Uint8Array {
  const events = refusalEvents(refusal, at, stopReasonOf(refusal))
  const data = events.map(([type, payload]) => `data: ${JSON.stringify({ [type]: payload })}\n\n`)
  return new TextEncoder().encode(data.join(''))
}

function rewriteFrame(frame: Frame, edits: readonly TextEdit[]): Frame {
  return rewriteBytes(frame, edits, (bytes, changes) =>
    editEventData(bytes, data => jsonSplices(data, data.length - data.trimStart().length, changes)),
  )
}

function openStream(): StreamDecoder {
  return new NovaStream()
}

class NovaStream implements StreamDecoder {
  readonly #framer = openEventStream()
  readonly #events = new EventReader()

  get buffered(): number {
    return this.#framer.buffered
  }

  push(chunk: Uint8Array): readonly Frame[] {
    return this.#framer.push(chunk).map(frame => this.#read(frame))
  }

  end(): readonly Frame[] {
    return this.#framer.end().map(frame => this.#read(frame))
  }

  #read(frame: EventFrame): Frame {
    const { bytes } = frame
    if (frame.kind === 'undecodable') return undecodable(bytes, frame.reason)
    const data = frame.data?.trim() ?? ''
    if (data === '') return new ConverseFrame(bytes, [])
    const json = parseJson(data)
    if (json.kind !== 'ok') return undecodable(bytes, json.reason)
    if (!isJsonObject(json.value)) return undecodable(bytes, 'wrong-shape')
    // One member is the event; Bedrock puts metrics of its own beside it.
    const members = Object.entries(json.value).filter(([name]) => !name.startsWith('amazon-bedrock-'))
    const readings = members.map(([type, payload]) =>
      isJsonObject(payload) ? this.#events.read(type, payload, [type]) : WRONG_SHAPE,
    )
    const parts = readings.flatMap(reading => reading.parts)
    return new ConverseFrame(bytes, parts, readings.find(({ facts }) => facts !== undefined)?.facts)
  }
}
