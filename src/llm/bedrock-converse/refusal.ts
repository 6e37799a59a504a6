import { type BedrockEvent, EVENT_STREAM, encodeEvents, requestIdHeader } from '../bedrock.ts'
import { factsOf } from '../decoded-frame.ts'
import type { Frame, Refusal, ReplyBody, StreamDecoder, StreamPosition } from '../format.ts'
import { assertOwnPosition } from '../own-position.ts'
import type { EventFacts } from './event.ts'
import { ConverseFrame, openStream } from './stream.ts'

/** What the client has seen of a stream; fresh, it has seen nothing. Holds one number a content block at most. */
export class ConversePosition implements StreamPosition {
  started = false
  /** Content blocks that began and did not end. */
  readonly open = new Set<number>()
  /** The first number that no content block has. */
  nextBlock = 0
  /** Text of the answer itself, which a refusal must stand apart from. */
  hasContent = false
  /** The message is at its end. */
  stopped = false
  readonly #openStream: () => StreamDecoder

  /** `open`: reads a frame again whose bytes were changed after decoding. */
  constructor(open: () => StreamDecoder = openStream) {
    this.#openStream = open
  }

  released(frame: Frame): void {
    const facts = factsOf(ConverseFrame, frame, this.#openStream)
    if (facts !== undefined) this.#keep(facts)
    this.hasContent ||= frame.parts.some(part => part.kind === 'text-delta' && part.textKind === 'content')
  }

  #keep(facts: EventFacts): void {
    switch (facts.kind) {
      case 'message-start':
        this.started = true
        return
      case 'block':
        this.open.add(facts.index)
        this.nextBlock = Math.max(this.nextBlock, facts.index + 1)
        return
      case 'block-stop':
        this.open.delete(facts.index)
        this.nextBlock = Math.max(this.nextBlock, facts.index + 1)
        return
      case 'message-stop':
      case 'metadata':
        this.stopped = true
    }
  }
}

/** What a refused message ends with. Never `tool_use`: clients run only calls that end so. */
export type StopReason = 'guardrail_intervened' | 'content_filtered' | 'end_turn'

/** Where a guardrail of Bedrock itself speaks in the model's place, it says so with this reason. */
export function stopReasonOf({ finishReason }: Refusal): StopReason {
  return finishReason === 'stop' ? 'end_turn' : 'guardrail_intervened'
}

/** The model was not called, or what it used is unknown here. Clients expect the fields. */
const NO_USAGE = { usage: { inputTokens: 0, outputTokens: 0, totalTokens: 0 }, metrics: { latencyMs: 0 } }

const encoder = new TextEncoder()

/** A whole answer that says no. */
export function renderRefusal(refusal: Refusal, shape: 'json' | 'event-stream'): ReplyBody {
  const headers = requestIdHeader(refusal.id)
  return shape === 'json'
    ? { contentType: 'application/json', headers, body: wholeAnswer(refusal, stopReasonOf(refusal)) }
    : { contentType: EVENT_STREAM, headers, body: streamRefusal(refusal, new ConversePosition()) }
}

export function wholeAnswer({ message }: Refusal, stopReason: StopReason): Uint8Array {
  const output = { message: { role: 'assistant', content: [{ text: message }] } }
  return encoder.encode(JSON.stringify({ output, stopReason, ...NO_USAGE }))
}

/** The rest of a stream of which the client has seen `at`. Empty when the message is at its end. */
export function streamRefusal(refusal: Refusal, at: StreamPosition): Uint8Array {
  return encodeEvents(refusalEvents(refusal, at, stopReasonOf(refusal)))
}

/** Closes the blocks that are open, says the refusal in a block of its own, and ends the message and the stream. */
export function refusalEvents(
  { message }: Refusal,
  at: StreamPosition,
  stopReason: StopReason,
): readonly BedrockEvent[] {
  assertOwnPosition(at, ConversePosition)
  if (at.stopped) return []
  const contentBlockIndex = at.nextBlock
  const text = at.hasContent ? `\n\n${message}` : message
  const stops = [...at.open, contentBlockIndex].map(
    (index): BedrockEvent => ['contentBlockStop', { contentBlockIndex: index }],
  )
  return [
    ...(at.started ? [] : ([['messageStart', { role: 'assistant' }]] as const)),
    ...stops.slice(0, -1),
    ['contentBlockDelta', { contentBlockIndex, delta: { text } }],
    ...stops.slice(-1),
    ['messageStop', { stopReason }],
    ['metadata', NO_USAGE],
  ]
}
