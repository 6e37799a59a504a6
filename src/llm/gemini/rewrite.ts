import { rewriteDecoded } from '../decoded-frame.ts'
import type { Frame, TextEdit } from '../format.ts'
import { editArrayElement } from '../json-array.ts'
import { editJson } from '../json-body.ts'
import type { JsonEdit } from '../json-edits.ts'
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
  return [...edits.map((edit): JsonEdit => ({ kind: 'set-text', ...edit })), ...clearLogprobs(edits)]
}

/** `logprobsResult` spells a candidate's text out token by token, so an edited candidate loses it. */
function clearLogprobs(edits: readonly TextEdit[]): readonly JsonEdit[] {
  const candidates = new Set(edits.flatMap(({ path }) => (path[0] === 'candidates' ? [path[1]!] : [])))
  return Array.from(candidates, index => ({ kind: 'clear', path: ['candidates', index, 'logprobsResult'] }))
}
