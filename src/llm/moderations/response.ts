import { type Completion, type Decoded, NO_TEXT, WRONG_SHAPE } from '../format.ts'
import { decodeJsonObject, isJsonObject } from '../json-body.ts'

/** Flags and scores: no text. */
export function decodeResponse(body: Uint8Array): Decoded<Completion> {
  const json = decodeJsonObject(body)
  if (json.kind !== 'ok') return json
  const { results } = json.value
  return Array.isArray(results) && results.every(isJudgement) ? NO_TEXT : WRONG_SHAPE
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
