import { type Decoded, type LlmRequest, type Role, type TextSegment, WRONG_SHAPE } from '../format.ts'
import { isJsonObject, isPresent } from '../json-body.ts'
import { readMessage } from '../ollama-message.ts'
import { readSettings } from '../ollama-request.ts'
import { decodeRequestObject } from '../strict-json.ts'

/** A role that is not here is `user`. */
const ROLES: ReadonlyMap<string, Role> = new Map<string, Role>([
  ['system', 'system'],
  ['developer', 'developer'],
  ['user', 'user'],
  ['assistant', 'assistant'],
  ['tool', 'tool'],
])

/** A `POST …/api/chat` body. Without messages it only loads the model. */
export function decodeRequest(body: Uint8Array): Decoded<LlmRequest> {
  const json = decodeRequestObject(body)
  if (json.kind !== 'ok') return json
  const root = json.value
  const settings = readSettings(root)
  const { messages } = root
  if (settings === 'wrong-shape' || (isPresent(messages) && !Array.isArray(messages))) return WRONG_SHAPE
  const segments: TextSegment[] = []
  let uninspectable = 0
  const list: readonly unknown[] = Array.isArray(messages) ? messages : []
  for (const [index, message] of list.entries()) {
    if (!isJsonObject(message)) return WRONG_SHAPE
    const role = readRole(message.role)
    const kind = role === 'tool' ? 'tool-result' : 'content'
    const read = readMessage(message, ['messages', index], 'content', kind)
    if (read.oddShapes > 0) return WRONG_SHAPE
    uninspectable += read.uninspectable
    for (const text of read.texts) if (text.text !== '') segments.push({ message: index, role, ...text })
  }
  return { kind: 'ok', value: { ...settings, segments, uninspectable } }
}

/** Ollama reads roles in any case. */
function readRole(role: unknown): Role {
  return (typeof role === 'string' ? ROLES.get(role.toLowerCase()) : undefined) ?? 'user'
}
