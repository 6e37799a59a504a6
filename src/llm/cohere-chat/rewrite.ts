import { withTexts } from '../edited-parts.ts'
import { editEventData } from '../event-stream.ts'
import type { Frame, TextEdit } from '../format.ts'
import { editJson } from '../json-body.ts'
import { type JsonEdit, jsonSplices } from '../json-edits.ts'
import { ChatFrame } from './stream.ts'

const LOGPROBS = 'logprobs'

/** An edited answer loses its `logprobs`, which spell its text out again. */
const CLEAR_LOGPROBS: JsonEdit = { kind: 'clear', path: [LOGPROBS] }

/** A request or response body with texts replaced. A request's `logprobs` only asks for them. */
export function rewrite(body: Uint8Array, edits: readonly TextEdit[]): Uint8Array {
  const texts = edits.map((edit): JsonEdit => ({ kind: 'set-text', ...edit }))
  const isAnswer = edits.some(({ path }) => path[0] === 'message')
  return editJson(body, isAnswer ? [...texts, CLEAR_LOGPROBS] : texts)
}

/**
 * An event's frame with texts replaced. Arguments that came as a bare object become the string that the API has there:
 * redacted, they need not be JSON any more.
 */
export function rewriteFrame(frame: Frame, edits: readonly TextEdit[]): Frame {
  if (edits.length === 0) return frame
  const parts = withTexts(frame.parts, edits)
  const texts = edits.filter(({ path }) => path[0] !== LOGPROBS)
  const changes = [...texts.map((edit): JsonEdit => ({ kind: 'replace', ...edit })), CLEAR_LOGPROBS]
  const bytes = editEventData(frame.bytes, data =>
    // The decoder trims the data by the same rule.
    jsonSplices(data, data.length - data.trimStart().length, changes),
  )
  return frame instanceof ChatFrame ? new ChatFrame(bytes, parts, frame.facts) : { bytes, parts }
}
