import type { FailureReason } from '../guardrail/guardrail.ts'
import type { TextSegment } from '../llm/format.ts'
import { BodyGate } from './body-gate.ts'
import type { ReadResult } from './body-reading.ts'
import type { GuardedResponse } from './downstream.ts'
import type { ExchangeHost } from './host.ts'

export type Copied =
  | { readonly kind: 'text'; readonly segments: readonly TextSegment[]; readonly uninspectable: number }
  | { readonly kind: 'fault'; readonly reason: FailureReason }

/**
 * Delivery `live`: keeps a copy of a response that has gone on untouched, to be judged once at its end. Past
 * `maxBytes`, and where the process has no room for it, the copy is dropped, and that is the outcome.
 */
export class LiveTap {
  readonly #gate: BodyGate
  #dropped: 'over-limit' | 'over-budget' | undefined

  constructor(maxBytes: number) {
    this.#gate = new BodyGate(maxBytes)
  }

  get keptBytes(): number {
    return this.#gate.heldBytes
  }

  push(chunk: Uint8Array): void {
    if (this.#dropped !== undefined) return
    if (this.#gate.push(chunk) === 'over-limit') this.drop('over-limit')
  }

  drop(why: 'over-limit' | 'over-budget'): void {
    this.#dropped = why
    this.close()
  }

  /** What was read of it is needed no more. */
  close(): void {
    this.#gate.take()
  }

  /** `done` is called at once or later, whatever becomes of the call. */
  read({ openRead, init }: ExchangeHost, guarded: GuardedResponse, done: (copied: Copied) => void): void {
    const { format, shape, contentType, contentEncoding, policy } = guarded
    if (this.#dropped !== undefined) {
      done({ kind: 'fault', reason: this.#dropped })
      return
    }
    const bounds = { maxBytes: policy.limits.maxResponseBytes, roomBytes: init.roomBytes() }
    const whole = { body: this.#gate.body(), contentEncoding, ...bounds }
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
