import { withTexts } from '../edited-parts.ts'
import { editEventData } from '../event-stream.ts'
import type { Frame, TextEdit } from '../format.ts'
import { editArrayElement } from '../json-array.ts'
import { editJson } from '../json-body.ts'
import { type JsonEdit, jsonSplices } from '../json-edits.ts'
import { GeminiFrame } from './stream.ts'

/** A request or response body with texts replaced. */
export function rewrite(body: Uint8Array, edits: readonly TextEdit[]): Uint8Array {
  return editJson(body, changesOf(edits))
}

/** An event's frame with texts replaced. */
export function rewriteEvent(frame: Frame, edits: readonly TextEdit[]): Frame {
  return rewriteFrame(frame, edits, changes =>
    editEventData(frame.bytes, data =>
      // The decoder trims the data by the same rule.
      jsonSplices(data, data.length - data.trimStart().length, changes),
    ),
  )
}

/** An array element's frame with texts replaced. */
export function rewriteElement(frame: Frame, edits: readonly TextEdit[]): Frame {
  return rewriteFrame(frame, edits, changes => editArrayElement(frame.bytes, changes))
}

function rewriteFrame(
  frame: Frame,
  edits: readonly TextEdit[],
  edit: (changes: readonly JsonEdit[]) => Uint8Array,
): Frame {
  if (edits.length === 0) return frame
  const parts = withTexts(frame.parts, edits)
  const bytes = edit(changesOf(edits))
  return frame instanceof GeminiFrame ? new GeminiFrame(bytes, parts, frame.facts) : { bytes, parts }
}

function changesOf(edits: readonly TextEdit[]): readonly JsonEdit[] {
  return [...edits.map((edit): JsonEdit => ({ kind: 'set-text', ...edit })), ...clearLogprobs(edits)]
}

/** `logprobsResult` spells a candidate's text out token by token, so an edited candidate loses it. */
function clearLogprobs(edits: readonly TextEdit[]): readonly JsonEdit[] {
  const candidates = new Set(edits.flatMap(({ path }) => (path[0] === 'candidates' ? [path[1]!] : [])))
  return Array.from(candidates, index => ({ kind: 'clear', path: ['candidates', index, 'logprobsResult'] }))
}
