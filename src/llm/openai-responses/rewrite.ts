import { keyOf, withTexts } from '../edited-parts.ts'
import { editEventData } from '../event-stream.ts'
import type { Frame, JsonPath, TextEdit } from '../format.ts'
import { editJson } from '../json-body.ts'
import { type JsonEdit, jsonSplices } from '../json-edits.ts'
import { eventIn, ResponsesFrame } from './stream.ts'

/** A request or response body with texts replaced. */
export function rewrite(body: Uint8Array, edits: readonly TextEdit[]): Uint8Array {
  return editJson(body, changesFor(edits))
}

/** An event's frame with texts replaced. */
export function rewriteFrame(frame: Frame, edits: readonly TextEdit[]): Frame {
  if (edits.length === 0) return frame
  const parts = withTexts(frame.parts, edits)
  const bytes = editEventData(frame.bytes, data =>
    // The decoder trims the data by the same rule.
    jsonSplices(data, data.length - data.trimStart().length, changesFor(edits)),
  )
  // Read again: a refusal repeats what the client was sent.
  return new ResponsesFrame(bytes, parts, eventIn(bytes))
}

/** `logprobs` stand beside a text and spell it out token by token, so an edited one loses them. */
function changesFor(edits: readonly TextEdit[]): readonly JsonEdit[] {
  const beside = edits.map(({ path }): JsonPath => [...path.slice(0, -1), 'logprobs'])
  const logprobs = new Map(beside.map(path => [keyOf(path), path]))
  return [
    ...edits.map((edit): JsonEdit => ({ kind: 'set-text', ...edit })),
    ...Array.from(logprobs.values(), (path): JsonEdit => ({ kind: 'clear', path })),
  ]
}
