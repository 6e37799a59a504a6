import { type EventFrame, openEventStream } from '../event-stream.ts'
import {
  type Frame,
  type JsonPath,
  NO_PARTS,
  type Part,
  type StreamDecoder,
  type TextSegment,
  type Undecodable,
} from '../format.ts'
import { isJsonObject, type JsonObject, parseJson } from '../json-body.ts'
import { Gathering, gatherContent, isPresent, isText } from './message.ts'
import { gatherAnswer, gatherStopDetails } from './response.ts'

/** What a frame told its reader beside text: what a refusal that goes on with the stream must keep to. */
export type EventFacts =
  | { readonly kind: 'message-start'; readonly outputTokens: number | undefined }
  | { readonly kind: 'block-start'; readonly index: number; readonly block: StartedBlock }
  | { readonly kind: 'block-delta' | 'block-stop'; readonly index: number }
  | { readonly kind: 'message-delta'; readonly outputTokens: number | undefined }

export type StartedBlock = 'empty-text' | 'tool-call' | 'other'

/** A frame that remembers the facts of its event, so that releasing it does not parse it a second time. */
export class MessageFrame implements Frame {
  readonly bytes: Uint8Array
  readonly parts: readonly Part[]
  /** Undefined for events that a refusal need not know of, and for frames without one. */
  readonly facts: EventFacts | undefined

  constructor(bytes: Uint8Array, parts: readonly Part[], facts?: EventFacts) {
    this.bytes = bytes
    this.parts = parts
    this.facts = facts
  }
}

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
  return new MessageStream()
}

class MessageStream implements StreamDecoder {
  readonly #framer = openEventStream()
  /** Texts so far that came whole. */
  #wholeTexts = 0
  /** The latest block whose thoughts were shown, or whose hidden ones were counted: its signature adds nothing. */
  #shownThinking: number | undefined

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
    // `[DONE]` is no part of this API; clients skip it, and what it ends was over before.
    if (data === undefined || data === '') return new MessageFrame(frame.bytes, NO_PARTS)
    if (data === '[DONE]') return new MessageFrame(frame.bytes, [])
    const json = parseJson(data)
    if (json.kind !== 'ok') return undecodable(frame.bytes, json.reason)
    if (!isJsonObject(json.value)) return undecodable(frame.bytes, 'wrong-shape')
    return this.#readEvent(frame.bytes, json.value, frame.event)
  }

  #readEvent(bytes: Uint8Array, event: JsonObject, name: string | undefined): Frame {
    // Data without a type gets the event's name from some clients.
    const type = isPresent(event.type) ? event.type : name
    switch (type) {
      case 'message_start':
        return this.#readMessageStart(bytes, event.message)
      case 'content_block_start':
      case 'content_block_delta':
      case 'content_block_stop':
        return this.#readBlockEvent(bytes, type, event)
      case 'message_delta':
        return this.#readMessageDelta(bytes, event)
      case 'message_stop':
      // Clients raise it, and read no further.
      case 'error':
        return new MessageFrame(bytes, [{ kind: 'terminator' }])
      case 'ping':
        return new MessageFrame(bytes, [])
      default:
        return readUnknown(bytes, type, event)
    }
  }

  #readMessageStart(bytes: Uint8Array, message: unknown): Frame {
    if (!isJsonObject(message)) return undecodable(bytes, 'wrong-shape')
    const into = new Gathering('response')
    gatherAnswer(into, message, ['message'])
    const facts = { kind: 'message-start', outputTokens: outputTokensOf(message.usage) } as const
    return new MessageFrame(bytes, this.#asWhole(into), facts)
  }

  #readBlockEvent(
    bytes: Uint8Array,
    type: 'content_block_start' | 'content_block_delta' | 'content_block_stop',
    event: JsonObject,
  ): Frame {
    const { index } = event
    if (!isBlockIndex(index)) return undecodable(bytes, 'wrong-shape')
    if (type === 'content_block_stop') {
      const parts: Part[] = [{ kind: 'finish', choice: 0, block: index }]
      return new MessageFrame(bytes, parts, { kind: 'block-stop', index })
    }
    const said = type === 'content_block_start' ? event.content_block : event.delta
    if (!isJsonObject(said)) return undecodable(bytes, 'wrong-shape')
    if (type === 'content_block_delta') {
      return new MessageFrame(bytes, this.#readDelta(said, index), { kind: 'block-delta', index })
    }
    const facts = { kind: 'block-start', index, block: startedBlock(said) } as const
    return new MessageFrame(bytes, this.#readBlock(said, index), facts)
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

  #readMessageDelta(bytes: Uint8Array, event: JsonObject): Frame {
    const { delta, usage } = event
    if (!isJsonObject(delta)) return undecodable(bytes, 'wrong-shape')
    const into = new Gathering('response')
    gatherStopDetails(into, delta, ['delta'])
    const parts = [...this.#asWhole(into)]
    if (isText(delta.stop_reason)) parts.push({ kind: 'finish', choice: 0 })
    return new MessageFrame(bytes, parts, { kind: 'message-delta', outputTokens: outputTokensOf(usage) })
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
function readUnknown(bytes: Uint8Array, type: unknown, event: JsonObject): Frame {
  // Other servers' way to say that something went wrong.
  if (isJsonObject(event.error)) return new MessageFrame(bytes, [])
  return typeof type === 'string'
    ? new MessageFrame(bytes, [UNINSPECTABLE])
    : undecodable(bytes, 'wrong-shape')
}

function undecodable(bytes: Uint8Array, reason: Undecodable): MessageFrame {
  return new MessageFrame(bytes, [{ kind: 'undecodable', reason }])
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
