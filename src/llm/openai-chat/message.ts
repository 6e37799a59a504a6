import type { MessageTexts, Speaker } from '../body-texts.ts'
import type { JsonPath, TextKind } from '../format.ts'
import { isJsonObject, isPresent, type JsonObject } from '../json-body.ts'

/** Reads every text of a request's or a response's message, in the order in which they are said. */
export function gatherMessage(into: MessageTexts, message: JsonObject, speaker: Speaker): void {
  gatherReasoning(into, message, speaker)
  const kind = speaker.role === 'tool' ? 'tool-result' : 'content'
  gatherContent(into, message.content, speaker, kind, ['content'])
  into.addText(speaker, 'refusal', ['refusal'], message.refusal)
  gatherAudio(into, message.audio, speaker)
  gatherAnnotations(into, message.annotations, speaker)
  gatherToolCalls(into, message.tool_calls, speaker)
  if (isPresent(message.function_call))
    gatherArguments(into, message.function_call, speaker, ['function_call'])
}

/** A string, or parts of which some are text. */
export function gatherContent(
  into: MessageTexts,
  content: unknown,
  speaker: Speaker,
  kind: TextKind,
  place: JsonPath,
): void {
  if (!Array.isArray(content)) {
    into.addText(speaker, kind, place, content)
    return
  }
  for (const [index, part] of content.entries()) gatherPart(into, part, speaker, kind, [...place, index])
}

function gatherPart(
  into: MessageTexts,
  part: unknown,
  speaker: Speaker,
  kind: TextKind,
  place: JsonPath,
): void {
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

/** The vendors' extensions: `reasoning_content` (DeepSeek, vLLM), `reasoning` and its details (OpenRouter). */
function gatherReasoning(into: MessageTexts, message: JsonObject, speaker: Speaker): void {
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
function gatherAudio(into: MessageTexts, audio: unknown, speaker: Speaker): void {
  if (!isPresent(audio)) return
  into.uninspectable++
  if (isJsonObject(audio) && typeof audio.transcript === 'string') {
    into.add(speaker, 'content', ['audio', 'transcript'], audio.transcript)
  }
}

function gatherAnnotations(into: MessageTexts, annotations: unknown, speaker: Speaker): void {
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

function gatherToolCalls(into: MessageTexts, calls: unknown, speaker: Speaker): void {
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

function gatherArguments(into: MessageTexts, called: unknown, speaker: Speaker, place: JsonPath): void {
  if (isJsonObject(called)) into.addArguments(speaker, [...place, 'arguments'], called.arguments)
  else into.addOddShape()
}

function listOf(into: MessageTexts, value: unknown): Iterable<[number, unknown]> {
  if (Array.isArray(value)) return value.entries()
  if (isPresent(value)) into.uninspectable++
  return []
}
