import type { Completion, Decoded } from '../format.ts'
import { decodeJsonBody, isJsonObject } from '../json-body.ts'

/** Vectors, be they lists of numbers or base64: no text. */
export function decodeResponse(body: Uint8Array): Decoded<Completion> {
  const json = decodeJsonBody(body)
  if (json.kind !== 'ok') return json
  return isJsonObject(json.value) && Array.isArray(json.value.data) && json.value.data.every(isVector)
    ? { kind: 'ok', value: { segments: [], uninspectable: 0 } }
    : { kind: 'undecodable', reason: 'wrong-shape' }
}

function isVector(item: unknown): boolean {
  return isJsonObject(item) && (Array.isArray(item.embedding) || typeof item.embedding === 'string')
}

export function claimsResponse(value: unknown): boolean {
  return (
    isJsonObject(value) && Array.isArray(value.data) && value.data.length > 0 && value.data.every(isVector)
  )
}
