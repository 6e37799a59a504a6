import type { Frame, ProviderError, Refusal, ReplyBody, StreamPosition } from '../format.ts'
import { assertOwnPosition } from '../own-position.ts'
import { type AnswerFacts, GeminiFrame } from './stream.ts'

/** What a client has seen of one candidate. */
interface ChoiceState {
  /** Text of the answer itself, which a refusal must stand apart from. */
  hasContent: boolean
  /** It came without a finish reason at least once. */
  wasOpen: boolean
  /**
   * A finish reason came after that, and no text since. Older models name one in every event: there it ends nothing,
   * and a denied stream that ended without a word would look like a complete answer.
   */
  finished: boolean
}

/** What the client has seen of a stream; fresh, it has seen nothing. At most MAX_CANDIDATES states and one set of facts. */
export class GeminiPosition implements StreamPosition {
  /** By index; an upstream may skip some. */
  readonly choices = new Map<number, ChoiceState>()
  id: string | undefined
  model: string | undefined
  usageSent = false
  /** An object went out: in an array, what follows needs a comma. */
  hasElement = false
  terminated = false

  released(frame: Frame): void {
    this.hasElement ||= frame.bytes.includes(OPEN_CURLY)
    for (const part of frame.parts) {
      if (part.kind === 'terminator') this.terminated = true
      else if (part.kind === 'text-delta') {
        const choice = this.#choice(part.choice)
        choice.finished = false
        if (part.textKind === 'content' && part.text !== '') choice.hasContent = true
      }
    }
    if (frame instanceof GeminiFrame && frame.facts !== undefined) this.#keep(frame.facts)
  }

  #keep(facts: AnswerFacts): void {
    this.id ??= facts.id
    this.model ??= facts.model
    this.usageSent ||= facts.hasUsage
    for (const { choice, isFinished } of facts.candidates) {
      const state = this.#choice(choice)
      if (isFinished) state.finished ||= state.wasOpen
      else state.wasOpen = true
    }
  }

  #choice(index: number): ChoiceState {
    const known = this.choices.get(index)
    if (known !== undefined) return known
    const fresh = { hasContent: false, wasOpen: false, finished: false }
    this.choices.set(index, fresh)
    return fresh
  }
}

const OPEN_CURLY = 0x7b
const encoder = new TextEncoder()

/** The model was not called, or what it used is unknown here. */
const NO_USAGE = { promptTokenCount: 0, candidatesTokenCount: 0, totalTokenCount: 0 }

/** A whole answer that says no, in every candidate asked for; as a stream it is one event, and has no terminator. */
export function renderRefusal(refusal: Refusal, shape: 'json' | 'event-stream'): ReplyBody {
  if (shape === 'event-stream') {
    return { contentType: 'text/event-stream', body: eventRefusal(refusal, new GeminiPosition()) }
  }
  const answer = JSON.stringify(restOf(refusal, new GeminiPosition()))
  return { contentType: 'application/json', body: encoder.encode(answer) }
}

/** Without `alt=sse` the client parses an array, however the upstream answered. */
export function renderArrayRefusal(refusal: Refusal): ReplyBody {
  return { contentType: 'application/json', body: arrayRefusal(refusal, new GeminiPosition()) }
}

/** The rest of a stream of which the client has seen `at`: one more event, unless all candidates are at their end. */
export function eventRefusal(refusal: Refusal, at: StreamPosition): Uint8Array {
  const rest = restOf(refusal, positionOf(at))
  return encoder.encode(rest === undefined ? '' : `data: ${JSON.stringify(rest)}\n\n`)
}

/** The same for an array, which is closed in any case. Empty when its closing bracket is out. */
export function arrayRefusal(refusal: Refusal, at: StreamPosition): Uint8Array {
  const position = positionOf(at)
  if (position.terminated) return new Uint8Array(0)
  const rest = restOf(refusal, position)
  const element = rest === undefined ? '' : JSON.stringify(rest)
  if (!position.hasElement) return encoder.encode(`[${element}]`)
  return encoder.encode(element === '' ? '\r\n]' : `\r\n,\r\n${element}\r\n]`)
}

function positionOf(at: StreamPosition): GeminiPosition {
  assertOwnPosition(at, GeminiPosition)
  return at
}

/**
 * The candidates that are open get the refusal and an end, those never seen are opened for it, those at their end are
 * left alone. Clients show text beside `SAFETY`, while an answer without candidates shows nothing in some.
 */
function restOf(refusal: Refusal, at: GeminiPosition): object | undefined {
  const open = choicesOf(refusal, at).filter(index => at.choices.get(index)?.finished !== true)
  if (open.length === 0) return undefined
  const candidates = open.map(index => {
    const text = at.choices.get(index)?.hasContent === true ? `\n\n${refusal.message}` : refusal.message
    return {
      content: { role: 'model', parts: [{ text }] },
      finishReason: refusal.finishReason === 'stop' ? 'STOP' : 'SAFETY',
      index,
    }
  })
  return {
    candidates,
    // The last one that a client sees counts.
    ...(at.usageSent ? {} : { usageMetadata: NO_USAGE }),
    modelVersion: at.model ?? refusal.request?.model ?? 'unknown',
    responseId: at.id ?? refusal.id,
  }
}

/** The candidates asked for, and any that the upstream sent beyond them. */
function choicesOf(refusal: Refusal, at: GeminiPosition): readonly number[] {
  const asked = Array.from({ length: refusal.request?.choices ?? 1 }, (_, index) => index)
  const beyond = [...at.choices.keys()].filter(index => index >= asked.length)
  return [...asked, ...beyond.sort((a, b) => a - b)]
}

/** The words that go with a status, as in https://cloud.google.com/apis/design/errors. */
const STATUSES: ReadonlyMap<number, string> = new Map([
  [400, 'INVALID_ARGUMENT'],
  [401, 'UNAUTHENTICATED'],
  [403, 'PERMISSION_DENIED'],
  [404, 'NOT_FOUND'],
  [409, 'ABORTED'],
  [429, 'RESOURCE_EXHAUSTED'],
  [499, 'CANCELLED'],
  [501, 'UNIMPLEMENTED'],
  [503, 'UNAVAILABLE'],
  [504, 'DEADLINE_EXCEEDED'],
])

function errorObject({ status, message }: ProviderError): object {
  const word = STATUSES.get(status) ?? (status >= 500 ? 'INTERNAL' : 'INVALID_ARGUMENT')
  return { error: { code: status, message, status: word } }
}

/** The error object that the SDKs read from a body with a status from 400. */
export function renderError(error: ProviderError): ReplyBody {
  const body = JSON.stringify(errorObject(error))
  return { contentType: 'application/json', body: encoder.encode(body) }
}

/** A client without `alt=sse` gets its errors, too, as the one element of an array. */
export function renderArrayError(error: ProviderError): ReplyBody {
  const body = JSON.stringify([errorObject(error)])
  return { contentType: 'application/json', body: encoder.encode(body) }
}

/** Where an answer has no text, only an error can end a stream. */
export function eventError(refusal: Refusal): Uint8Array {
  const error = errorObject({ status: 403, message: refusal.message, code: 'content_filter' })
  return encoder.encode(`data: ${JSON.stringify(error)}\n\n`)
}
