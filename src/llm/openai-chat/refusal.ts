import { WeirError } from '../../errors.ts'
import { factsOf } from '../decoded-frame.ts'
import type { Frame, ProviderError, Refusal, ReplyBody, StreamPosition } from '../format.ts'
import { type ChatFacts, ChatFrame, openStream } from './stream.ts'

/** What a client has seen of one choice. */
interface ChoiceState {
  hasRole: boolean
  /** Text of the answer itself, which a refusal must stand apart from. */
  hasContent: boolean
  finished: boolean
}

/** What the client has seen of a stream; fresh, it has seen nothing. At most MAX_CHOICES choices and one set of facts. */
export class ChatPosition implements StreamPosition {
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
      else if (part.kind === 'text-delta') {
        const choice = this.#choice(part.choice)
        if (part.textKind === 'content' && part.text !== '') choice.hasContent = true
      }
    }
    const facts = factsOf(ChatFrame, frame, openStream)
    if (facts !== undefined) this.#keep(facts)
  }

  #keep(facts: ChatFacts): void {
    this.id ??= facts.id
    this.model ??= facts.model
    this.createdSec ??= facts.createdSec
    this.usageSent ||= facts.hasUsage
    for (const index of facts.roles) this.#choice(index).hasRole = true
  }

  #choice(index: number): ChoiceState {
    const known = this.choices.get(index)
    if (known !== undefined) return known
    const fresh = { hasRole: false, hasContent: false, finished: false }
    this.choices.set(index, fresh)
    return fresh
  }
}

const encoder = new TextEncoder()

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

/** The model was not called, or what it used is unknown here. Clients add the fields up, so all must be there. */
const NO_USAGE = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }

/** A whole answer that says no, in every choice asked for. */
export function renderRefusal(refusal: Refusal, shape: 'json' | 'event-stream'): ReplyBody {
  if (shape === 'json') return { contentType: 'application/json', body: encoder.encode(wholeAnswer(refusal)) }
  return { contentType: 'text/event-stream', body: streamRefusal(refusal, new ChatPosition()) }
}

function wholeAnswer(refusal: Refusal): string {
  const manner = mannerOf(refusal)
  const message = { role: 'assistant', content: null, refusal: null, [manner.field]: refusal.message }
  const choices = indexesUpTo(refusal.request?.choices ?? 1).map(index => ({
    index,
    message,
    logprobs: null,
    finish_reason: manner.finishReason,
  }))
  return JSON.stringify({
    id: `chatcmpl-${refusal.id}`,
    object: 'chat.completion',
    created: refusal.createdSec,
    model: refusal.request?.model ?? 'unknown',
    choices,
    usage: NO_USAGE,
  })
}

/**
 * The rest of a stream of which the client has seen `at`: the choices that are open get the refusal and an end,
 * those never seen are opened for it, those at their end are left alone. Empty when the terminator is out.
 * The finish reason is never `tool_calls`: clients run only calls that end so.
 */
export function streamRefusal(refusal: Refusal, at: StreamPosition): Uint8Array {
  if (!(at instanceof ChatPosition)) throw new WeirError('bug', 'a stream position of another format')
  if (at.terminated) return new Uint8Array(0)
  const head = {
    id: at.id ?? `chatcmpl-${refusal.id}`,
    object: 'chat.completion.chunk',
    created: at.createdSec ?? refusal.createdSec,
    model: at.model ?? refusal.request?.model ?? 'unknown',
  }
  const manner = mannerOf(refusal)
  const events = choicesOf(refusal, at)
    .filter(index => at.choices.get(index)?.finished !== true)
    .flatMap(index => refuseChoice(refusal.message, manner, index, at.choices.get(index)))
    .map(choice => event({ ...head, choices: [choice] }))
  if (refusal.request?.streamUsage === true && !at.usageSent) {
    events.push(event({ ...head, choices: [], usage: NO_USAGE }))
  }
  return encoder.encode(`${events.join('')}data: [DONE]\n\n`)
}

/** The choices asked for, and any that the upstream sent beyond them. */
function choicesOf(refusal: Refusal, at: ChatPosition): readonly number[] {
  const asked = indexesUpTo(refusal.request?.choices ?? 1)
  const beyond = [...at.choices.keys()].filter(index => index >= asked.length)
  return [...asked, ...beyond.sort((a, b) => a - b)]
}

function indexesUpTo(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index)
}

function refuseChoice(
  message: string,
  manner: Manner,
  index: number,
  seen: ChoiceState | undefined,
): readonly object[] {
  const chunk = (delta: object, finishReason: string | null) => ({
    index,
    delta,
    logprobs: null,
    finish_reason: finishReason,
  })
  const text = manner.field === 'content' && seen?.hasContent === true ? `\n\n${message}` : message
  // Named once and only once: some clients fail without a role, others add the strings up.
  const role = { role: 'assistant', content: manner.field === 'content' ? '' : null }
  return [
    ...(seen?.hasRole === true ? [] : [chunk(role, null)]),
    chunk({ [manner.field]: text }, null),
    chunk({}, manner.finishReason),
  ]
}

function event(chunk: object): string {
  return `data: ${JSON.stringify(chunk)}\n\n`
}

/** The error object that the SDKs read from a body with a status from 400. */
export function renderError(error: ProviderError): ReplyBody {
  const type = error.status >= 500 ? 'server_error' : 'invalid_request_error'
  const body = JSON.stringify({ error: { message: error.message, type, param: null, code: error.code } })
  return { contentType: 'application/json', body: encoder.encode(body) }
}
