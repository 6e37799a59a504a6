import { type Completion, type Decoded, WRONG_SHAPE } from '../format.ts'
import { decodeJsonObject, isJsonObject, textsInside } from '../json-body.ts'
import { Gathering, gatherBlocks, traceTexts } from './message.ts'

/** The body of a `Converse` answer: one choice. */
export function decodeResponse(body: Uint8Array): Decoded<Completion> {
  const json = decodeJsonObject(body)
  if (json.kind !== 'ok') return json
  const root = json.value
  if (!isJsonObject(root.output) || !isJsonObject(root.output.message)) return WRONG_SHAPE
  const into = new Gathering('response')
  const at = { role: 'assistant', kind: 'content' } as const
  gatherBlocks(into, root.output.message.content, { ...at, path: ['output', 'message', 'content'] })
  const fields = textsInside(root.additionalModelResponseFields, ['additionalModelResponseFields'])
  for (const { path, text } of [...fields, ...traceTexts(root.trace, ['trace'])]) {
    into.add({ ...at, path }, text)
  }
  return into.toCompletion()
}

/** A whole answer, or the payload that begins a stream: `messageStart`, with padding beside the role. */
export function claimsResponse(value: unknown): boolean {
  if (!isJsonObject(value)) return false
  if (isJsonObject(value.output) && isJsonObject(value.output.message)) {
    return Array.isArray(value.output.message.content) && typeof value.stopReason === 'string'
  }
  return value.role === 'assistant' && Object.keys(value).every(key => key === 'role' || key === 'p')
}
