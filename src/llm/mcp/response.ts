import { type Completion, type Decoded, NO_TEXT, WRONG_SHAPE } from '../format.ts'
import { decodeJsonBody, isJsonObject } from '../json-body.ts'
import { gatherMessages, messagesIn } from './message.ts'

/** An answer to a POST. A segment's `message` is its message's place in an array of answers. */
export function decodeResponse(body: Uint8Array): Decoded<Completion> {
  // Notifications are answered 202 without a body, by some servers under a content type all the same.
  if (body.byteLength === 0) return NO_TEXT
  const json = decodeJsonBody(body)
  if (json.kind !== 'ok') return json
  const messages = messagesIn(json.value)
  if (messages === undefined) return WRONG_SHAPE
  return { kind: 'ok', value: gatherMessages('response', messages) }
}

/** No other API's answers are JSON-RPC; that of other protocols has results that are no objects. */
export function claimsResponse(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0 && value.every(isMcpMessage)
  return isMcpMessage(value)
}

function isMcpMessage(value: unknown): boolean {
  if (!isJsonObject(value) || value.jsonrpc !== '2.0') return false
  return typeof value.method === 'string' || isJsonObject(value.result) || isJsonObject(value.error)
}
