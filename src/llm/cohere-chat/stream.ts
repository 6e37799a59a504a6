import { DecodedFrame, type Told } from '../decoded-frame.ts'
import type { JsonPath, Part, StreamDecoder, TextKind } from '../format.ts'
import { isJsonObject, isPresent, type JsonObject } from '../json-body.ts'
import { openJsonEvents, SAYS_NOTHING } from '../json-events.ts'
import { citationTexts } from './message.ts'

/** What a refusal that goes on with the stream must close or keep to. */
export interface EventFacts {
  readonly type: string
  readonly index: number
  /** Of the answer, which `message-start` names. */
  readonly id: string | undefined
  /** Of the content block that the event begins or goes on with. */
  readonly block: 'text' | 'thinking' | undefined
}

export class ChatFrame extends DecodedFrame<EventFacts> {}

/** Of an event. Content blocks beyond it hold no answer. */
export const MAX_INDEX = 65_535

/**
 * The blocks of the texts: content, thinking and tool calls by the event's index, and beyond those
 *
 * - reasoning: TOOL_PLAN
 * - content: PROMPT for the prompt that `debug` shows, TOKENS for what `logprobs` spell, from CITATIONS on one block
 *   per text of a citation
 */
const TOOL_PLAN = MAX_INDEX + 1
const PROMPT = MAX_INDEX + 1
const TOKENS = MAX_INDEX + 2
const CITATIONS = MAX_INDEX + 3

/** Events that say something by being there. */
const KNOWN_TYPES: ReadonlySet<string> = new Set([
  'message-start',
  'content-start',
  'content-delta',
  'content-end',
  'tool-plan-delta',
  'tool-call-start',
  'tool-call-delta',
  'tool-call-end',
  'citation-start',
  'citation-end',
  'message-end',
  'debug',
])

export function openStream(): StreamDecoder {
  const reader = new EventReader()
  return openJsonEvents(ChatFrame, (event, name) => reader.read(event, name))
}

/** Reads the events of one stream. */
class EventReader {
  /** A citation comes whole, and its texts stand apart. */
  #citationTexts = 0

  read(event: JsonObject, name: string | undefined): Told<EventFacts> {
    if (isError(event)) return SAYS_NOTHING
    const type = typeof event.type === 'string' ? event.type : name
    return type === undefined ? 'wrong-shape' : this.#readEvent(event, type)
  }

  #readEvent(event: JsonObject, type: string): Told<EventFacts> {
    const index = readIndex(event.index)
    const delta = isJsonObject(event.delta) ? event.delta : {}
    if (index === undefined || (isPresent(event.delta) && !isJsonObject(event.delta))) return 'wrong-shape'
    const parts: Part[] = []
    if (!KNOWN_TYPES.has(type)) addUninspectable(parts)
    this.#readMessage(parts, index, delta.message)
    if (type === 'debug') readText(parts, 'content', PROMPT, event.prompt, ['prompt'])
    if (isJsonObject(event.logprobs))
      readText(parts, 'content', TOKENS, event.logprobs.text, ['logprobs', 'text'])
    if (type === 'tool-call-end') parts.push({ kind: 'finish', choice: 0, block: index })
    if (type === 'message-end') parts.push({ kind: 'finish', choice: 0 }, { kind: 'terminator' })
    return { parts, facts: readFacts(event, type, index, delta.message) }
  }

  /** Whatever the event's type is: what stands in its message is said. */
  #readMessage(parts: Part[], index: number, message: unknown): void {
    if (!isJsonObject(message)) {
      if (isPresent(message)) addUninspectable(parts)
      return
    }
    const path = ['delta', 'message']
    readText(parts, 'reasoning', TOOL_PLAN, message.tool_plan, [...path, 'tool_plan'])
    for (const [block, content, place] of entriesOf(message.content, index)) {
      readContent(parts, block, content, [...path, 'content', ...place])
    }
    for (const [block, call, place] of entriesOf(message.tool_calls, index)) {
      readToolCall(parts, block, call, [...path, 'tool_calls', ...place])
    }
    for (const [, citation, place] of entriesOf(message.citations, index)) {
      this.#readCitation(parts, citation, [...path, 'citations', ...place])
    }
  }

  #readCitation(parts: Part[], citation: unknown, place: JsonPath): void {
    const texts = citationTexts(citation, place)
    if (texts === undefined) addUninspectable(parts)
    for (const { path, text } of texts ?? []) {
      readText(parts, 'content', CITATIONS + this.#citationTexts++, text, path)
    }
  }
}

/** An error of the upstream: there is no answer in it. */
function isError({ type, delta, message, error }: JsonObject): boolean {
  return !isPresent(type) && !isPresent(delta) && (typeof message === 'string' || isPresent(error))
}

/** Events have one entry where whole messages have a list: its block, and its place in what it was read from. */
function entriesOf(value: unknown, index: number): readonly (readonly [number, unknown, JsonPath])[] {
  if (Array.isArray(value)) return value.map((entry, at) => [Math.min(index + at, MAX_INDEX), entry, [at]])
  return isPresent(value) ? [[index, value, []]] : []
}

function readIndex(index: unknown): number | undefined {
  if (!isPresent(index)) return 0
  return typeof index === 'number' && Number.isInteger(index) && index >= 0 && index <= MAX_INDEX
    ? index
    : undefined
}

function readFacts(event: JsonObject, type: string, index: number, message: unknown): EventFacts {
  const content = isJsonObject(message) && isJsonObject(message.content) ? message.content : undefined
  const isThinking = content?.type === 'thinking' || isPresent(content?.thinking)
  return {
    type,
    index,
    id: typeof event.id === 'string' && event.id !== '' ? event.id : undefined,
    block: content === undefined ? undefined : isThinking ? 'thinking' : 'text',
  }
}

function addUninspectable(parts: Part[]): void {
  parts.push({ kind: 'uninspectable' })
}

function readText(parts: Part[], textKind: TextKind, block: number, text: unknown, path: JsonPath): void {
  if (typeof text === 'string') {
    if (text !== '') parts.push({ kind: 'text-delta', choice: 0, textKind, block, text, path })
  } else if (isPresent(text)) addUninspectable(parts)
}

const CONTENT_TYPES: ReadonlySet<unknown> = new Set([undefined, null, 'text', 'thinking'])

function readContent(parts: Part[], block: number, content: unknown, place: JsonPath): void {
  if (typeof content === 'string') readText(parts, 'content', block, content, place)
  else if (!isJsonObject(content)) addUninspectable(parts)
  else {
    if (!CONTENT_TYPES.has(content.type)) addUninspectable(parts)
    readText(parts, 'reasoning', block, content.thinking, [...place, 'thinking'])
    readText(parts, 'content', block, content.text, [...place, 'text'])
  }
}

/** A call's first event names the tool and has no arguments: it begins the call all the same. */
function readToolCall(parts: Part[], block: number, call: unknown, place: JsonPath): void {
  if (!isJsonObject(call) || !isJsonObject(call.function)) {
    addUninspectable(parts)
    return
  }
  const called = call.function.arguments
  // Fragments of JSON inside strings; lenient servers also send the bare object, whole.
  const text = isJsonObject(called) || Array.isArray(called) ? JSON.stringify(called) : (called ?? '')
  if (typeof text !== 'string') {
    addUninspectable(parts)
    return
  }
  const path = [...place, 'function', 'arguments']
  parts.push({ kind: 'text-delta', choice: 0, textKind: 'tool-call', block, text, syntax: 'json', path })
}
