import { factsOf } from '../decoded-frame.ts'
import type { Frame, Refusal, ReplyBody, StreamPosition } from '../format.ts'
import { ChunkFrame } from '../openai-chunk.ts'
import { choicesOf, headOf, NO_USAGE, refuseChunks, type SeenChoice, SeenChunks } from '../openai-refusal.ts'
import { assertOwnPosition } from '../own-position.ts'
import { openStream } from './stream.ts'

/** What the client has seen of a stream; fresh, it has seen nothing. */
export class CompletionPosition extends SeenChunks<SeenChoice> implements StreamPosition {
  constructor() {
    super(() => ({ hasText: false, finished: false }))
  }

  released(frame: Frame): void {
    for (const part of frame.parts) {
      if (part.kind === 'terminator') this.terminated = true
      else if (part.kind === 'finish') this.choice(part.choice).finished = true
      else if (part.kind === 'text-delta' && part.text !== '') this.choice(part.choice).hasText = true
    }
    const facts = factsOf(ChunkFrame, frame, openStream)
    if (facts !== undefined) this.keep(facts)
  }
}

const encoder = new TextEncoder()

const API = { idPrefix: 'cmpl', object: 'text_completion' } as const

/** A whole answer that says no, in every choice asked for. */
export function renderRefusal(refusal: Refusal, shape: 'json' | 'event-stream'): ReplyBody {
  const at = new CompletionPosition()
  if (shape === 'event-stream') return { contentType: 'text/event-stream', body: streamRefusal(refusal, at) }
  const choices = choicesOf(refusal, at).map(index =>
    choiceOf(index, refusal.message, finishReasonOf(refusal)),
  )
  const body = JSON.stringify({ ...headOf(refusal, at, API), choices, usage: NO_USAGE })
  return { contentType: 'application/json', body: encoder.encode(body) }
}

/**
 * The rest of a stream of which the client has seen `at`: the choices that are open get the refusal and an end, those
 * at their end are left alone. Empty when the terminator is out.
 */
export function streamRefusal(refusal: Refusal, at: StreamPosition): Uint8Array {
  assertOwnPosition(at, CompletionPosition)
  return refuseChunks(refusal, at, headOf(refusal, at, API), (index, seen) => {
    const text = seen?.hasText ? `\n\n${refusal.message}` : refusal.message
    return [choiceOf(index, text, null), choiceOf(index, '', finishReasonOf(refusal))]
  })
}

function finishReasonOf({ finishReason }: Refusal): 'content_filter' | 'stop' {
  return finishReason === 'auto' ? 'content_filter' : finishReason
}

function choiceOf(index: number, text: string, finishReason: string | null): object {
  return { text, index, logprobs: null, finish_reason: finishReason }
}
