import { WeirError } from '../errors.ts'
import type { JsonPath, Part, TextEdit } from './format.ts'

/** A frame's parts with texts replaced, in the same places. Throws when an edit names none of them, or one twice. */
export function withTexts(parts: readonly Part[], edits: readonly TextEdit[]): readonly Part[] {
  const texts = new Map(edits.map(({ path, text }) => [keyOf(path), text]))
  let used = 0
  const edited = parts.map(part => {
    const hasText = part.kind === 'text-delta' || part.kind === 'text-repeat'
    const text = hasText ? texts.get(keyOf(part.path)) : undefined
    if (text === undefined) return part
    used++
    return { ...part, text }
  })
  if (used !== edits.length) throw new WeirError('bug', 'an edit names no text of its frame, or one twice')
  return edited
}

/** A path as the key of a map. */
export function keyOf(path: JsonPath): string {
  return JSON.stringify(path)
}
