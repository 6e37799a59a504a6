import { type Decoded, type LlmRequest, type TextSegment, WRONG_SHAPE } from '../format.ts'
import { isPresent } from '../json-body.ts'
import { readSettings } from '../ollama-request.ts'
import { decodeRequestObject } from '../strict-json.ts'

/** Where the texts stand, in the order in which the model sees them; what comes after the answer is the user's too. */
const TEXTS = [
  { key: 'system', message: 0, role: 'system' },
  { key: 'template', message: 0, role: 'system' },
  { key: 'prompt', message: 1, role: 'user' },
  { key: 'suffix', message: 1, role: 'user' },
] as const

/** A `POST …/api/generate` body. Without a prompt it only loads the model. */
export function decodeRequest(body: Uint8Array): Decoded<LlmRequest> {
  const json = decodeRequestObject(body)
  if (json.kind !== 'ok') return json
  const root = json.value
  const settings = readSettings(root)
  const images = countItems(root.images)
  const contextIds = countItems(root.context)
  if (settings === 'wrong-shape' || images === 'wrong-shape' || contextIds === 'wrong-shape')
    return WRONG_SHAPE
  const segments: TextSegment[] = []
  for (const { key, message, role } of TEXTS) {
    const text = root[key]
    if (isPresent(text) && typeof text !== 'string') return WRONG_SHAPE
    if (typeof text === 'string' && text !== '') {
      segments.push({ message, role, kind: 'content', text, path: [key] })
    }
  }
  // The conversation so far, as token ids.
  const uninspectable = images + (contextIds > 0 ? 1 : 0)
  return { kind: 'ok', value: { ...settings, segments, uninspectable } }
}

function countItems(value: unknown): number | 'wrong-shape' {
  if (!isPresent(value)) return 0
  return Array.isArray(value) ? value.length : 'wrong-shape'
}
