import { BodyReading } from '../body-texts.ts'
import type { JsonPath, Role, TextKind, TextSyntax } from '../format.ts'
import { isJsonObject, isPresent, textsInside } from '../json-body.ts'

/** Who says a text, and what sort of text it is. */
export interface Voice {
  readonly role: Role
  readonly kind: TextKind
}

/** A text inside what was read; `place` leads to it from there, not from the body's root. It may be empty. */
export interface PlacedText extends Voice {
  readonly text: string
  readonly syntax?: TextSyntax
  readonly place: JsonPath
}

/** The texts of one item or content part, in the order in which they are said. */
export class Reading extends BodyReading {
  readonly texts: PlacedText[] = []

  add({ role, kind }: Voice, place: JsonPath, text: string, syntax?: TextSyntax): void {
    this.texts.push({ role, kind, text, syntax, place })
  }
}

/** A string, or parts of which some are text. */
export function readContent(into: Reading, content: unknown, voice: Voice, place: JsonPath): void {
  if (typeof content === 'string') into.add(voice, place, content)
  else if (Array.isArray(content)) {
    for (const [index, part] of content.entries()) readPart(into, part, voice, [...place, index])
  } else if (isPresent(content)) into.addOddShape()
}

const TEXT_PARTS: ReadonlySet<unknown> = new Set(['input_text', 'output_text', 'text'])
const REASONING_PARTS: ReadonlySet<unknown> = new Set(['reasoning_text', 'summary_text'])

/** One part of a content list. Of a part that is not text what words there are beside the rest are read. */
export function readPart(into: Reading, part: unknown, voice: Voice, place: JsonPath): void {
  if (typeof part === 'string') into.add(voice, place, part)
  else if (!isJsonObject(part)) into.addOddShape()
  else if (TEXT_PARTS.has(part.type)) {
    readString(into, part.text, voice, [...place, 'text'])
    readAnnotations(into, part.annotations, voice, [...place, 'annotations'])
  } else if (REASONING_PARTS.has(part.type)) {
    readString(into, part.text, { ...voice, kind: 'reasoning' }, [...place, 'text'])
  } else if (part.type === 'refusal') {
    readString(into, part.refusal, { ...voice, kind: 'refusal' }, [...place, 'refusal'])
  } else {
    into.uninspectable++
    for (const key of ['text', 'transcript'] as const) {
      const text = part[key]
      if (typeof text === 'string') into.add(voice, [...place, key], text)
    }
  }
}

function readString(into: Reading, text: unknown, voice: Voice, place: JsonPath): void {
  if (typeof text === 'string') into.add(voice, place, text)
  else into.addOddShape()
}

function readAnnotations(into: Reading, annotations: unknown, voice: Voice, place: JsonPath): void {
  if (Array.isArray(annotations)) {
    for (const [index, annotation] of annotations.entries())
      readAnnotation(into, annotation, voice, [...place, index])
  } else if (isPresent(annotations)) into.uninspectable++
}

/** What an answer cites: title and address of a page, name of a file. */
export function readAnnotation(into: Reading, annotation: unknown, voice: Voice, place: JsonPath): void {
  if (isJsonObject(annotation)) readStrings(into, annotation, voice, place)
  else into.uninspectable++
}

/** Keys under which the API keeps names of things, which nobody says. */
const NAMES: ReadonlySet<unknown> = new Set([
  'type',
  'status',
  'id',
  'call_id',
  'file_id',
  'container_id',
  'created_by',
])

/** Every string inside `value` that may be said. */
export function readStrings(into: Reading, value: unknown, voice: Voice, place: JsonPath): void {
  for (const { path, text } of textsInside(value, place)) {
    // Attributes have keys of the user's own.
    if (!NAMES.has(path.at(-1)) || path.includes('attributes')) into.add(voice, path, text)
  }
}

/** Arguments are JSON inside a string; where they are a bare value each string in it is a text. */
export function readArguments(into: Reading, called: unknown, voice: Voice, place: JsonPath): void {
  if (typeof called === 'string') into.add(voice, place, called, 'json')
  else for (const { path, text } of textsInside(called, place)) into.add(voice, path, text)
}

/** What is told of tools: every description, however deep. Names and schemas are no text. */
export function readDescriptions(into: Reading, tools: unknown, voice: Voice, place: JsonPath): void {
  for (const { path, text } of textsInside(tools, place)) {
    if (path.at(-1) === 'description') into.add(voice, path, text)
  }
}
