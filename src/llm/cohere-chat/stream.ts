import { type EventFrame, openEventStream } from '../event-stream.ts'
import {
  type Frame,
  type JsonPath,
  NO_PARTS,
  type Part,
  type StreamDecoder,
  type TextKind,
  type Undecodable,
} from '../format.ts'
import { isJsonObject, type JsonObject, parseJson } from '../json-body.ts'
import { citationTexts, isPresent } from './message.ts'

/** What a frame told its reader beside text: what a refusal that goes on with the stream must close or keep to. */
export interface EventFacts {
  readonly type: string
  readonly index: number
  /** Of the answer, which `message-start` names. */
  readonly id: string | undefined
  /** Of the content block that the event begins or goes on with. */
  readonly block: 'text' | 'thinking' | undefined
}

/** A frame that remembers the facts of its event, so that releasing it does not parse it a second time. */
export class ChatFrame implements Frame {
  readonly bytes: Uint8Array
  readonly parts: readonly Part[]
  /** Undefined when the frame holds no event: comments, `[DONE]`, errors. */
  readonly facts: EventFacts | undefined

  constructor(bytes: Uint8Array, parts: readonly Part[], facts?: EventFacts) {
    this.bytes = bytes
    this.parts = parts
    this.facts = facts
  }
}

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
  return new ChatStream()
}

class ChatStream implements StreamDecoder {
  readonly #framer = openEventStream()
  /** A citation comes whole, and its texts stand apart. */
  #citationTexts = 0

  get buffered(): number {
    return this.#framer.buffered
  }

  push(chunk: Uint8Array): readonly Frame[] {
    return this.#framer.push(chunk).map(frame => this.#read(frame))
  }

  end(): readonly Frame[] {
    return this.#framer.end().map(frame => this.#read(frame))
  }

  #read(frame: EventFrame): Frame {
    if (frame.kind === 'undecodable') return undecodable(frame.bytes, frame.reason)
    const data = frame.data?.trim()
    if (data === undefined || data === '') return new ChatFrame(frame.bytes, NO_PARTS)
    if (data === '[DONE]') return new ChatFrame(frame.bytes, [{ kind: 'terminator' }])
    const json = parseJson(data)
    if (json.kind !== 'ok') return undecodable(frame.bytes, json.reason)
    const event = json.value
    if (!isJsonObject(event)) return undecodable(frame.bytes, 'wrong-shape')
    if (isError(event)) return new ChatFrame(frame.bytes, [])
    const type = typeof event.type === 'string' ? event.type : frame.event
    return type === undefined
      ? undecodable(frame.bytes, 'wrong-shape')
      : this.#readEvent(frame.bytes, event, type)
  }

  #readEvent(bytes: Uint8Array, event: JsonObject, type: string): Frame {
    const index = readIndex(event.index)
    const delta = isJsonObject(event.delta) ? event.delta : {}
    if (index === undefined || (isPresent(event.delta) && !isJsonObject(event.delta))) {
      return undecodable(bytes, 'wrong-shape')
    }
    const parts: Part[] = []
    if (!KNOWN_TYPES.has(type)) addUninspectable(parts)
    this.#readMessage(parts, index, delta.message)
    if (type === 'debug') readText(parts, 'content', PROMPT, event.prompt, ['prompt'])
    if (isJsonObject(event.logprobs))
      readText(parts, 'content', TOKENS, event.logprobs.text, ['logprobs', 'text'])
    if (type === 'tool-call-end') parts.push({ kind: 'finish', choice: 0, block: index })
    if (type === 'message-end') parts.push({ kind: 'finish', choice: 0 }, { kind: 'terminator' })
    return new ChatFrame(bytes, parts, readFacts(event, type, index, delta.message))
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

function undecodable(bytes: Uint8Array, reason: Undecodable): ChatFrame {
  return new ChatFrame(bytes, [{ kind: 'undecodable', reason }])
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
