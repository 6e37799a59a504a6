import type { Frame, TextEdit } from '../format.ts'
import { editJson } from '../json-body.ts'
import { setTexts } from '../json-edits.ts'
import { rewriteEvent } from '../json-events.ts'
import { MessageFrame } from './stream.ts'

/**
 * A request or response body with texts replaced. The API signs what was thought: it takes back only thoughts that it
 * finds as it said them, so that a client which sends an edited one back is refused.
 */
export function rewrite(body: Uint8Array, edits: readonly TextEdit[]): Uint8Array {
  return editJson(body, setTexts(edits))
}

/** An event's frame with texts replaced. */
export function rewriteFrame(frame: Frame, edits: readonly TextEdit[]): Frame {
  return rewriteEvent(MessageFrame, frame, edits, () => setTexts(edits))
}
