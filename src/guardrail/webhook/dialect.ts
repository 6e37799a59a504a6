import type { ScanSubject, Verdict } from '../guardrail.ts'
import type { Piece } from '../pieces.ts'

/** One request to the service, but for its headers. */
export interface Question {
  readonly url: string
  readonly body: unknown
}

/** How a family of guard services is asked, and what its answers mean. */
export interface Dialect {
  /** The request that has a batch of the subject's texts judged. */
  question(batch: readonly Piece[], subject: ScanSubject): Question
  /** Throws GuardrailFailure `bad-response` for an answer that is not one of the dialect's. */
  verdict(answer: unknown, batch: readonly Piece[], side: ScanSubject['side']): Verdict
}

/** A flagged verdict of a service that names no category. */
export const FLAGGED: Verdict = { kind: 'flagged', findings: [{ detector: 'webhook' }] }

/** A message as OpenAI's chat API writes it. */
export interface WireMessage {
  readonly role: string
  readonly content: string
}

/** One message for each text: a service that sends texts back does so in the same order. */
export function wireMessages(texts: readonly { role: string; text: string }[]): readonly WireMessage[] {
  return texts.map(({ role, text }) => ({ role, content: text }))
}

export function joinedText(texts: readonly { text: string }[]): string {
  return texts.map(({ text }) => text).join('\n')
}

/** The URL with `path` behind its own; a query stays where it is. */
export function withPath(url: string, path: string): string {
  const whole = new URL(url)
  whole.pathname = whole.pathname.replace(/\/+$/, '') + path
  return whole.href
}

/** Longer names are none: what a client wrote there is not passed on. */
const MAX_MODEL_CHARS = 256

/** The model that the request asks for, as services take it beside the text; empty when it is not known. */
export function modelOf({ origin }: ScanSubject): { readonly model?: string } {
  const model = origin?.model
  return model === undefined || model === '' || model.length > MAX_MODEL_CHARS ? {} : { model }
}
