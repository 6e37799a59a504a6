import type { Frame, TextEdit } from '../format.ts'
import { editJson } from '../json-body.ts'
import { setTexts } from '../json-edits.ts'
import { rewriteEvent } from '../json-events.ts'
import { McpFrame } from './stream.ts'

/** A request or response body with texts replaced. What stands in two places is two texts, each with its own edit. */
export function rewrite(body: Uint8Array, edits: readonly TextEdit[]): Uint8Array {
  return editJson(body, setTexts(edits))
}

/** A message's frame with texts replaced. */
export function rewriteFrame(frame: Frame, edits: readonly TextEdit[]): Frame {
  return rewriteEvent(McpFrame, frame, edits, () => setTexts(edits))
}
