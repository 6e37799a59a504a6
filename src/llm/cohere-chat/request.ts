import type { Decoded, LlmRequest, Role } from '../format.ts'
import { isJsonObject, type JsonObject } from '../json-body.ts'
import { decodeRequestJson } from '../strict-json.ts'
import { Gathering, gatherDocument, gatherMessage, isPresent } from './message.ts'

const WRONG_SHAPE = { kind: 'undecodable', reason: 'wrong-shape' } as const

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
  const json = decodeRequestJson(body)
  if (json.kind !== 'ok') return json
  const root = json.value
  if (!isJsonObject(root)) return WRONG_SHAPE
  const streams = readStream(root.stream)
  const gathered = gatherTexts(root)
  if (streams === 'wrong-shape' || gathered === 'wrong-shape') return WRONG_SHAPE
  const { model, response_format } = root
  return {
    kind: 'ok',
    value: {
      model: typeof model === 'string' ? model : undefined,
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

/** Only JSON true asks for a stream. Another reader might take `"true"` or 1 for it, so those are refused. */
function readStream(stream: unknown): boolean | undefined | 'wrong-shape' {
  if (stream === undefined || typeof stream === 'boolean') return stream
  return stream === null ? false : 'wrong-shape'
}

function gatherTexts({ messages, documents }: JsonObject): Gathering | 'wrong-shape' {
  if (!Array.isArray(messages) || (isPresent(documents) && !Array.isArray(documents))) return 'wrong-shape'
  const into = new Gathering('malformed')
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
