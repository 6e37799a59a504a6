import type { Completion, Decoded, TextEdit } from '../format.ts'
import { decodeJsonBody, editJson, isJsonObject, type JsonEdit } from '../json-body.ts'
import { Gathering, gatherMessage } from './message.ts'

const WRONG_SHAPE = { kind: 'undecodable', reason: 'wrong-shape' } as const

/** A `chat.completion` body; a segment's `message` is its choice's place in `choices`. */
export function decodeResponse(body: Uint8Array): Decoded<Completion> {
  const json = decodeJsonBody(body)
  if (json.kind !== 'ok') return json
  const root = json.value
  if (!isJsonObject(root) || !Array.isArray(root.choices)) return WRONG_SHAPE
  const into = new Gathering('uninspectable')
  for (const [index, choice] of root.choices.entries()) {
    if (!isJsonObject(choice) || !isJsonObject(choice.message)) return WRONG_SHAPE
    const path = ['choices', index, 'message']
    gatherMessage(into, choice.message, { message: index, role: 'assistant', path })
  }
  return { kind: 'ok', value: { segments: into.segments, uninspectable: into.uninspectable } }
}

/**
 * A request or response body with texts replaced. `logprobs` spell a choice's text out token by token, so an
 * edited choice loses them.
 */
export function rewrite(body: Uint8Array, edits: readonly TextEdit[]): Uint8Array {
  const editedChoices = new Set(edits.flatMap(({ path }) => (path[0] === 'choices' ? [path[1]!] : [])))
  return editJson(body, [
    ...edits.map((edit): JsonEdit => ({ kind: 'set-text', path: edit.path, text: edit.text })),
    ...Array.from(
      editedChoices,
      (index): JsonEdit => ({ kind: 'clear', path: ['choices', index, 'logprobs'] }),
    ),
  ])
}

/** Legacy completions also have `choices`, and say so; some servers leave `object` out or empty. */
export function claimsResponse(value: unknown): boolean {
  if (!isJsonObject(value)) return false
  if (value.object === 'chat.completion' || value.object === 'chat.completion.chunk') return true
  return Array.isArray(value.choices) && value.object !== 'text_completion'
}
