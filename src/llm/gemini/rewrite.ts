import { rewriteDecoded } from '../decoded-frame.ts'
import type { Frame, TextEdit } from '../format.ts'
import { editArrayElement } from '../json-array.ts'
import { editJson } from '../json-body.ts'
import { clearSpelledOut, type JsonEdit, setTexts } from '../json-edits.ts'
import { rewriteEvent as rewriteJsonEvent } from '../json-events.ts'
import { GeminiFrame } from './stream.ts'

/** A request or response body with texts replaced. */
export function rewrite(body: Uint8Array, edits: readonly TextEdit[]): Uint8Array {
  return editJson(body, changesOf(edits))
}

/** An event's frame with texts replaced. */
export function rewriteEvent(frame: Frame, edits: readonly TextEdit[]): Frame {
  return rewriteJsonEvent(GeminiFrame, frame, edits, () => changesOf(edits))
}

/** An array element's frame with texts replaced. */
export function rewriteElement(frame: Frame, edits: readonly TextEdit[]): Frame {
  return rewriteDecoded(GeminiFrame, frame, edits, bytes => editArrayElement(bytes, changesOf(edits)))
}

function changesOf(edits: readonly TextEdit[]): readonly JsonEdit[] {
  return [...setTexts(edits), ...clearSpelledOut(edits, 'candidates', ['logprobsResult'])]
}
