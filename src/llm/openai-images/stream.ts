import { DecodedFrame } from '../decoded-frame.ts'
import type { Part, StreamDecoder } from '../format.ts'
import { isPresent, type JsonObject } from '../json-body.ts'
import { errorOrWrong, openJsonEvents } from '../json-events.ts'
import { isPictureEvent, PICTURES } from './response.ts'

/** `image_generation.partial_image` and `.completed`, and the same of `image_edit`: pictures. */
export function openStream(): StreamDecoder {
  return openJsonEvents(
    DecodedFrame,
    event => (isPictureEvent(event) ? { parts: readEvent(event) } : errorOrWrong(event)),
    { repeats: true },
  )
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
