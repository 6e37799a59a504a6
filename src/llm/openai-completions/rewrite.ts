import type { Frame, TextEdit } from '../format.ts'
import { editJson } from '../json-body.ts'
import { clearSpelledOut, type JsonEdit, setTexts } from '../json-edits.ts'
import { rewriteEvent } from '../json-events.ts'
import { ChunkFrame } from '../openai-chunk.ts'

/** A request or response body with texts replaced. */
export function rewrite(body: Uint8Array, edits: readonly TextEdit[]): Uint8Array {
  return editJson(body, changesOf(edits))
}

/** A chunk's frame with texts replaced. */
export function rewriteFrame(frame: Frame, edits: readonly TextEdit[]): Frame {
  return rewriteEvent(ChunkFrame, frame, edits, () => changesOf(edits))
}

/** What spells a choice's text out token by token, an echoed prompt included; the last three are vLLM's. */
const TOKEN_LISTS = ['logprobs', 'prompt_logprobs', 'token_ids', 'prompt_token_ids'] as const

function changesOf(edits: readonly TextEdit[]): readonly JsonEdit[] {
  return [...setTexts(edits), ...clearSpelledOut(edits, 'choices', TOKEN_LISTS)]
}
