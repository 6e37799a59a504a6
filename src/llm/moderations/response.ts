import type { Completion, Decoded } from '../format.ts'
import { decodeJsonBody, isJsonObject } from '../json-body.ts'

/** Flags and scores: no text. */
export function decodeResponse(body: Uint8Array): Decoded<Completion> {
  const json = decodeJsonBody(body)
  if (json.kind !== 'ok') return json
  return isJsonObject(json.value) &&
    Array.isArray(json.value.results) &&
    json.value.results.every(isJudgement)
    ? { kind: 'ok', value: { segments: [], uninspectable: 0 } }
    : { kind: 'undecodable', reason: 'wrong-shape' }
}

function isJudgement(item: unknown): boolean {
  return isJsonObject(item) && isJsonObject(item.categories)
}

export function claimsResponse(value: unknown): boolean {
  return (
    isJsonObject(value) &&
    Array.isArray(value.results) &&
    value.results.length > 0 &&
    value.results.every(isJudgement)
  )
}
