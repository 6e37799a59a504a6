import { BodyTexts } from '../body-texts.ts'
import { type Completion, type Decoded, type JsonPath, WRONG_SHAPE } from '../format.ts'
import { decodeJsonBody, isJsonObject, type JsonObject } from '../json-body.ts'
import { readDocument } from './document.ts'

/** Scores, and the texts of the documents where the client asked for them. */
export function decodeResponse(body: Uint8Array): Decoded<Completion> {
  const json = decodeJsonBody(body)
  if (json.kind !== 'ok') return json
  const list = rankingOf(json.value)
  if (list === undefined) return WRONG_SHAPE
  const into = new BodyTexts('response')
  for (const [index, ranked] of list.items.entries()) {
    for (const key of ['document', 'text'] as const) {
      const document = readDocument(ranked[key], [...list.path, index, key])
      into.uninspectable += document.uninspectable
      for (const { path, text } of document.texts) {
        into.push({ message: index, role: 'assistant', kind: 'content', text, path })
      }
    }
  }
  return into.toCompletion()
}

interface Ranking {
  readonly path: JsonPath
  readonly items: readonly JsonObject[]
}

/** `results` at Cohere, Jina and vLLM, `data` at Voyage, the bare list at text-embeddings-inference. */
function rankingOf(value: unknown): Ranking | undefined {
  if (Array.isArray(value)) return ranking(value, [])
  if (!isJsonObject(value)) return undefined
  return ranking(value.results, ['results']) ?? ranking(value.data, ['data'])
}

function ranking(list: unknown, path: JsonPath): Ranking | undefined {
  if (!Array.isArray(list)) return undefined
  const items = list.filter(isRanked)
  return items.length === list.length ? { path, items } : undefined
}

function isRanked(item: unknown): item is JsonObject {
  return isJsonObject(item) && (typeof item.relevance_score === 'number' || typeof item.score === 'number')
}

/** Only by the name that no other API has: lists of `score` are common. */
export function claimsResponse(value: unknown): boolean {
  if (!isJsonObject(value)) return false
  const items = rankingOf(value)?.items ?? []
  return items.length > 0 && items.every(item => typeof item.relevance_score === 'number')
}
