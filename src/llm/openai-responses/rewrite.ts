import { keyOf, withTexts } from '../edited-parts.ts'
import type { Frame, JsonPath, TextEdit } from '../format.ts'
import { editJson } from '../json-body.ts'
import { type JsonEdit, setTexts } from '../json-edits.ts'
import { editEvent } from '../json-events.ts'
import { eventOf, ResponsesFrame } from './stream.ts'

/** A request or response body with texts replaced. */
export function rewrite(body: Uint8Array, edits: readonly TextEdit[]): Uint8Array {
  return editJson(body, changesOf(edits))
}

/** An event's frame with texts replaced. */
export function rewriteFrame(frame: Frame, edits: readonly TextEdit[]): Frame {
  if (edits.length === 0) return frame
  const parts = withTexts(frame.parts, edits)
  const bytes = editEvent(frame.bytes, changesOf(edits))
  // Read again: a refusal repeats what the client was sent.
  return new ResponsesFrame(bytes, parts, eventOf({ bytes, parts }))
}

/** `logprobs` stand beside a text and spell it out token by token, so an edited one loses them. */
function changesOf(edits: readonly TextEdit[]): readonly JsonEdit[] {
  const beside = edits.map(({ path }): JsonPath => [...path.slice(0, -1), 'logprobs'])
  const logprobs = new Map(beside.map(path => [keyOf(path), path]))
  return [...setTexts(edits), ...Array.from(logprobs.values(), (path): JsonEdit => ({ kind: 'clear', path }))]
}
