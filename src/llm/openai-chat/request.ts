import { MessageTexts } from '../body-texts.ts'
import { type Decoded, type LlmRequest, WRONG_SHAPE } from '../format.ts'
import { isJsonObject, type JsonObject } from '../json-body.ts'
import { readAnswerSettings, readChoiceCount, readRole } from '../openai-request.ts'
import { readModel, readStream } from '../request-settings.ts'
import { decodeRequestObject } from '../strict-json.ts'
import { gatherContent, gatherMessage } from './message.ts'

/** A `POST …/chat/completions` body. What the upstream would refuse as well is `wrong-shape`. */
export function decodeRequest(body: Uint8Array): Decoded<LlmRequest> {
  const json = decodeRequestObject(body)
  if (json.kind !== 'ok') return json
  const root = json.value
  const streams = readStream(root.stream)
  const choices = readChoiceCount(root.n)
  const gathered = gatherMessages(root)
  if (streams === 'wrong-shape' || choices === 'wrong-shape' || gathered === 'wrong-shape') return WRONG_SHAPE
  return {
    kind: 'ok',
    value: {
      model: readModel(root.model),
      streams,
      choices,
      segments: gathered.segments,
      uninspectable: gathered.uninspectable,
      ...readAnswerSettings(root),
    },
  }
}

function gatherMessages(root: JsonObject): MessageTexts | 'wrong-shape' {
  const { messages, prediction } = root
  if (!Array.isArray(messages)) return 'wrong-shape'
  const into = new MessageTexts('request')
  for (const [index, message] of messages.entries()) {
    if (!isJsonObject(message)) return 'wrong-shape'
    const role = readRole(message.role)
    gatherMessage(into, message, { message: index, role, path: ['messages', index] })
  }
  // The answer that the client expects stands where the answer would: after the last message.
  if (isJsonObject(prediction)) {
    const speaker = { message: messages.length, role: 'assistant', path: ['prediction'] } as const
    gatherContent(into, prediction.content, speaker, 'content', ['content'])
  }
  return into.malformed ? 'wrong-shape' : into
}
