import { BodyTexts } from '../body-texts.ts'
import { type Completion, type Decoded, WRONG_SHAPE } from '../format.ts'
import { decodeJsonObject, isJsonObject, isPresent, type JsonObject } from '../json-body.ts'

/** Where a picture is, in itself or by reference: no guard of texts can look at it. */
export const PICTURES = ['b64_json', 'url'] as const

/** An answer of pictures; a segment's `message` is its picture's place in `data`. */
export function decodeResponse(body: Uint8Array): Decoded<Completion> {
  const json = decodeJsonObject(body)
  if (json.kind !== 'ok') return json
  const root = json.value
  if (!Array.isArray(root.data)) return WRONG_SHAPE
  const into = new BodyTexts('response')
  for (const [index, picture] of root.data.entries()) {
    if (!isJsonObject(picture)) return WRONG_SHAPE
    into.uninspectable += pictureCount(picture)
    const text = picture.revised_prompt
    const path = ['data', index, 'revised_prompt']
    if (typeof text === 'string') {
      into.push({ message: index, role: 'assistant', kind: 'content', text, path })
    } else if (isPresent(text)) into.addOddShape()
  }
  return into.toCompletion()
}

function pictureCount(picture: JsonObject): number {
  return PICTURES.filter(key => isPresent(picture[key])).length
}

/** Whether an event of a stream brings a picture. */
export function isPictureEvent({ type }: JsonObject): boolean {
  return typeof type === 'string' && /^image_(?:generation|edit)\./.test(type)
}

export function claimsResponse(value: unknown): boolean {
  if (!isJsonObject(value)) return false
  const { created, data } = value
  if (isPictureEvent(value)) return true
  if (typeof created !== 'number' || !Array.isArray(data) || data.length === 0) return false
  return data.every(item => isJsonObject(item) && pictureCount(item) > 0)
}
