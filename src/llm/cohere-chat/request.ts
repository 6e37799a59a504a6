import { MessageTexts } from '../body-texts.ts'
import { type Decoded, type LlmRequest, type Role, WRONG_SHAPE } from '../format.ts'
import { isJsonObject, isPresent, type JsonObject } from '../json-body.ts'
import { readModel, readStream } from '../request-settings.ts'
import { decodeRequestObject } from '../strict-json.ts'
import { gatherDocument, gatherMessage } from './message.ts'

/** A role that is not here is `user`. */
const ROLES: ReadonlyMap<unknown, Role> = new Map<unknown, Role>([
  ['system', 'system'],
  ['developer', 'developer'],
  ['user', 'user'],
  ['assistant', 'assistant'],
  ['tool', 'tool'],
])

/** A `POST …/v2/chat` body: https://docs.cohere.com/reference/chat. */
export function decodeRequest(body: Uint8Array): Decoded<LlmRequest> {
  const json = decodeRequestObject(body)
  if (json.kind !== 'ok') return json
  const root = json.value
  const streams = readStream(root.stream)
  const gathered = gatherTexts(root)
  if (streams === 'wrong-shape' || gathered === 'wrong-shape') return WRONG_SHAPE
  const { model, response_format } = root
  return {
    kind: 'ok',
    value: {
      model: readModel(model),
      streams,
      choices: 1,
      segments: gathered.segments,
      uninspectable: gathered.uninspectable,
      structuredOutput: isJsonObject(response_format) && response_format.type === 'json_object',
      // The last event always has it.
      streamUsage: false,
    },
  }
}

function gatherTexts({ messages, documents }: JsonObject): MessageTexts | 'wrong-shape' {
  if (!Array.isArray(messages) || (isPresent(documents) && !Array.isArray(documents))) return 'wrong-shape'
  const into = new MessageTexts('request')
  for (const [index, message] of messages.entries()) {
    if (!isJsonObject(message)) return 'wrong-shape'
    const role = ROLES.get(message.role) ?? 'user'
    gatherMessage(into, message, { message: index, role, path: ['messages', index] })
  }
  // Material for the answer, as a tool's results are, which stands right before it.
  const list: readonly unknown[] = Array.isArray(documents) ? documents : []
  for (const [index, document] of list.entries()) {
    const speaker = { message: messages.length + index, role: 'tool', path: ['documents'] } as const
    gatherDocument(into, document, speaker, [index])
  }
  return into.malformed ? 'wrong-shape' : into
}
