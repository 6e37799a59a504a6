import { BodyTexts } from '../body-texts.ts'
import { type Completion, type Decoded, WRONG_SHAPE } from '../format.ts'
import { decodeJsonObject, isJsonObject } from '../json-body.ts'
import { choiceTexts } from './choice.ts'

/** A `text_completion` body; a segment's `message` is its choice's place in `choices`. */
export function decodeResponse(body: Uint8Array): Decoded<Completion> {
  const json = decodeJsonObject(body)
  if (json.kind !== 'ok') return json
  const root = json.value
  if (!Array.isArray(root.choices)) return WRONG_SHAPE
  const into = new BodyTexts('response')
  for (const [index, choice] of root.choices.entries()) {
    if (!isJsonObject(choice)) return WRONG_SHAPE
    const texts = choiceTexts(choice)
    // A choice that says nothing still says so.
    if (texts.length === 0 && typeof choice.text !== 'string' && !isJsonObject(choice.message)) {
      return WRONG_SHAPE
    }
    for (const { text, path } of texts) {
      const place = ['choices', index, ...path]
      if (text === undefined) into.uninspectable++
      else into.push({ message: index, role: 'assistant', kind: 'content', text, path: place })
    }
  }
  return into.toCompletion()
}

/** Chat completions also have `choices`: only the name tells. */
export function claimsResponse(value: unknown): boolean {
  return isJsonObject(value) && value.object === 'text_completion' && Array.isArray(value.choices)
}
