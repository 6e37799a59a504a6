import type { Frame, TextEdit } from '../format.ts'
import { editJson } from '../json-body.ts'
import type { JsonEdit } from '../json-edits.ts'
import { rewriteEvent } from '../json-events.ts'
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
  return rewriteEvent(ChatFrame, frame, edits, () => [
    ...edits.map((edit): JsonEdit => ({ kind: 'replace', ...edit })),
    ...clearLogprobs(edits),
  ])
}

/** `logprobs` spell a choice's text out token by token, so an edited choice loses them. */
function clearLogprobs(edits: readonly TextEdit[]): readonly JsonEdit[] {
  const choices = new Set(edits.flatMap(({ path }) => (path[0] === 'choices' ? [path[1]!] : [])))
  return Array.from(choices, index => ({ kind: 'clear', path: ['choices', index, 'logprobs'] }))
}
