import { type Completion, type Decoded, type JsonPath, NO_TEXT, WRONG_SHAPE } from '../format.ts'
import { decodeJsonBody, decodeJsonObject, isJsonObject, isPresent, type JsonObject } from '../json-body.ts'
import { Gathering, gatherContent, gatherText } from './message.ts'

/** A `message` body. */
export function decodeResponse(body: Uint8Array): Decoded<Completion> {
  const json = decodeJsonObject(body)
  if (json.kind !== 'ok') return json
  const root = json.value
  if (!isPresent(root.content)) return WRONG_SHAPE
  const into = new Gathering('response')
  gatherAnswer(into, root, [])
  return into.toCompletion()
}

/** Everything that is said in an answer, whole or as `message_start` has it. */
export function gatherAnswer(into: Gathering, message: JsonObject, path: JsonPath): void {
  gatherContent(into, message.content, 'content', [...path, 'content'])
  gatherStopDetails(into, message, path)
}

/** Why the model refused: in a message, or in the `delta` of a `message_delta`. */
export function gatherStopDetails(into: Gathering, holder: JsonObject, path: JsonPath): void {
  const details = holder.stop_details
  if (isJsonObject(details)) {
    gatherText(into, details.explanation, 'refusal', [...path, 'stop_details', 'explanation'])
  } else if (isPresent(details)) into.addOddShape()
}

/** `{"input_tokens":7}`, which holds no text; anything else is read as a message. */
export function decodeTokenCount(body: Uint8Array): Decoded<Completion> {
  const json = decodeJsonBody(body)
  return json.kind === 'ok' && claimsTokenCount(json.value) ? NO_TEXT : decodeResponse(body)
}

/** A batch says how it is doing, never what was answered; anything else is read as a message. */
export function decodeBatch(body: Uint8Array): Decoded<Completion> {
  const json = decodeJsonBody(body)
  return json.kind === 'ok' && claimsBatch(json.value) ? NO_TEXT : decodeResponse(body)
}

/** A `message` body, or what a stream begins with: some servers send a `ping` before anything else. */
export function claimsResponse(value: unknown): boolean {
  if (!isJsonObject(value)) return false
  if (value.type === 'message') return value.role === 'assistant' && Array.isArray(value.content)
  if (value.type === 'message_start') return isJsonObject(value.message)
  return value.type === 'ping' && Object.keys(value).length === 1
}

export function claimsTokenCount(value: unknown): boolean {
  if (!isJsonObject(value) || typeof value.input_tokens !== 'number') return false
  return Object.keys(value).every(key => key === 'input_tokens' || key === 'context_management')
}

export function claimsBatch(value: unknown): boolean {
  return isJsonObject(value) && value.type === 'message_batch'
}
