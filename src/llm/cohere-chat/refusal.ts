import { factsOf } from '../decoded-frame.ts'
import type { ErrorContext, Frame, ProviderError, Refusal, ReplyBody, StreamPosition } from '../format.ts'
import { toJsonLine } from '../ndjson.ts'
import { assertOwnPosition } from '../own-position.ts'
import { ChatFrame, type EventFacts, MAX_INDEX, openStream } from './stream.ts'

/** What the client has seen of a stream; fresh, it has seen nothing. One block of each sort is open at a time. */
export class ChatPosition implements StreamPosition {
  started = false
  id: string | undefined
  content: { readonly index: number; readonly block: 'text' | 'thinking' } | undefined
  toolCall: number | undefined
  citation: number | undefined
  /** The first content index that is free. */
  nextContent = 0
  /** Text of the answer itself, which a refusal must stand apart from. */
  hasText = false
  terminated = false

  released(frame: Frame): void {
    for (const part of frame.parts) {
      if (part.kind === 'terminator') this.terminated = true
      else if (part.kind === 'text-delta' && part.textKind === 'content') {
        this.hasText ||= part.text !== '' && part.block <= MAX_INDEX
      }
    }
    const facts = factsOf(ChatFrame, frame, openStream)
    if (facts !== undefined) this.#keep(facts)
  }

  #keep({ type, index, id, block }: EventFacts): void {
    this.id ??= id
    if (type === 'message-start') this.started = true
    else if (type === 'content-start' || type === 'content-delta') {
      this.content = { index, block: block ?? 'text' }
      this.nextContent = Math.max(this.nextContent, index + 1)
    } else if (type === 'content-end') this.content = undefined
    else if (type === 'tool-call-start' || type === 'tool-call-delta') this.toolCall = index
    else if (type === 'tool-call-end') this.toolCall = undefined
    else if (type === 'citation-start') this.citation = index
    else if (type === 'citation-end') this.citation = undefined
  }
}

const encoder = new TextEncoder()

/** The model was not called, or what it used is unknown here. */
const NO_TOKENS = { input_tokens: 0, output_tokens: 0 }
const NO_USAGE = { billed_units: NO_TOKENS, tokens: NO_TOKENS }

/** Cohere has no word for an answer that a filter stopped: whatever the policy asks for, it is complete. */
const FINISH_REASON = 'COMPLETE'

/** A whole answer that says no. */
export function renderRefusal(refusal: Refusal, shape: 'json' | 'event-stream'): ReplyBody {
  if (shape === 'event-stream') {
    return { contentType: 'text/event-stream', body: streamRefusal(refusal, new ChatPosition()) }
  }
  const answer = {
    id: toUuid(refusal.id),
    finish_reason: FINISH_REASON,
    message: { role: 'assistant', content: [{ type: 'text', text: refusal.message }] },
    usage: NO_USAGE,
  }
  return { contentType: 'application/json', body: encoder.encode(JSON.stringify(answer)) }
}

/**
 * The rest of a stream of which the client has seen `at`: what is open is closed, the refusal said in the text that is
 * open or in one of its own, and the message ended. Empty when that end is out. The finish reason is never `TOOL_CALL`:
 * clients run only calls of a message that ends so.
 */
export function streamRefusal(refusal: Refusal, at: StreamPosition): Uint8Array {
  assertOwnPosition(at, ChatPosition)
  if (at.terminated) return new Uint8Array(0)
  const text = at.hasText ? `\n\n${refusal.message}` : refusal.message
  const id = at.id ?? toUuid(refusal.id)
  const open = at.content
  const goesOn = open?.block === 'text'
  const index = goesOn ? open.index : at.nextContent
  const events: readonly ChatEvent[] = [
    ...(at.started ? [] : [messageStart(id)]),
    ...(at.citation === undefined ? [] : [{ type: 'citation-end', index: at.citation }]),
    ...(at.toolCall === undefined ? [] : [{ type: 'tool-call-end', index: at.toolCall }]),
    ...(open === undefined || goesOn ? [] : [{ type: 'content-end', index: open.index }]),
    ...(goesOn ? [] : [contentEvent('content-start', index, { type: 'text', text: '' })]),
    contentEvent('content-delta', index, { text }),
    { type: 'content-end', index },
    { type: 'message-end', id, delta: { finish_reason: FINISH_REASON, usage: NO_USAGE } },
  ]
  return encoder.encode(events.map(toEvent).join(''))
}

interface ChatEvent {
  readonly type: string
  readonly [key: string]: unknown
}

function messageStart(id: string): ChatEvent {
  const message = { role: 'assistant', content: [], tool_plan: '', tool_calls: [], citations: [] }
  return { id, type: 'message-start', delta: { message } }
}

function contentEvent(type: string, index: number, content: object): ChatEvent {
  return { type, index, delta: { message: { content } } }
}

/** The official clients take any data with `[DONE]` in it, in a text as well, for the stream's end. */
function toEvent(event: ChatEvent): string {
  return `event: ${event.type}\ndata: ${toJsonLine(event).replaceAll('[DONE]', '\\u005bDONE]')}\n\n`
}

/** Cohere's ids are UUIDs. */
function toUuid(id: string): string {
  return id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** Cohere's error object, at every status. */
export function renderError({ message }: ProviderError, { id }: ErrorContext): ReplyBody {
  const body = JSON.stringify({ id: toUuid(id), message })
  return { contentType: 'application/json', body: encoder.encode(body) }
}
