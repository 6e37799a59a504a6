import type { FailureReason } from '../guardrail/guardrail.ts'
import type { TextSegment } from '../llm/format.ts'
import { BodyGate } from './body-gate.ts'
import type { ReadResult } from './body-reading.ts'
import type { GuardedResponse } from './downstream.ts'
import type { ExchangeHost } from './pinned.ts'

export type Copied =
  | { readonly kind: 'text'; readonly segments: readonly TextSegment[]; readonly uninspectable: number }
  | { readonly kind: 'fault'; readonly reason: FailureReason }

/**
 * Delivery `live`: keeps a copy of a response that has gone on untouched, to be judged once at its end. Past
 * `maxBytes` the copy is dropped, and the outcome is over-limit.
 */
export class LiveTap {
  readonly #gate: BodyGate
  #overLimit = false

  constructor(maxBytes: number) {
    this.#gate = new BodyGate(maxBytes)
  }

  push(chunk: Uint8Array): void {
    if (this.#overLimit) return
    if (this.#gate.push(chunk) === 'over-limit') {
      this.#overLimit = true
      this.#gate.take()
    }
  }

  /** `done` is called at once or later, whatever becomes of the call. */
  read({ openRead }: ExchangeHost, guarded: GuardedResponse, done: (copied: Copied) => void): void {
    const { format, shape, contentType, contentEncoding, policy } = guarded
    if (this.#overLimit) {
      done({ kind: 'fault', reason: 'over-limit' })
      return
    }
    const { maxResponseBytes: maxBytes } = policy.limits
    const whole = { body: this.#gate.body(), contentEncoding, maxBytes }
    openRead({ kind: 'response', ...whole, format, shape, contentType }, 'shadow', result =>
      done(copied(result)),
    )
  }
}

function copied(result: ReadResult): Copied {
  if (result.kind === 'fault') return result
  if (result.kind !== 'response') return { kind: 'fault', reason: 'internal' }
  const { decoded } = result
  return decoded.kind === 'ok'
    ? { kind: 'text', segments: decoded.value.segments, uninspectable: decoded.value.uninspectable }
    : { kind: 'fault', reason: 'undecodable' }
}
