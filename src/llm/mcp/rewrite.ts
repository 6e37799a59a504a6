import { withTexts } from '../edited-parts.ts'
import { editEventData } from '../event-stream.ts'
import type { Frame, TextEdit } from '../format.ts'
import { editJson } from '../json-body.ts'
import { type JsonEdit, jsonSplices } from '../json-edits.ts'
import { McpFrame } from './stream.ts'

/** A request or response body with texts replaced. What stands in two places is two texts, each with its own edit. */
export function rewrite(body: Uint8Array, edits: readonly TextEdit[]): Uint8Array {
  return editJson(body, edits.map(toJsonEdit))
}

/** A message's frame with texts replaced. */
export function rewriteFrame(frame: Frame, edits: readonly TextEdit[]): Frame {
  if (edits.length === 0) return frame
  const parts = withTexts(frame.parts, edits)
  const bytes = editEventData(frame.bytes, data => jsonSplices(data, 0, edits.map(toJsonEdit)))
  return frame instanceof McpFrame ? new McpFrame(bytes, parts, frame.answered) : { bytes, parts }
}

function toJsonEdit(edit: TextEdit): JsonEdit {
  return { kind: 'set-text', ...edit }
}
