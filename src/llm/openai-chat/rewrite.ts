import { withTexts } from '../edited-parts.ts'
import { editEventData } from '../event-stream.ts'
import type { Frame, TextEdit } from '../format.ts'
import { editJson } from '../json-body.ts'
import { type JsonEdit, jsonSplices } from '../json-edits.ts'
import { ChatFrame } from './stream.ts'

/** A request or response body with texts replaced. */
export function rewrite(body: Uint8Array, edits: readonly TextEdit[]): Uint8Array {
  const texts = edits.map((edit): JsonEdit => ({ kind: 'set-text', ...edit }))
  return editJson(body, [...texts, ...clearLogprobs(edits)])
}

/**
 * A chunk's frame with texts replaced. Arguments that came as a bare object become the string that the API has there:
 * redacted, they need not be JSON any more.
 */
export function rewriteFrame(frame: Frame, edits: readonly TextEdit[]): Frame {
  if (edits.length === 0) return frame
  const parts = withTexts(frame.parts, edits)
  const changes = [...edits.map((edit): JsonEdit => ({ kind: 'replace', ...edit })), ...clearLogprobs(edits)]
  const bytes = editEventData(frame.bytes, data =>
    // The decoder trims the data by the same rule.
    jsonSplices(data, data.length - data.trimStart().length, changes),
  )
  return frame instanceof ChatFrame ? new ChatFrame(bytes, parts, frame.facts) : { bytes, parts }
}

/** `logprobs` spell a choice's text out token by token, so an edited choice loses them. */
function clearLogprobs(edits: readonly TextEdit[]): readonly JsonEdit[] {
  const choices = new Set(edits.flatMap(({ path }) => (path[0] === 'choices' ? [path[1]!] : [])))
  return Array.from(choices, index => ({ kind: 'clear', path: ['choices', index, 'logprobs'] }))
}
