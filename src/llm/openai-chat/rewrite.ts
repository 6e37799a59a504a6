import type { Frame, TextEdit } from '../format.ts'
import { editJson } from '../json-body.ts'
import { clearSpelledOut, type JsonEdit, replaceByTexts, setTexts } from '../json-edits.ts'
import { rewriteEvent } from '../json-events.ts'
import { ChatFrame } from './stream.ts'

/** A request or response body with texts replaced. */
export function rewrite(body: Uint8Array, edits: readonly TextEdit[]): Uint8Array {
  return editJson(body, [...setTexts(edits), ...clearLogprobs(edits)])
}

/** A chunk's frame with texts replaced. */
export function rewriteFrame(frame: Frame, edits: readonly TextEdit[]): Frame {
  return rewriteEvent(ChatFrame, frame, edits, () => [...replaceByTexts(edits), ...clearLogprobs(edits)])
}

function clearLogprobs(edits: readonly TextEdit[]): readonly JsonEdit[] {
  return clearSpelledOut(edits, 'choices', ['logprobs'])
}
