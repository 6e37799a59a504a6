import { renderBedrockError } from '../bedrock.ts'
import type { Frame, LlmFormat, Refusal, StreamDecoder, StreamPosition, TextEdit } from '../format.ts'
import { isJsonObject, type JsonObject } from '../json-body.ts'
import { editEvent, openJsonEvents } from '../json-events.ts'
import { responseShape } from '../response-shape.ts'
import { EventReader, type Reading, WRONG_EVENT } from './event.ts'
import { ConversePosition, refusalEvents, type StopReason, wholeAnswer } from './refusal.ts'
import { decodeOwnRequest } from './request.ts'
import { claimsResponse, decodeResponse } from './response.ts'
import { rewrite, rewriteBytes } from './rewrite.ts'
import { ConverseFrame } from './stream.ts'

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
  return rewriteBytes(frame, edits, editEvent)
}

function openStream(): StreamDecoder {
  const events = new EventReader()
  return openJsonEvents(ConverseFrame, event => readEvent(events, event))
}

/** One member is the event; Bedrock puts metrics of its own beside it. */
function readEvent(events: EventReader, event: JsonObject): Reading {
  const members = Object.entries(event).filter(([name]) => !name.startsWith('amazon-bedrock-'))
  const readings = members.map(([type, payload]) =>
    isJsonObject(payload) ? events.read(type, payload, [type]) : WRONG_EVENT,
  )
  return {
    parts: readings.flatMap(({ parts }) => parts),
    facts: readings.find(({ facts }) => facts !== undefined)?.facts,
  }
}
