import { withTexts } from '../edited-parts.ts'
import { editEventData } from '../event-stream.ts'
import type { Frame, TextEdit } from '../format.ts'
import { editJson } from '../json-body.ts'
import { type JsonEdit, jsonSplices } from '../json-edits.ts'
import { MessageFrame } from './stream.ts'

/**
 * A request or response body with texts replaced. The API signs what was thought: it takes back only thoughts that it
 * finds as it said them, so that a client which sends an edited one back is refused.
 */
export function rewrite(body: Uint8Array, edits: readonly TextEdit[]): Uint8Array {
  return editJson(body, edits.map(setText))
}

/** An event's frame with texts replaced. */
export function rewriteFrame(frame: Frame, edits: readonly TextEdit[]): Frame {
  if (edits.length === 0) return frame
  const parts = withTexts(frame.parts, edits)
  const bytes = editEventData(frame.bytes, data =>
    // The decoder trims the data by the same rule.
    jsonSplices(data, data.length - data.trimStart().length, edits.map(setText)),
  )
  return frame instanceof MessageFrame ? new MessageFrame(bytes, parts, frame.facts) : { bytes, parts }
}

function setText(edit: TextEdit): JsonEdit {
  return { kind: 'set-text', ...edit }
}
