import type { Decoded, LlmRequest } from '../format.ts'
import { isJsonObject } from '../json-body.ts'
import { gatherInput, isPresent, RequestTexts, requestOf } from '../request-texts.ts'
import { decodeRequestJson } from '../strict-json.ts'

/** A `POST …/moderations` body. */
export function decodeRequest(body: Uint8Array): Decoded<LlmRequest> {
  const json = decodeRequestJson(body)
  if (json.kind !== 'ok') return json
  const root = json.value
  if (!isJsonObject(root) || !isPresent(root.input)) return { kind: 'undecodable', reason: 'wrong-shape' }
  const into = new RequestTexts()
  gatherInput(into, root.input, ['input'])
  return requestOf(into, root.model, false)
}
