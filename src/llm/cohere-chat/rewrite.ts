import type { Frame, TextEdit } from '../format.ts'
import { editJson } from '../json-body.ts'
import { type JsonEdit, replaceByTexts, setTexts } from '../json-edits.ts'
import { rewriteEvent } from '../json-events.ts'
import { ChatFrame } from './stream.ts'

const LOGPROBS = 'logprobs'

/** An edited answer loses its `logprobs`, which spell its text out again. */
const CLEAR_LOGPROBS: JsonEdit = { kind: 'clear', path: [LOGPROBS] }

/** A request or response body with texts replaced. A request's `logprobs` only asks for them. */
export function rewrite(body: Uint8Array, edits: readonly TextEdit[]): Uint8Array {
  const isAnswer = edits.some(({ path }) => path[0] === 'message')
  return editJson(body, isAnswer ? [...setTexts(edits), CLEAR_LOGPROBS] : setTexts(edits))
}

/** An event's frame with texts replaced. */
export function rewriteFrame(frame: Frame, edits: readonly TextEdit[]): Frame {
  const texts = edits.filter(({ path }) => path[0] !== LOGPROBS)
  return rewriteEvent(ChatFrame, frame, edits, () => [...replaceByTexts(texts), CLEAR_LOGPROBS])
}
