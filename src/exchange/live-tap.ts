import type { FailureReason } from '../guardrail/guardrail.ts'
import type { TextSegment } from '../llm/format.ts'
import { BodyGate } from './body-gate.ts'
import { type ContentCodings, decodeBody } from './content-coding.ts'
import type { GuardedResponse } from './downstream.ts'
import { readEventStream } from './stream-text.ts'

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

  read(guarded: GuardedResponse, codings: ContentCodings): Copied {
    const { format, shape, contentType, contentEncoding, policy } = guarded
    if (this.#overLimit) return { kind: 'fault', reason: 'over-limit' }
    const body = decodeBody(codings, contentEncoding, this.#gate.body(), policy.limits.maxResponseBytes)
    if (body === 'broken') return { kind: 'fault', reason: 'undecodable' }
    if (body === 'over-limit') return { kind: 'fault', reason: 'over-limit' }
    const decoded =
      shape === 'json' ? format.decodeResponse(body, contentType) : readEventStream(format, [body])
    if (decoded.kind === 'undecodable') return { kind: 'fault', reason: 'undecodable' }
    return { kind: 'text', segments: decoded.value.segments, uninspectable: decoded.value.uninspectable }
  }
}
