import type { JsonPath, Part, TextKind, TextSyntax } from '../format.ts'
import { isJsonObject, isPresent, type JsonObject, textsInside } from '../json-body.ts'
import { traceTexts } from './message.ts'

/** What an event does to the message: what a refusal that goes on with the stream must close or keep to. */
export type EventFacts =
  | { readonly kind: 'message-start' }
  | { readonly kind: 'block'; readonly index: number }
  | { readonly kind: 'block-stop'; readonly index: number }
  | { readonly kind: 'message-stop' }
  | { readonly kind: 'metadata' }

/** What one event says. */
export interface Reading {
  readonly parts: readonly Part[]
  readonly facts: EventFacts | undefined
}

/** Above any number that an upstream gives a content block in earnest. */
const MAX_INDEX = 65_535

/**
 * The blocks of the texts: a content block's own number for its text, its reasoning and its tool call; the parts of a
 * tool result follow each other at this distance; citations, JSON in tool results, traces and fields come whole, and
 * are numbered from WHOLE on over the stream, so that none runs into another.
 */
const PART = MAX_INDEX + 1
const WHOLE = 2 ** 40

export const WRONG_EVENT: Reading = {
  parts: [{ kind: 'undecodable', reason: 'wrong-shape' }],
  facts: undefined,
}

/** Where the texts of one event go. `block`: the content block's number. */
interface Sink {
  readonly parts: Part[]
  readonly block: number
  readonly path: JsonPath
}

/** Reads the events of one stream in their order. */
export class EventReader {
  #whole = 0

  /** `path` leads to the payload in the frame's JSON. */
  read(type: string, payload: JsonObject, path: JsonPath): Reading {
    switch (type) {
      case 'messageStart':
        return { parts: [], facts: { kind: 'message-start' } }
      case 'contentBlockStart':
      case 'contentBlockDelta':
      case 'contentBlockStop':
        return this.#readBlock(type, payload, path)
      case 'messageStop':
        return this.#readStop(payload, path)
      case 'metadata':
        return this.#readMetadata(payload, path)
      case 'initial-response':
        return { parts: [], facts: undefined }
      default:
        // What came to the API later: clients that know it show it.
        return { parts: [{ kind: 'uninspectable' }], facts: undefined }
    }
  }

  #readBlock(type: string, payload: JsonObject, path: JsonPath): Reading {
    const { contentBlockIndex: block } = payload
    const isIndex = typeof block === 'number' && Number.isInteger(block) && block >= 0 && block <= MAX_INDEX
    if (!isIndex) return WRONG_EVENT
    if (type === 'contentBlockStop') {
      return { parts: [{ kind: 'finish', choice: 0, block }], facts: { kind: 'block-stop', index: block } }
    }
    const key = type === 'contentBlockStart' ? 'start' : 'delta'
    const said = payload[key]
    const sink: Sink = { parts: [], block, path: [...path, key] }
    if (isJsonObject(said)) {
      if (key === 'start') readStart(sink, said)
      else this.#readDelta(sink, said)
    } else if (isPresent(said)) return WRONG_EVENT
    return { parts: sink.parts, facts: { kind: 'block', index: block } }
  }

  /** The message ends here; metadata may still follow, and they end the stream. */
  #readStop({ additionalModelResponseFields: fields }: JsonObject, path: JsonPath): Reading {
    const sink: Sink = { parts: [], block: 0, path }
    this.#addInside(sink, 'content', fields, ['additionalModelResponseFields'])
    sink.parts.push({ kind: 'finish', choice: 0 }, { kind: 'terminator' })
    return { parts: sink.parts, facts: { kind: 'message-stop' } }
  }

  #readMetadata({ trace }: JsonObject, path: JsonPath): Reading {
    const sink: Sink = { parts: [], block: 0, path }
    for (const found of traceTexts(trace, ['trace'])) this.#addWhole(sink, 'content', found.text, found.path)
    sink.parts.push({ kind: 'terminator' })
    return { parts: sink.parts, facts: { kind: 'metadata' } }
  }

  #readDelta(sink: Sink, delta: JsonObject): void {
    for (const [member, value] of Object.entries(delta)) {
      if (!isPresent(value)) continue
      switch (member) {
        case 'text':
          readText(sink, 'content', value, [member])
          break
        case 'toolUse':
          readToolInput(sink, value)
          break
        case 'reasoningContent':
          readReasoning(sink, value)
          break
        case 'toolResult':
          this.#readToolResult(sink, value)
          break
        case 'citation':
          this.#readCitation(sink, value)
          break
        default:
          this.#readUnknown(sink, value, [member])
      }
    }
  }

  /** Images, and what came to the API later, whose text stands most likely in its `text`. */
  #readUnknown(sink: Sink, value: unknown, place: JsonPath): void {
    addUninspectable(sink)
    if (isJsonObject(value)) this.#addWhole(sink, 'content', value.text, [...place, 'text'])
  }

  #readToolResult(sink: Sink, value: unknown): void {
    if (!Array.isArray(value)) {
      addUninspectable(sink)
      return
    }
    for (const [position, part] of value.entries()) {
      const place = ['toolResult', position]
      if (!isJsonObject(part)) addUninspectable(sink)
      else if (isPresent(part.json)) this.#addInside(sink, 'tool-result', part.json, [...place, 'json'])
      else {
        const own = { ...sink, block: sink.block + position * PART }
        readText(own, 'tool-result', part.text ?? 0, [...place, 'text'])
      }
    }
  }

  #readCitation(sink: Sink, citation: unknown): void {
    if (!isJsonObject(citation)) {
      addUninspectable(sink)
      return
    }
    const { sourceContent, location } = citation
    for (const key of ['title', 'source'] as const) {
      this.#addWhole(sink, 'content', citation[key], ['citation', key])
    }
    for (const [position, part] of (Array.isArray(sourceContent) ? sourceContent : []).entries()) {
      const text = isJsonObject(part) ? part.text : undefined
      this.#addWhole(sink, 'content', text, ['citation', 'sourceContent', position, 'text'])
    }
    const web = isJsonObject(location) && isJsonObject(location.web) ? location.web : {}
    for (const key of ['url', 'domain'] as const) {
      this.#addWhole(sink, 'content', web[key], ['citation', 'location', 'web', key])
    }
  }

  #addInside(sink: Sink, kind: TextKind, value: unknown, place: JsonPath): void {
    for (const { path, text } of textsInside(value, place)) this.#addWhole(sink, kind, text, path)
  }

  /** A text that does not grow. */
  #addWhole(sink: Sink, kind: TextKind, text: unknown, place: JsonPath): void {
    if (isPresent(text)) readText({ ...sink, block: WHOLE + this.#whole++ }, kind, text, place)
  }
}

/** Text, reasoning and citations begin without a word; a tool call begins, and must be held from here on. */
function readStart(sink: Sink, start: JsonObject): void {
  for (const [member, value] of Object.entries(start)) {
    if (!isPresent(value)) continue
    if (member === 'toolUse') addText(sink, 'tool-call', '', ['toolUse', 'input'], 'json')
    else if (member !== 'toolResult' && member !== 'image') addUninspectable(sink)
  }
}

/** Fragments of JSON inside strings; a lenient server might send the bare object, whole. */
function readToolInput(sink: Sink, called: unknown): void {
  const input = isJsonObject(called) ? (called.input ?? '') : undefined
  const text = isJsonObject(input) || Array.isArray(input) ? JSON.stringify(input) : input
  if (typeof text === 'string') addText(sink, 'tool-call', text, ['toolUse', 'input'], 'json')
  else addUninspectable(sink)
}

function readReasoning(sink: Sink, reasoning: unknown): void {
  if (!isJsonObject(reasoning)) {
    addUninspectable(sink)
    return
  }
  if (isPresent(reasoning.text)) readText(sink, 'reasoning', reasoning.text, ['reasoningContent', 'text'])
  if (isPresent(reasoning.redactedContent)) addUninspectable(sink)
}

function readText(sink: Sink, kind: TextKind, text: unknown, place: JsonPath): void {
  if (typeof text !== 'string') addUninspectable(sink)
  else if (text !== '') addText(sink, kind, text, place)
}

function addText(
  { parts, block, path }: Sink,
  textKind: TextKind,
  text: string,
  place: JsonPath,
  syntax?: TextSyntax,
): void {
  parts.push({ kind: 'text-delta', choice: 0, textKind, block, text, syntax, path: [...path, ...place] })
}

function addUninspectable({ parts }: Sink): void {
  parts.push({ kind: 'uninspectable' })
}
