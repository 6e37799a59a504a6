import { MessageTexts } from '../body-texts.ts'
import { type Completion, type Decoded, WRONG_SHAPE } from '../format.ts'
import { decodeJsonObject, isJsonObject } from '../json-body.ts'
import { gatherMessage } from './message.ts'

/** A `chat.completion` body; a segment's `message` is its choice's place in `choices`. */
export function decodeResponse(body: Uint8Array): Decoded<Completion> {
  const json = decodeJsonObject(body)
  if (json.kind !== 'ok') return json
  const root = json.value
  if (!Array.isArray(root.choices)) return WRONG_SHAPE
  const into = new MessageTexts('response')
  for (const [index, choice] of root.choices.entries()) {
    if (!isJsonObject(choice) || !isJsonObject(choice.message)) return WRONG_SHAPE
    const path = ['choices', index, 'message']
    gatherMessage(into, choice.message, { message: index, role: 'assistant', path })
  }
  return into.toCompletion()
}

/** Legacy completions also have `choices`, and say so; some servers leave `object` out or empty. */
export function claimsResponse(value: unknown): boolean {
  if (!isJsonObject(value)) return false
  if (value.object === 'chat.completion' || value.object === 'chat.completion.chunk') return true
  return Array.isArray(value.choices) && value.object !== 'text_completion'
}
