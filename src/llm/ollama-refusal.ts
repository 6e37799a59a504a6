import { factsOf } from './decoded-frame.ts'
import type { Frame, ProviderError, Refusal, ReplyBody, StreamPosition } from './format.ts'
import { toJsonLine } from './ndjson.ts'
import { ANSWER, type OllamaEndpoint, OllamaFrame, openStream } from './ollama-answer.ts'
import { assertOwnPosition } from './own-position.ts'

/** What the client has seen of a stream; fresh, it has seen nothing. */
export class OllamaPosition implements StreamPosition {
  model: string | undefined
  /** RFC 3339, of the last line: a refusal is said no earlier. */
  createdAt: string | undefined
  /** Text of the answer itself, which a refusal must stand apart from. */
  hasContent = false
  terminated = false
  readonly #endpoint: OllamaEndpoint

  constructor(endpoint: OllamaEndpoint) {
    this.#endpoint = endpoint
  }

  released(frame: Frame): void {
    for (const part of frame.parts) {
      if (part.kind === 'terminator') this.terminated = true
      else if (part.kind === 'text-delta' && part.textKind === 'content' && part.block === ANSWER) {
        this.hasContent ||= part.text !== ''
      }
    }
    const facts = factsOf(OllamaFrame, frame, () => openStream(this.#endpoint))
    this.model ??= facts?.model
    this.createdAt = facts?.createdAt ?? this.createdAt
  }
}

const encoder = new TextEncoder()

/** Ollama counts time in nanoseconds. The model was not called, or what it used is unknown here. */
const NO_METRICS = {
  total_duration: 0,
  load_duration: 0,
  prompt_eval_count: 0,
  prompt_eval_duration: 0,
  eval_count: 0,
  eval_duration: 0,
}

/** `content_filter` is no word of Ollama's own, though its clients take any. */
function doneReason({ finishReason }: Refusal): string {
  return finishReason === 'content_filter' ? 'content_filter' : 'stop'
}

function said(endpoint: OllamaEndpoint, content: string): object {
  return endpoint === 'chat' ? { message: { role: 'assistant', content } } : { response: content }
}

/** A whole answer that says no. */
export function renderRefusal(
  endpoint: OllamaEndpoint,
  refusal: Refusal,
  shape: 'json' | 'event-stream',
): ReplyBody {
  if (shape === 'event-stream') {
    const body = streamRefusal(endpoint, refusal, new OllamaPosition(endpoint))
    return { contentType: 'application/x-ndjson', body }
  }
  const answer = {
    model: refusal.request?.model ?? 'unknown',
    created_at: toRfc3339(refusal.createdSec),
    ...said(endpoint, refusal.message),
    done: true,
    done_reason: doneReason(refusal),
    ...NO_METRICS,
  }
  return { contentType: 'application/json', body: encoder.encode(JSON.stringify(answer)) }
}

/** The rest of a stream of which the client has seen `at`. Nothing is ever open in it: a line stands for itself. */
export function streamRefusal(endpoint: OllamaEndpoint, refusal: Refusal, at: StreamPosition): Uint8Array {
  assertOwnPosition(at, OllamaPosition)
  if (at.terminated) return new Uint8Array(0)
  const head = {
    model: at.model ?? refusal.request?.model ?? 'unknown',
    created_at: at.createdAt ?? toRfc3339(refusal.createdSec),
  }
  const text = at.hasContent ? `\n\n${refusal.message}` : refusal.message
  const lines = [
    { ...head, ...said(endpoint, text), done: false },
    { ...head, ...said(endpoint, ''), done: true, done_reason: doneReason(refusal), ...NO_METRICS },
  ]
  return encoder.encode(lines.map(line => `${toJsonLine(line)}\n`).join(''))
}

/** Ollama's own error object, at every status. */
export function renderError({ message }: ProviderError): ReplyBody {
  return { contentType: 'application/json', body: encoder.encode(JSON.stringify({ error: message })) }
}

/**
 * A line without text. Clients show it as one more piece of nothing; strict ones, such as Ollama's in Go, want its time
 * to be a time. A blank line they take for a broken one.
 */
export function heartbeat(endpoint: OllamaEndpoint): Uint8Array {
  const line = { model: '', created_at: '1970-01-01T00:00:00Z', ...said(endpoint, ''), done: false }
  return encoder.encode(`${toJsonLine(line)}\n`)
}

const DAY_SEC = 86_400

/** Unix time as RFC 3339 in UTC. */
export function toRfc3339(sec: number): string {
  const days = Math.floor(sec / DAY_SEC)
  const inDay = Math.floor(sec) - days * DAY_SEC
  // Days since 1970 to a date, by eras of 400 years that begin in March: https://howardhinnant.github.io/date_algorithms.html
  const era = Math.floor((days + 719_468) / 146_097)
  const ofEra = days + 719_468 - era * 146_097
  const leapDays = Math.floor(ofEra / 1460) - Math.floor(ofEra / 36_524) + Math.floor(ofEra / 146_096)
  const yearOfEra = Math.floor((ofEra - leapDays) / 365)
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const fromMarch = Math.floor((5 * ofYear + 2) / 153)
  const day = ofYear - Math.floor((153 * fromMarch + 2) / 5) + 1
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  const clock = [Math.floor(inDay / 3600), Math.floor(inDay / 60) % 60, inDay % 60]
  return `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}T${clock.map(part => pad(part, 2)).join(':')}Z`
}

function pad(value: number, digits: number): string {
  return String(value).padStart(digits, '0')
}
