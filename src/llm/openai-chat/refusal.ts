import { factsOf } from '../decoded-frame.ts'
import type { Frame, Refusal, ReplyBody, StreamPosition } from '../format.ts'
import { choicesOf, headOf, NO_USAGE, refuseChunks, type SeenChoice, SeenChunks } from '../openai-refusal.ts'
import { assertOwnPosition } from '../own-position.ts'
import { ChatFrame, openStream } from './stream.ts'

interface ChatChoice extends SeenChoice {
  hasRole: boolean
}

/** What the client has seen of a stream; fresh, it has seen nothing. At most MAX_CHOICES choices and one set of facts. */
export class ChatPosition extends SeenChunks<ChatChoice> implements StreamPosition {
  constructor() {
    super(() => ({ hasRole: false, hasText: false, finished: false }))
  }

  released(frame: Frame): void {
    for (const part of frame.parts) {
      if (part.kind === 'terminator') this.terminated = true
      else if (part.kind === 'finish') this.choice(part.choice).finished = true
      else if (part.kind === 'text-delta') {
        const choice = this.choice(part.choice)
        if (part.textKind === 'content' && part.text !== '') choice.hasText = true
      }
    }
    const facts = factsOf(ChatFrame, frame, openStream)
    if (facts === undefined) return
    this.keep(facts)
    for (const index of facts.roles) this.choice(index).hasRole = true
  }
}

const encoder = new TextEncoder()

const ID_PREFIX = 'chatcmpl'

/** What a refused choice says in, and what it ends with. */
interface Manner {
  readonly field: 'content' | 'refusal'
  readonly finishReason: 'content_filter' | 'stop'
}

/**
 * Clients that parse the answer by a schema fail on plain text and on `content_filter`; the `refusal` field is
 * made for them. Others, such as LangChain, show nothing of that field.
 */
function mannerOf(refusal: Refusal): Manner {
  if (refusal.finishReason !== 'auto') return { field: 'content', finishReason: refusal.finishReason }
  if (refusal.request?.structuredOutput === true) return { field: 'refusal', finishReason: 'stop' }
  return { field: 'content', finishReason: 'content_filter' }
}

/** A whole answer that says no, in every choice asked for. */
export function renderRefusal(refusal: Refusal, shape: 'json' | 'event-stream'): ReplyBody {
  if (shape === 'json') return { contentType: 'application/json', body: encoder.encode(wholeAnswer(refusal)) }
  return { contentType: 'text/event-stream', body: streamRefusal(refusal, new ChatPosition()) }
}

function wholeAnswer(refusal: Refusal): string {
  const at = new ChatPosition()
  const manner = mannerOf(refusal)
  const message = { role: 'assistant', content: null, refusal: null, [manner.field]: refusal.message }
  const choices = choicesOf(refusal, at).map(index => ({
    index,
    message,
    logprobs: null,
    finish_reason: manner.finishReason,
  }))
  const head = headOf(refusal, at, { idPrefix: ID_PREFIX, object: 'chat.completion' })
  return JSON.stringify({ ...head, choices, usage: NO_USAGE })
}

/**
 * The rest of a stream of which the client has seen `at`: the choices that are open get the refusal and an end,
 * those never seen are opened for it, those at their end are left alone. Empty when the terminator is out.
 * The finish reason is never `tool_calls`: clients run only calls that end so.
 */
export function streamRefusal(refusal: Refusal, at: StreamPosition): Uint8Array {
  assertOwnPosition(at, ChatPosition)
  const head = headOf(refusal, at, { idPrefix: ID_PREFIX, object: 'chat.completion.chunk' })
  const manner = mannerOf(refusal)
  return refuseChunks(refusal, at, head, (index, seen) => refuseChoice(refusal.message, manner, index, seen))
}

function refuseChoice(
  message: string,
  manner: Manner,
  index: number,
  seen: ChatChoice | undefined,
): readonly object[] {
  const chunk = (delta: object, finishReason: string | null) => ({
    index,
    delta,
    logprobs: null,
    finish_reason: finishReason,
  })
  const text = manner.field === 'content' && seen?.hasText === true ? `\n\n${message}` : message
  // Named once and only once: some clients fail without a role, others add the strings up.
  const role = { role: 'assistant', content: manner.field === 'content' ? '' : null }
  return [
    ...(seen?.hasRole === true ? [] : [chunk(role, null)]),
    chunk({ [manner.field]: text }, null),
    chunk({}, manner.finishReason),
  ]
}
