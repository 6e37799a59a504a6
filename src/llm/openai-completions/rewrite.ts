import type { Frame, JsonPath, TextEdit } from '../format.ts'
import { editJson } from '../json-body.ts'
import type { JsonEdit } from '../json-edits.ts'
import { rewriteJsonEvent } from '../json-events.ts'

/** A request or response body with texts replaced. */
export function rewrite(body: Uint8Array, edits: readonly TextEdit[]): Uint8Array {
  const texts = edits.map((edit): JsonEdit => ({ kind: 'set-text', ...edit }))
  const cleared = spelledOut(edits).map((path): JsonEdit => ({ kind: 'clear', path }))
  return editJson(body, [...texts, ...cleared])
}

/** A chunk's frame with texts replaced. */
export function rewriteFrame(frame: Frame, edits: readonly TextEdit[]): Frame {
  return rewriteJsonEvent(frame, edits, spelledOut(edits))
}

/** What spells a choice's text out token by token, an echoed prompt included; the last three are vLLM's. */
const TOKEN_LISTS = ['logprobs', 'prompt_logprobs', 'token_ids', 'prompt_token_ids'] as const

function spelledOut(edits: readonly TextEdit[]): readonly JsonPath[] {
  const choices = new Set(edits.flatMap(({ path }) => (path[0] === 'choices' ? [path[1]!] : [])))
  return [...choices].flatMap(index => TOKEN_LISTS.map(key => ['choices', index, key]))
}
