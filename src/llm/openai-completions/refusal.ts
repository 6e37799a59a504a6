import { WeirError } from '../../errors.ts'
import { factsOf } from '../decoded-frame.ts'
import type { Frame, Refusal, ReplyBody, StreamPosition } from '../format.ts'
import { ChunkFrame } from '../openai-chunk.ts'
import { openStream } from './stream.ts'

/** What a client has seen of one choice. */
interface ChoiceState {
  hasText: boolean
  finished: boolean
}

/** What the client has seen of a stream; fresh, it has seen nothing. The decoder bounds the number of choices. */
export class CompletionPosition implements StreamPosition {
  /** By index; an upstream may skip some. */
  readonly choices = new Map<number, ChoiceState>()
  id: string | undefined
  model: string | undefined
  createdSec: number | undefined
  usageSent = false
  terminated = false

  released(frame: Frame): void {
    for (const part of frame.parts) {
      if (part.kind === 'terminator') this.terminated = true
      else if (part.kind === 'finish') this.#choice(part.choice).finished = true
      else if (part.kind === 'text-delta' && part.text !== '') this.#choice(part.choice).hasText = true
    }
    const facts = factsOf(ChunkFrame, frame, openStream)
    this.id ??= facts?.id
    this.model ??= facts?.model
    this.createdSec ??= facts?.createdSec
    this.usageSent ||= facts?.hasUsage === true
  }

  #choice(index: number): ChoiceState {
    const known = this.choices.get(index)
    if (known !== undefined) return known
    const fresh = { hasText: false, finished: false }
    this.choices.set(index, fresh)
    return fresh
  }
}

const encoder = new TextEncoder()

/** The model was not called, or what it used is unknown here. Clients add the fields up, so all must be there. */
const NO_USAGE = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }

/** A whole answer that says no, in every choice asked for. */
export function renderRefusal(refusal: Refusal, shape: 'json' | 'event-stream'): ReplyBody {
  const at = new CompletionPosition()
  if (shape === 'event-stream') return { contentType: 'text/event-stream', body: streamRefusal(refusal, at) }
  const choices = choicesOf(refusal, at).map(index =>
    choiceOf(index, refusal.message, finishReasonOf(refusal)),
  )
  const body = JSON.stringify({ ...headOf(refusal, at), choices, usage: NO_USAGE })
  return { contentType: 'application/json', body: encoder.encode(body) }
}

/**
 * The rest of a stream of which the client has seen `at`: the choices that are open get the refusal and an end, those
 * at their end are left alone. Empty when the terminator is out.
 */
export function streamRefusal(refusal: Refusal, at: StreamPosition): Uint8Array {
  if (!(at instanceof CompletionPosition)) throw new WeirError('bug', 'a stream position of another format')
  if (at.terminated) return new Uint8Array(0)
  const head = headOf(refusal, at)
  const events = choicesOf(refusal, at)
    .filter(index => at.choices.get(index)?.finished !== true)
    .flatMap(index => {
      const text = at.choices.get(index)?.hasText ? `\n\n${refusal.message}` : refusal.message
      return [choiceOf(index, text, null), choiceOf(index, '', finishReasonOf(refusal))]
    })
    .map(choice => event({ ...head, choices: [choice] }))
  if (refusal.request?.streamUsage === true && !at.usageSent) {
    events.push(event({ ...head, choices: [], usage: NO_USAGE }))
  }
  return encoder.encode(`${events.join('')}data: [DONE]\n\n`)
}

function headOf(refusal: Refusal, at: CompletionPosition): object {
  return {
    id: at.id ?? `cmpl-${refusal.id}`,
    object: 'text_completion',
    created: at.createdSec ?? refusal.createdSec,
    model: at.model ?? refusal.request?.model ?? 'unknown',
  }
}

function finishReasonOf({ finishReason }: Refusal): 'content_filter' | 'stop' {
  return finishReason === 'auto' ? 'content_filter' : finishReason
}

/** The choices asked for, and any that the upstream sent beyond them. */
function choicesOf(refusal: Refusal, at: CompletionPosition): readonly number[] {
  const asked = Array.from({ length: refusal.request?.choices ?? 1 }, (_, index) => index)
  const beyond = [...at.choices.keys()].filter(index => index >= asked.length)
  return [...asked, ...beyond.sort((a, b) => a - b)]
}

function choiceOf(index: number, text: string, finishReason: string | null): object {
  return { text, index, logprobs: null, finish_reason: finishReason }
}

function event(chunk: object): string {
  return `data: ${JSON.stringify(chunk)}\n\n`
}
