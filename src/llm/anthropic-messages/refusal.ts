import { assertNever } from '../../errors.ts'
import { factsOf } from '../decoded-frame.ts'
import type { ErrorContext, Frame, ProviderError, Refusal, ReplyBody, StreamPosition } from '../format.ts'
import { assertOwnPosition } from '../own-position.ts'
import { type EventFacts, MessageFrame, openStream, type StartedBlock } from './stream.ts'

/** What the client has seen of a stream; fresh, it has seen nothing. Holds the open blocks, of which the API has one. */
export class MessagePosition implements StreamPosition {
  started = false
  readonly openBlocks = new Map<number, StartedBlock>()
  /** Clients take a block's index for its place in the answer, so that none may be left out. */
  nextBlock = 0
  /** The open block that awaits the answer's text and has none yet. */
  emptyBlock: number | undefined
  /** Text of the answer itself, which a refusal must stand apart from. */
  hasContent = false
  /** What the upstream said last; it counts up. */
  outputTokens = 0
  /** The reason why the answer ends is out. */
  stopped = false
  terminated = false

  released(frame: Frame): void {
    for (const part of frame.parts) {
      if (part.kind === 'terminator') this.terminated = true
      else if (part.kind === 'finish' && part.block === undefined) this.stopped = true
      else if (part.kind === 'text-delta' && part.textKind === 'content' && part.text !== '') {
        this.hasContent = true
      }
    }
    const facts = factsOf(MessageFrame, frame, openStream)
    if (facts !== undefined) this.#keep(facts)
  }

  #keep(facts: EventFacts): void {
    switch (facts.kind) {
      case 'message-start':
        this.started = true
        this.outputTokens = facts.outputTokens ?? this.outputTokens
        return
      case 'message-delta':
        this.outputTokens = facts.outputTokens ?? this.outputTokens
        return
      case 'block-start':
        this.openBlocks.set(facts.index, facts.block)
        break
      case 'block-stop':
        this.openBlocks.delete(facts.index)
        break
      case 'block-delta':
        break
      default:
        assertNever(facts)
    }
    this.nextBlock = Math.max(this.nextBlock, facts.index + 1)
    this.emptyBlock = facts.kind === 'block-start' && facts.block === 'empty-text' ? facts.index : undefined
  }
}

const encoder = new TextEncoder()

/** What a refused answer ends with, and where it says why. */
interface Manner {
  readonly says: 'text' | 'stop-details'
  readonly stopReason: 'refusal' | 'end_turn'
}

/**
 * Clients that parse the answer by a schema fail on plain text. `stop_details` is where the API itself says why it
 * refused; but few clients show it.
 */
function mannerOf({ finishReason, request }: Refusal, at: MessagePosition): Manner {
  if (finishReason === 'stop') {
    // At an ordinary end some clients run every call that the message has, and this one is cut.
    const isCallOpen = [...at.openBlocks.values()].includes('tool-call')
    return { says: 'text', stopReason: isCallOpen ? 'refusal' : 'end_turn' }
  }
  const isParsed = finishReason === 'auto' && request?.structuredOutput === true
  return { says: isParsed ? 'stop-details' : 'text', stopReason: 'refusal' }
}

/** A whole answer that says no. */
export function renderRefusal(refusal: Refusal, shape: 'json' | 'event-stream'): ReplyBody {
  const headers = requestId(refusal.id)
  if (shape === 'event-stream') {
    const body = streamRefusal(refusal, new MessagePosition())
    return { contentType: 'text/event-stream', body, headers }
  }
  const manner = mannerOf(refusal, new MessagePosition())
  // No `citations`: the API has null there, and clients fail on it.
  const content = manner.says === 'text' ? [{ type: 'text', text: refusal.message }] : []
  const body = encoder.encode(
    JSON.stringify({ ...head(refusal), content, ...ending(refusal, manner), usage: NO_USAGE }),
  )
  return { contentType: 'application/json', body, headers }
}

/** The model was not called, or what it used is unknown here. Clients fail when it is left out. */
const NO_USAGE = { input_tokens: 0, output_tokens: 0 }

function head({ id, request }: Refusal): object {
  return { id: `msg_${id}`, type: 'message', role: 'assistant', model: request?.model ?? 'unknown' }
}

function ending({ message }: Refusal, { says, stopReason }: Manner): object {
  const stop = { stop_reason: stopReason, stop_sequence: null }
  if (says === 'text') return stop
  return { ...stop, stop_details: { type: 'refusal', category: null, explanation: message } }
}

/**
 * The rest of a stream of which the client has seen `at`: what is open is closed, the refusal stands in a block of its
 * own, and the message ends. Of a message that has its reason to end only the very end is missing; nothing follows an
 * end or an error. The stop reason is never `tool_use`: clients run only calls that end so.
 */
export function streamRefusal(refusal: Refusal, at: StreamPosition): Uint8Array {
  assertOwnPosition(at, MessagePosition)
  if (at.terminated) return new Uint8Array(0)
  // Clients drop what stands before the start of the message.
  const seen = at.started ? at : new MessagePosition()
  const manner = mannerOf(refusal, seen)
  // The API takes no empty block back. One that is open gets the refusal, where there is one to write.
  const filled = manner.says === 'text' && !seen.stopped ? seen.emptyBlock : undefined
  const stops = [...seen.openBlocks.keys()].filter(index => index !== filled)
  const events: SentEvent[] = [
    ...(seen.started ? [] : [{ type: 'message_start', message: { ...head(refusal), ...NOTHING_SAID } }]),
    ...stops.map(index => ({ type: 'content_block_stop', index })),
    ...(seen.stopped ? [] : refusedEnd(seen, filled, refusal, manner)),
    { type: 'message_stop' },
  ]
  return encoder.encode(events.map(eventOf).join(''))
}

const NOTHING_SAID = { content: [], stop_reason: null, stop_sequence: null, usage: NO_USAGE }

interface SentEvent {
  readonly type: string
  readonly [key: string]: unknown
}

/** The refusal and the reason to end. `filled`: an open block for it. */
function refusedEnd(
  seen: MessagePosition,
  filled: number | undefined,
  refusal: Refusal,
  manner: Manner,
): readonly SentEvent[] {
  const index = filled ?? seen.nextBlock
  // Some clients join the texts of all blocks.
  const text = seen.hasContent ? `\n\n${refusal.message}` : refusal.message
  const start = { type: 'content_block_start', index, content_block: { type: 'text', text: '' } }
  const said = [
    { type: 'content_block_delta', index, delta: { type: 'text_delta', text } },
    { type: 'content_block_stop', index },
  ]
  const usage = { output_tokens: seen.outputTokens }
  return [
    ...(manner.says === 'text' && filled === undefined ? [start] : []),
    ...(manner.says === 'text' ? said : []),
    { type: 'message_delta', delta: ending(refusal, manner), usage },
  ]
}

/** The SDKs skip every event without a name. */
function eventOf(event: SentEvent): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
}

/** https://platform.claude.com/docs/en/api/errors */
const ERROR_TYPES: ReadonlyMap<number, string> = new Map([
  [401, 'authentication_error'],
  [402, 'billing_error'],
  [403, 'permission_error'],
  [404, 'not_found_error'],
  [413, 'request_too_large'],
  [429, 'rate_limit_error'],
  [504, 'timeout_error'],
  [529, 'overloaded_error'],
])

/** The error object that the SDKs read from a body with a status from 400. */
export function renderError(error: ProviderError, context: ErrorContext): ReplyBody {
  const body = encoder.encode(JSON.stringify({ ...errorObject(error), request_id: `req_${context.id}` }))
  return { contentType: 'application/json', body, headers: requestId(context.id) }
}

/** The whole stream, or its rest, of an API that has no answer with text. Empty when an end of it is out. */
export function streamError(refusal: Refusal, at: StreamPosition): Uint8Array {
  assertOwnPosition(at, MessagePosition)
  if (at.terminated) return new Uint8Array(0)
  return encoder.encode(eventOf(errorObject({ status: 403, message: refusal.message })))
}

function errorObject({ status, message }: Pick<ProviderError, 'status' | 'message'>): SentEvent {
  const type = ERROR_TYPES.get(status) ?? (status >= 500 ? 'api_error' : 'invalid_request_error')
  return { type: 'error', error: { type, message } }
}

/** Where the SDKs look for the id to report. */
function requestId(id: string): Readonly<Record<string, string>> {
  return { 'request-id': `req_${id}` }
}
