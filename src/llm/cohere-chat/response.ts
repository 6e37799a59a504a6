import { MessageTexts } from '../body-texts.ts'
import { type Completion, type Decoded, WRONG_SHAPE } from '../format.ts'
import { decodeJsonObject, isJsonObject } from '../json-body.ts'
import { gatherMessage } from './message.ts'

/** A whole answer: https://docs.cohere.com/reference/chat. Cohere gives one choice. */
export function decodeResponse(body: Uint8Array): Decoded<Completion> {
  const json = decodeJsonObject(body)
  if (json.kind !== 'ok') return json
  const root = json.value
  if (!isJsonObject(root.message)) return WRONG_SHAPE
  const into = new MessageTexts('response')
  gatherMessage(into, root.message, { message: 0, role: 'assistant', path: ['message'] })
  return into.toCompletion()
}

/** Ollama's answers have a `message` as well, but end with `done`; OpenAI's have theirs inside `choices`. */
export function claimsResponse(value: unknown): boolean {
  if (!isJsonObject(value)) return false
  if (value.type === 'message-start') return isJsonObject(value.delta)
  const { message, finish_reason } = value
  return isJsonObject(message) && message.role === 'assistant' && typeof finish_reason === 'string'
}
