import { MessageTexts } from '../body-texts.ts'
import { type Decoded, type LlmRequest, type Role, WRONG_SHAPE } from '../format.ts'
import { isJsonObject, isPresent, type JsonObject } from '../json-body.ts'
import { readModel, readStream } from '../request-settings.ts'
import { decodeRequestObject } from '../strict-json.ts'
import { gatherContent, gatherMessage } from './message.ts'

/** The API's own bound on `n`, and so on the choices of an answer. */
export const MAX_CHOICES = 128

/** `function` is the old name of `tool`. A role that is not here is `user`. */
const ROLES: ReadonlyMap<unknown, Role> = new Map<unknown, Role>([
  ['system', 'system'],
  ['developer', 'developer'],
  ['user', 'user'],
  ['assistant', 'assistant'],
  ['tool', 'tool'],
  ['function', 'tool'],
])

/** A `POST …/chat/completions` body. What the upstream would refuse as well is `wrong-shape`. */
export function decodeRequest(body: Uint8Array): Decoded<LlmRequest> {
  const json = decodeRequestObject(body)
  if (json.kind !== 'ok') return json
  const root = json.value
  const streams = readStream(root.stream)
  const choices = readChoiceCount(root.n)
  const gathered = gatherMessages(root)
  if (streams === 'wrong-shape' || choices === 'wrong-shape' || gathered === 'wrong-shape') return WRONG_SHAPE
  const { response_format, stream_options } = root
  return {
    kind: 'ok',
    value: {
      model: readModel(root.model),
      streams,
      choices,
      segments: gathered.segments,
      uninspectable: gathered.uninspectable,
      structuredOutput: isJsonObject(response_format) && response_format.type === 'json_schema',
      streamUsage: isJsonObject(stream_options) && stream_options.include_usage === true,
    },
  }
}

function readChoiceCount(n: unknown): number | 'wrong-shape' {
  if (!isPresent(n)) return 1
  return typeof n === 'number' && Number.isInteger(n) && n >= 1 && n <= MAX_CHOICES ? n : 'wrong-shape'
}

function gatherMessages(root: JsonObject): MessageTexts | 'wrong-shape' {
  const { messages, prediction } = root
  if (!Array.isArray(messages)) return 'wrong-shape'
  const into = new MessageTexts('request')
  for (const [index, message] of messages.entries()) {
    if (!isJsonObject(message)) return 'wrong-shape'
    const role = ROLES.get(message.role) ?? 'user'
    gatherMessage(into, message, { message: index, role, path: ['messages', index] })
  }
  // The answer that the client expects stands where the answer would: after the last message.
  if (isJsonObject(prediction)) {
    const speaker = { message: messages.length, role: 'assistant', path: ['prediction'] } as const
    gatherContent(into, prediction.content, speaker, 'content', ['content'])
  }
  return into.malformed ? 'wrong-shape' : into
}
