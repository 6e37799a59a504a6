import type { FailureReason } from '../guardrail/guardrail.ts'

/** How one response body reaches the client, from its first chunk to its end. */
export interface Delivery {
  /** The client got its last word from us: what the upstream still sends goes nowhere. */
  readonly over: boolean
  /** A verdict is on its way and the bytes received last may depend on it. */
  readonly judging: boolean
  /** Bytes of the upstream's that are held back. */
  readonly heldBytes: number
  /** The same, and copies. */
  readonly keptBytes: number
  /** What comes now is held until the body is whole. */
  readonly gathers: boolean
  /** A verdict is on its way that needs no more of the body. */
  readonly canWait: boolean
  push(chunk: Uint8Array): void
  /** The upstream's body is complete. */
  end(): void
  /** What was gathered so far has waited long enough to be scanned. */
  windowDue(): void
  /** The turn that `go-on-later` asked for. */
  goOn(): void
  /** The body cannot be read any further. */
  fault(reason: FailureReason): void
  /** The process has no room for more. */
  overBudget(): void
  /** `maxDurationMs` passed. */
  deadline(): void
  /** Envoy is gone: nothing can be sent any more. */
  closed(): void
  /** Time for a sign of life; undefined where nothing may be said now. */
  heartbeat(): Uint8Array | undefined
}
