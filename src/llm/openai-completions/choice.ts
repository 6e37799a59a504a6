import type { JsonPath } from '../format.ts'
import { isJsonObject, isPresent, type JsonObject } from '../json-body.ts'

/** Where a choice holds text: `text` in this API; servers that answer in the shape of a chat have it elsewhere. */
const PLACES: readonly JsonPath[] = [['text'], ['message', 'content'], ['delta', 'content']]

/** A place of a choice that is not empty. */
export interface ChoiceText {
  /** Undefined: what stands there is no string, and cannot be read. */
  readonly text: string | undefined
  readonly path: JsonPath
  /** Position among the places, so that texts side by side stay apart. */
  readonly place: number
}

export function choiceTexts(choice: JsonObject): readonly ChoiceText[] {
  return PLACES.flatMap((path, place) => {
    const value = path.reduce<unknown>((at, key) => (isJsonObject(at) ? at[key] : undefined), choice)
    if (!isPresent(value) || value === '') return []
    return [{ text: typeof value === 'string' ? value : undefined, path, place }]
  })
}
