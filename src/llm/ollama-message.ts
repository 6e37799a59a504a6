import type { JsonPath, TextKind, TextSyntax } from './format.ts'
import { isJsonObject, isPresent, type JsonObject, textsInside } from './json-body.ts'

/** One text of an Ollama message. */
export interface OllamaText {
  readonly kind: TextKind
  /** Empty only for a tool call that has no text, whose place it keeps. */
  readonly text: string
  readonly syntax: TextSyntax | undefined
  readonly path: JsonPath
}

export interface OllamaTexts {
  readonly texts: readonly OllamaText[]
  /** Parts that hold something no guard can read. */
  readonly uninspectable: number
  /** Values of a type that Ollama itself neither takes nor sends. */
  readonly oddShapes: number
}

/**
 * What one message says: an entry of a chat request's `messages`, a chat answer's `message`, or a generate answer, which
 * has the same fields but calls its content `response`. `contentKind` is what the message's content counts as.
 */
export function readMessage(
  message: JsonObject,
  path: JsonPath,
  contentKey: 'content' | 'response',
  contentKind: TextKind = 'content',
): OllamaTexts {
  const reading = new Reading(path)
  reading.addText('reasoning', message.thinking, ['thinking'])
  reading.addText(contentKind, message[contentKey], [contentKey])
  for (const _ of reading.listOf(message.images)) reading.uninspectable++
  for (const [index, call] of reading.listOf(message.tool_calls).entries()) {
    reading.addToolCall(call, ['tool_calls', index])
  }
  return reading
}

class Reading implements OllamaTexts {
  readonly texts: OllamaText[] = []
  uninspectable = 0
  oddShapes = 0
  readonly #path: JsonPath

  constructor(path: JsonPath) {
    this.#path = path
  }

  addText(kind: TextKind, text: unknown, place: JsonPath, syntax?: TextSyntax): void {
    if (typeof text === 'string') {
      if (text !== '') this.texts.push({ kind, text, syntax, path: [...this.#path, ...place] })
    } else if (isPresent(text)) this.oddShapes++
  }

  /** Arguments are an object. Servers of other make also send the JSON source that OpenAI has there. */
  addToolCall(call: unknown, place: JsonPath): void {
    if (!isJsonObject(call) || !isJsonObject(call.function)) {
      this.oddShapes++
      return
    }
    const path = [...this.#path, ...place, 'function', 'arguments']
    const called = call.function.arguments
    const syntax = typeof called === 'string' ? 'json' : undefined
    const texts = textsInside(called, path).filter(({ text }) => text !== '')
    for (const found of texts) this.texts.push({ kind: 'tool-call', syntax, ...found })
    if (texts.length === 0) this.texts.push({ kind: 'tool-call', text: '', syntax, path })
  }

  listOf(value: unknown): readonly unknown[] {
    if (Array.isArray(value)) return value
    if (isPresent(value)) this.oddShapes++
    return []
  }
}
