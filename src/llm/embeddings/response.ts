import { type Completion, type Decoded, NO_TEXT, WRONG_SHAPE } from '../format.ts'
import { decodeJsonObject, isJsonObject } from '../json-body.ts'

/** Vectors, be they lists of numbers or base64: no text. */
export function decodeResponse(body: Uint8Array): Decoded<Completion> {
  const json = decodeJsonObject(body)
  if (json.kind !== 'ok') return json
  const { data } = json.value
  return Array.isArray(data) && data.every(isVector) ? NO_TEXT : WRONG_SHAPE
}

function isVector(item: unknown): boolean {
  return isJsonObject(item) && (Array.isArray(item.embedding) || typeof item.embedding === 'string')
}

export function claimsResponse(value: unknown): boolean {
  return (
    isJsonObject(value) && Array.isArray(value.data) && value.data.length > 0 && value.data.every(isVector)
  )
}
