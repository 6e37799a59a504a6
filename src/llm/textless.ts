import { DecodedFrame } from './decoded-frame.ts'
import type { Frame, LlmFormat, Refusal, StreamPosition, TextEdit } from './format.ts'
import { editJson } from './json-body.ts'
import { setTexts } from './json-edits.ts'
import { errorOrWrong, openJsonEvents, rewriteEvent } from './json-events.ts'
import { renderOpenaiError } from './openai-error.ts'
import { assertOwnPosition } from './own-position.ts'
import { responseShape } from './response-shape.ts'

/** Whether the client has all of a stream. */
class TextlessPosition implements StreamPosition {
  terminated = false

  released({ parts }: Frame): void {
    this.terminated ||= parts.some(part => part.kind === 'terminator')
  }
}

/** Nothing in such a stream can hold a refusal, so that it ends with the error that the clients raise. */
function streamRefusal({ message }: Refusal, at: StreamPosition): Uint8Array {
  assertOwnPosition(at, TextlessPosition)
  if (at.terminated) return new Uint8Array(0)
  const { body } = renderOpenaiError({ status: 403, message, code: 'content_filter' })
  return new TextEncoder().encode(`event: error\ndata: ${new TextDecoder().decode(body)}\n\n`)
}

/** A JSON body with texts replaced. */
function rewrite(body: Uint8Array, edits: readonly TextEdit[]): Uint8Array {
  return editJson(body, setTexts(edits))
}

/**
 * What formats have in common whose answers hold no text of a model: vectors, scores, pictures, sound. A denial is an
 * error, and an event stream is nothing that such an API sends, unless its format says otherwise.
 */
export const textless = {
  shapeOf: responseShape,
  openStream: () => openJsonEvents(DecodedFrame, errorOrWrong),
  openPosition: () => new TextlessPosition(),
  refusal: () => undefined,
  streamRefusal,
  error: error => renderOpenaiError(error),
  rewrite,
  rewriteFrame: (frame, edits) => rewriteEvent(DecodedFrame, frame, edits, () => setTexts(edits)),
  heartbeat: undefined,
} satisfies Partial<LlmFormat>
