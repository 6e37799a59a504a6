import { assertNever } from '../errors.ts'
import type { FailureReason } from '../guardrail/guardrail.ts'
import { detectResponseFormat } from '../llm/detect.ts'
import type { LlmFormat } from '../llm/format.ts'
import { BodyGate } from './body-gate.ts'

/** What the bytes so far say of their body. */
export type Told =
  | { readonly kind: 'more' }
  | { readonly kind: 'read'; readonly format: LlmFormat; readonly shape: 'json' | 'event-stream' }
  | { readonly kind: 'fault'; readonly reason: FailureReason }
  /** No format takes it. */
  | { readonly kind: 'unsupported' }
  | { readonly kind: 'empty' }

const MORE: Told = { kind: 'more' }

/**
 * A response body that neither the request nor the headers name: held, under `maxBytes`, until its bytes do. With a
 * known format only JSON or event stream is in question; without one the API itself is.
 */
export class UnreadBody {
  readonly #gate: BodyGate
  readonly #format: LlmFormat | undefined
  readonly #contentType: string | undefined
  /** Looking again before the body has doubled would cost more than it could tell. */
  #nextLook = 0

  constructor(format: LlmFormat | undefined, contentType: string | undefined, maxBytes: number) {
    this.#format = format
    this.#contentType = contentType
    this.#gate = new BodyGate(maxBytes)
  }

  get heldBytes(): number {
    return this.#gate.heldBytes
  }

  push(chunk: Uint8Array): Told {
    if (this.#gate.push(chunk) === 'over-limit') return { kind: 'fault', reason: 'over-limit' }
    if (this.#gate.heldBytes < this.#nextLook) return MORE
    this.#nextLook = this.#gate.heldBytes * 2
    return this.#look('prefix')
  }

  end(): Told {
    return this.#gate.heldBytes === 0 ? { kind: 'empty' } : this.#look('whole')
  }

  take(): readonly Uint8Array[] {
    return this.#gate.take()
  }

  #look(extent: 'prefix' | 'whole'): Told {
    if (this.#format === undefined) return this.#detect(extent)
    const shape = this.#format.shapeOf(this.#contentType, this.#gate.body())
    if (shape === 'opaque') return { kind: 'unsupported' }
    if (shape === 'more' && extent === 'prefix') return MORE
    // What looks like neither is read as JSON, whose decoder then says what is wrong with it.
    return { kind: 'read', format: this.#format, shape: shape === 'event-stream' ? shape : 'json' }
  }

  #detect(extent: 'prefix' | 'whole'): Told {
    const found = detectResponseFormat(this.#contentType, this.#gate.body(), extent)
    switch (found.kind) {
      case 'format':
        return { kind: 'read', format: found.format, shape: found.shape }
      case 'undecodable':
        return { kind: 'fault', reason: 'undecodable' }
      case 'none':
        return { kind: 'unsupported' }
      case 'more':
        return MORE
      default:
        return assertNever(found)
    }
  }
}
