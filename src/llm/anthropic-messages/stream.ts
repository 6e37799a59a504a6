import { DecodedFrame, type Told } from '../decoded-frame.ts'
import type { JsonPath, Part, StreamDecoder, TextSegment } from '../format.ts'
import { isJsonObject, isPresent, type JsonObject } from '../json-body.ts'
import { openJsonEvents, SAYS_NOTHING } from '../json-events.ts'
import { Gathering, gatherContent, isText } from './message.ts'
import { gatherAnswer, gatherStopDetails } from './response.ts'

/** What a refusal that goes on with the stream must keep to; undefined for events that it need not know of. */
export type EventFacts =
  | { readonly kind: 'message-start'; readonly outputTokens: number | undefined }
  | { readonly kind: 'block-start'; readonly index: number; readonly block: StartedBlock }
  | { readonly kind: 'block-delta' | 'block-stop'; readonly index: number }
  | { readonly kind: 'message-delta'; readonly outputTokens: number | undefined }

export type StartedBlock = 'empty-text' | 'tool-call' | 'other'

export class MessageFrame extends DecodedFrame<EventFacts> {}

/**
 * The blocks of a stream's texts. The fragments of one block are one running text; different texts must not share one,
 * or the one would hide in the other what only shows when fragments meet.
 *
 * - content, reasoning, tool-call: the `index` of the content block that the fragments make up
 * - content from SUMMARIES on: the same for the fragments of a compaction
 * - content from UNKNOWN on: the same for deltas of a type that is not known here
 * - any kind from WHOLE on: one block for each text that comes whole, such as a citation or the result of a tool
 */
const MAX_INDEX = 65_535
const SUMMARIES = 1 << 16
const UNKNOWN = 2 << 16
const WHOLE = 3 << 16

const TOOL_CALLS: ReadonlySet<unknown> = new Set(['tool_use', 'server_tool_use', 'mcp_tool_use'])

/** The member of a block that deltas go on with, by the block's type. */
const RUNNING_TEXTS: ReadonlyMap<unknown, string> = new Map([
  ['text', 'text'],
  ['thinking', 'thinking'],
  ['compaction', 'content'],
])

export function openStream(): StreamDecoder {
  const reader = new EventReader()
  // `[DONE]` is no part of this API; clients skip it, and what it ends was over before.
  return openJsonEvents(MessageFrame, (event, name) => reader.read(event, name), { done: 'nothing' })
}

/** Reads the events of one stream. */
class EventReader {
  /** Texts so far that came whole. */
  #wholeTexts = 0
  /** The latest block whose thoughts were shown, or whose hidden ones were counted: its signature adds nothing. */
  #shownThinking: number | undefined

  read(event: JsonObject, name: string | undefined): Told<EventFacts> {
    // Data without a type gets the event's name from some clients.
    const type = isPresent(event.type) ? event.type : name
    switch (type) {
      case 'message_start':
        return this.#readMessageStart(event.message)
      case 'content_block_start':
      case 'content_block_delta':
      case 'content_block_stop':
        return this.#readBlockEvent(type, event)
      case 'message_delta':
        return this.#readMessageDelta(event)
      case 'message_stop':
      // Clients raise it, and read no further.
      case 'error':
        return { parts: [{ kind: 'terminator' }] }
      case 'ping':
        return SAYS_NOTHING
      default:
        return readUnknown(type, event)
    }
  }

  #readMessageStart(message: unknown): Told<EventFacts> {
    if (!isJsonObject(message)) return 'wrong-shape'
    const into = new Gathering('response')
    gatherAnswer(into, message, ['message'])
    const outputTokens = outputTokensOf(message.usage)
    return { parts: this.#asWhole(into), facts: { kind: 'message-start', outputTokens } }
  }

  #readBlockEvent(
    type: 'content_block_start' | 'content_block_delta' | 'content_block_stop',
    event: JsonObject,
  ): Told<EventFacts> {
    const { index } = event
    if (!isBlockIndex(index)) return 'wrong-shape'
    if (type === 'content_block_stop') {
      return { parts: [{ kind: 'finish', choice: 0, block: index }], facts: { kind: 'block-stop', index } }
    }
    const said = type === 'content_block_start' ? event.content_block : event.delta
    if (!isJsonObject(said)) return 'wrong-shape'
    return type === 'content_block_delta'
      ? { parts: this.#readDelta(said, index), facts: { kind: 'block-delta', index } }
      : {
          parts: this.#readBlock(said, index),
          facts: { kind: 'block-start', index, block: startedBlock(said) },
        }
  }

  /** The start of a block has mostly no text yet, and all of it where the API does not stream the block. */
  #readBlock(block: JsonObject, index: number): readonly Part[] {
    const into = new Gathering('response')
    gatherContent(into, block, 'content', ['content_block'])
    const parts: Part[] = []
    if (TOOL_CALLS.has(block.type)) parts.push(deltaOf('tool-call', index, '', ['content_block', 'input']))
    const runningKey = RUNNING_TEXTS.get(block.type)
    const goesOn = ({ path }: TextSegment): boolean => path.length === 2 && path[1] === runningKey
    for (const { kind, text, path } of into.segments.filter(goesOn)) {
      parts.push(deltaOf(kind, runningKey === 'content' ? SUMMARIES + index : index, text, path))
      if (kind === 'reasoning') this.#shownThinking = index
    }
    return [...parts, ...this.#asWhole(into, segment => !goesOn(segment))]
  }

  #readDelta(delta: JsonObject, index: number): readonly Part[] {
    switch (delta.type) {
      case 'text_delta':
        return fragment('content', index, delta.text, 'text')
      case 'input_json_delta':
        return fragment('tool-call', index, delta.partial_json, 'partial_json')
      case 'thinking_delta':
        if (isText(delta.thinking)) this.#shownThinking = index
        return fragment('reasoning', index, delta.thinking, 'thinking')
      case 'signature_delta':
        return this.#readSignature(delta, index)
      case 'citations_delta': {
        const into = new Gathering('response')
        gatherContent(into, delta.citation, 'content', ['delta', 'citation'])
        return this.#asWhole(into)
      }
      case 'compaction_delta':
        return this.#readCompaction(delta, index)
      default:
        return [UNINSPECTABLE, ...fragment('content', UNKNOWN + index, delta.text, 'text')]
    }
  }

  /** Where nothing of the thoughts was shown, they are in here, encrypted. */
  #readSignature({ signature }: JsonObject, index: number): readonly Part[] {
    if (!isText(signature) || this.#shownThinking === index) return []
    this.#shownThinking = index
    return [UNINSPECTABLE]
  }

  #readCompaction({ content, encrypted_content: hidden }: JsonObject, index: number): readonly Part[] {
    const parts = fragment('content', SUMMARIES + index, content, 'content')
    return parts.length === 0 && isText(hidden) ? [UNINSPECTABLE] : parts
  }

  #readMessageDelta({ delta, usage }: JsonObject): Told<EventFacts> {
    if (!isJsonObject(delta)) return 'wrong-shape'
    const into = new Gathering('response')
    gatherStopDetails(into, delta, ['delta'])
    const parts = [...this.#asWhole(into)]
    if (isText(delta.stop_reason)) parts.push({ kind: 'finish', choice: 0 })
    return { parts, facts: { kind: 'message-delta', outputTokens: outputTokensOf(usage) } }
  }

  /** Each text is a running text of its own, at its end already. */
  #asWhole(into: Gathering, isMeant = (_: TextSegment): boolean => true): readonly Part[] {
    const parts: Part[] = []
    for (const { kind, text, path } of into.segments.filter(isMeant)) {
      const block = WHOLE + this.#wholeTexts++
      parts.push(deltaOf(kind, block, text, path))
      if (kind === 'tool-call') parts.push({ kind: 'finish', choice: 0, block })
    }
    for (let count = 0; count < into.uninspectable; count++) parts.push(UNINSPECTABLE)
    return parts
  }
}

const UNINSPECTABLE: Part = { kind: 'uninspectable' }

/** The API adds events of new types, which clients skip or hand on: what one says nobody here can read. */
function readUnknown(type: unknown, event: JsonObject): Told<EventFacts> {
  // Other servers' way to say that something went wrong.
  if (isJsonObject(event.error)) return SAYS_NOTHING
  return typeof type === 'string' ? { parts: [UNINSPECTABLE] } : 'wrong-shape'
}

type TextDelta = Extract<Part, { kind: 'text-delta' }>

function deltaOf(textKind: TextDelta['textKind'], block: number, text: string, path: JsonPath): TextDelta {
  // Arguments that come whole come as an object; in pieces they are JSON source.
  const syntax = textKind === 'tool-call' && block <= MAX_INDEX ? 'json' : undefined
  return { kind: 'text-delta', choice: 0, textKind, block, text, syntax, path }
}

function fragment(
  textKind: TextDelta['textKind'],
  block: number,
  text: unknown,
  key: string,
): readonly Part[] {
  if (typeof text !== 'string') return isPresent(text) ? [UNINSPECTABLE] : []
  return text === '' ? [] : [deltaOf(textKind, block, text, ['delta', key])]
}

function startedBlock({ type, text }: JsonObject): StartedBlock {
  if (TOOL_CALLS.has(type)) return 'tool-call'
  return type === 'text' && text === '' ? 'empty-text' : 'other'
}

function isBlockIndex(index: unknown): index is number {
  return typeof index === 'number' && Number.isInteger(index) && index >= 0 && index <= MAX_INDEX
}

function outputTokensOf(usage: unknown): number | undefined {
  const tokens = isJsonObject(usage) ? usage.output_tokens : undefined
  return typeof tokens === 'number' ? tokens : undefined
}
