import type { JsonPath, Role, TextKind, TextSegment, TextSyntax } from '../format.ts'
import { isJsonObject, type JsonObject, textsInside } from '../json-body.ts'

/** Whose message is read: its index and role for the segments, its place in the body for their paths. */
export interface Speaker {
  readonly message: number
  readonly role: Role
  readonly path: JsonPath
}

/** The texts of a body, gathered message by message. */
export class Gathering {
  readonly segments: TextSegment[] = []
  /** Parts that hold something no guard can read. */
  uninspectable = 0
  /** A text stood in a shape that this API does not have: the body must count as undecodable. */
  malformed = false
  readonly #oddShape: 'malformed' | 'uninspectable'

  /**
   * `oddShape` says what a value of the wrong type makes of the body. In a request the upstream would refuse it
   * as well; an upstream's own extension in an answer is no reason to refuse the answer.
   */
  constructor(oddShape: 'malformed' | 'uninspectable') {
    this.#oddShape = oddShape
  }

  add(speaker: Speaker, kind: TextKind, place: JsonPath, text: string, syntax?: TextSyntax): void {
    if (text === '') return
    const { message, role, path } = speaker
    this.segments.push({ message, role, kind, text, syntax, path: [...path, ...place] })
  }

  addOddShape(): void {
    if (this.#oddShape === 'malformed') this.malformed = true
    else this.uninspectable++
  }
}

/** Reads every text of a request's or a response's message, in the order in which they are said. */
export function gatherMessage(into: Gathering, message: JsonObject, speaker: Speaker): void {
  gatherReasoning(into, message, speaker)
  const kind = speaker.role === 'tool' ? 'tool-result' : 'content'
  gatherContent(into, message.content, speaker, kind, ['content'])
  gatherText(into, message.refusal, speaker, 'refusal', ['refusal'])
  gatherAudio(into, message.audio, speaker)
  gatherAnnotations(into, message.annotations, speaker)
  gatherToolCalls(into, message.tool_calls, speaker)
  if (isPresent(message.function_call))
    gatherArguments(into, message.function_call, speaker, ['function_call'])
}

/** A string, or parts of which some are text. */
export function gatherContent(
  into: Gathering,
  content: unknown,
  speaker: Speaker,
  kind: TextKind,
  place: JsonPath,
): void {
  if (!Array.isArray(content)) {
    gatherText(into, content, speaker, kind, place)
    return
  }
  for (const [index, part] of content.entries()) gatherPart(into, part, speaker, kind, [...place, index])
}

function gatherPart(into: Gathering, part: unknown, speaker: Speaker, kind: TextKind, place: JsonPath): void {
  if (typeof part === 'string') into.add(speaker, kind, place, part)
  else if (!isJsonObject(part)) into.addOddShape()
  else if (part.type === 'text' && typeof part.text === 'string')
    into.add(speaker, kind, [...place, 'text'], part.text)
  else if (part.type === 'refusal' && typeof part.refusal === 'string') {
    into.add(speaker, 'refusal', [...place, 'refusal'], part.refusal)
  } else if (part.type === 'text' || part.type === 'refusal') into.addOddShape()
  else {
    into.uninspectable++
    if (typeof part.text === 'string') into.add(speaker, kind, [...place, 'text'], part.text)
  }
}

function gatherText(into: Gathering, text: unknown, speaker: Speaker, kind: TextKind, place: JsonPath): void {
  if (typeof text === 'string') into.add(speaker, kind, place, text)
  else if (isPresent(text)) into.addOddShape()
}

/** The vendors' extensions: `reasoning_content` (DeepSeek, vLLM), `reasoning` and its details (OpenRouter). */
function gatherReasoning(into: Gathering, message: JsonObject, speaker: Speaker): void {
  for (const key of ['reasoning_content', 'reasoning'] as const) {
    const text = message[key]
    if (typeof text === 'string') into.add(speaker, 'reasoning', [key], text)
    else if (isPresent(text)) into.uninspectable++
  }
  for (const [index, detail] of listOf(into, message.reasoning_details)) {
    for (const { key, text } of reasoningDetailTexts(detail)) {
      into.add(speaker, 'reasoning', ['reasoning_details', index, key], text)
    }
    if (isOpaqueReasoning(detail)) into.uninspectable++
  }
}

/** The readable texts of one entry of `reasoning_details`. */
export function reasoningDetailTexts(detail: unknown): readonly { key: 'text' | 'summary'; text: string }[] {
  if (!isJsonObject(detail)) return []
  return (['text', 'summary'] as const).flatMap(key => {
    const text = detail[key]
    return typeof text === 'string' ? [{ key, text }] : []
  })
}

/** Encrypted reasoning, or an entry of a type that this room does not know. */
export function isOpaqueReasoning(detail: unknown): boolean {
  return reasoningDetailTexts(detail).length === 0
}

/** Sound has a transcript in an answer and only an id in a request that refers to an earlier answer. */
function gatherAudio(into: Gathering, audio: unknown, speaker: Speaker): void {
  if (!isPresent(audio)) return
  into.uninspectable++
  if (isJsonObject(audio) && typeof audio.transcript === 'string') {
    into.add(speaker, 'content', ['audio', 'transcript'], audio.transcript)
  }
}

function gatherAnnotations(into: Gathering, annotations: unknown, speaker: Speaker): void {
  for (const [index, annotation] of listOf(into, annotations)) {
    const texts = citationTexts(annotation)
    if (texts === undefined) into.uninspectable++
    else {
      for (const { key, text } of texts) {
        into.add(speaker, 'content', ['annotations', index, 'url_citation', key], text)
      }
    }
  }
}

/** Title and address of a web page that the answer cites; undefined for any other annotation. */
export function citationTexts(
  annotation: unknown,
): readonly { key: 'title' | 'url'; text: string }[] | undefined {
  if (!isJsonObject(annotation) || !isJsonObject(annotation.url_citation)) return undefined
  const citation = annotation.url_citation
  return (['title', 'url'] as const).flatMap(key => {
    const text = citation[key]
    return typeof text === 'string' ? [{ key, text }] : []
  })
}

function gatherToolCalls(into: Gathering, calls: unknown, speaker: Speaker): void {
  if (isPresent(calls) && !Array.isArray(calls)) into.addOddShape()
  if (!Array.isArray(calls)) return
  for (const [index, call] of calls.entries()) {
    if (!isJsonObject(call)) into.addOddShape()
    else if (isJsonObject(call.function)) {
      gatherArguments(into, call.function, speaker, ['tool_calls', index, 'function'])
    } else if (isJsonObject(call.custom) && typeof call.custom.input === 'string') {
      into.add(speaker, 'tool-call', ['tool_calls', index, 'custom', 'input'], call.custom.input)
    } else into.uninspectable++
  }
}

/** Arguments are JSON inside a string; lenient servers also take and send the bare object. */
function gatherArguments(into: Gathering, called: unknown, speaker: Speaker, place: JsonPath): void {
  if (!isJsonObject(called)) {
    into.addOddShape()
    return
  }
  const syntax = typeof called.arguments === 'string' ? 'json' : undefined
  for (const { path, text } of textsInside(called.arguments, [...place, 'arguments'])) {
    into.add(speaker, 'tool-call', path, text, syntax)
  }
}

function listOf(into: Gathering, value: unknown): Iterable<[number, unknown]> {
  if (Array.isArray(value)) return value.entries()
  if (isPresent(value)) into.uninspectable++
  return []
}

/** The APIs and their SDKs write an absent field as null as often as they leave it out. */
export function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null
}
