import { BodyTexts } from '../body-texts.ts'
import { DecodedFrame } from '../decoded-frame.ts'
import { type Completion, type Decoded, type Part, type StreamDecoder, WRONG_SHAPE } from '../format.ts'
import { decodeJsonObject, isJsonObject, isPresent, type JsonObject } from '../json-body.ts'
import { errorOrWrong, openJsonEvents } from '../json-events.ts'

/** Where a picture is, in itself or by reference: no guard of texts can look at it. */
const PICTURES = ['b64_json', 'url'] as const

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

/** `image_generation.partial_image` and `.completed`, and the same of `image_edit`: pictures. */
export function openStream(): StreamDecoder {
  return openJsonEvents(
    DecodedFrame,
    event => (isPictureEvent(event) ? { parts: readEvent(event) } : errorOrWrong(event)),
    { repeats: true },
  )
}

function isPictureEvent({ type }: JsonObject): boolean {
  return typeof type === 'string' && /^image_(?:generation|edit)\./.test(type)
}

function readEvent(event: JsonObject): readonly Part[] {
  const parts: Part[] = PICTURES.flatMap(key => (isPresent(event[key]) ? [{ kind: 'uninspectable' }] : []))
  const text = event.revised_prompt
  if (typeof text === 'string' && text !== '') {
    // Each event says all of it.
    const where = { choice: 0, textKind: 'content', block: 0 } as const
    parts.push({ kind: 'text-repeat', ...where, text, path: ['revised_prompt'] })
  } else if (isPresent(text) && text !== '') parts.push({ kind: 'uninspectable' })
  return parts
}

export function claimsResponse(value: unknown): boolean {
  if (!isJsonObject(value)) return false
  const { created, data } = value
  if (isPictureEvent(value)) return true
  if (typeof created !== 'number' || !Array.isArray(data) || data.length === 0) return false
  return data.every(item => isJsonObject(item) && pictureCount(item) > 0)
}
