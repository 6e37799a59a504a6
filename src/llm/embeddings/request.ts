import { type Decoded, type LlmRequest, WRONG_SHAPE } from '../format.ts'
import { isPresent } from '../json-body.ts'
import { gatherInput, RequestTexts, requestOf } from '../request-texts.ts'
import { decodeRequestObject } from '../strict-json.ts'

/**
 * `input` is the API's own; servers that also take chats, pairs of texts or more than text have the others beside it or
 * in its place.
 */
const INPUTS = ['input', 'inputs', 'texts', 'messages', 'prompt', 'instruction'] as const

/** A `POST …/embeddings` body. */
export function decodeRequest(body: Uint8Array): Decoded<LlmRequest> {
  const json = decodeRequestObject(body)
  if (json.kind !== 'ok') return json
  const root = json.value
  const present = INPUTS.filter(key => isPresent(root[key]))
  if (present.length === 0) return WRONG_SHAPE
  const into = new RequestTexts()
  for (const key of present) gatherInput(into, root[key], [key], into.segments.length)
  return requestOf(into, root.model, false)
}
