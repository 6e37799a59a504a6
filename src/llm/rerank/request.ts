import { type Decoded, type LlmRequest, WRONG_SHAPE } from '../format.ts'
import { isPresent } from '../json-body.ts'
import { RequestTexts, requestOf } from '../request-texts.ts'
import { decodeRequestObject } from '../strict-json.ts'
import { isDocument, readDocument } from './document.ts'

/** `documents` at Cohere and most others, `texts` at text-embeddings-inference. */
const LISTS = ['documents', 'texts'] as const

/** A `POST …/rerank` body: the query is the user's, the documents are what a search found. */
export function decodeRequest(body: Uint8Array): Decoded<LlmRequest> {
  const json = decodeRequestObject(body)
  if (json.kind !== 'ok') return json
  const root = json.value
  if (!isDocument(root.query)) return WRONG_SHAPE
  const present = LISTS.filter(key => isPresent(root[key]))
  if (present.length === 0) return WRONG_SHAPE
  const into = new RequestTexts()
  const query = readDocument(root.query, ['query'])
  for (const { path, text } of query.texts) into.add(0, path, text)
  into.uninspectable += query.uninspectable
  let message = 1
  for (const key of present) {
    const list = root[key]
    if (!Array.isArray(list) || !list.every(isDocument)) return WRONG_SHAPE
    for (const [index, document] of list.entries()) {
      const { texts, uninspectable } = readDocument(document, [key, index])
      for (const { path, text } of texts) into.add(message, path, text, 'tool', 'tool-result')
      into.uninspectable += uninspectable
      message++
    }
  }
  return requestOf(into, root.model, false)
}
