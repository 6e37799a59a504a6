import { type Decoded, type LlmRequest, WRONG_SHAPE } from '../format.ts'
import { isPresent } from '../json-body.ts'
import { gatherInput, RequestTexts, requestOf } from '../request-texts.ts'
import { decodeRequestObject } from '../strict-json.ts'

/** A `POST …/moderations` body. */
export function decodeRequest(body: Uint8Array): Decoded<LlmRequest> {
  const json = decodeRequestObject(body)
  if (json.kind !== 'ok') return json
  const root = json.value
  if (!isPresent(root.input)) return WRONG_SHAPE
  const into = new RequestTexts()
  gatherInput(into, root.input, ['input'])
  return requestOf(into, root.model, false)
}
