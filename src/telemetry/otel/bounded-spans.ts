import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace'

/**
 * In front of a batching processor, so that what finds no place is counted: at `most` spans wait, one more is dropped.
 * The batching processor has the same bound and would drop silently.
 */
export class BoundedSpans implements SpanProcessor {
  readonly #next: SpanProcessor
  readonly #most: number
  readonly #onDrop: () => void
  #waiting = 0

  constructor(next: SpanProcessor, most: number, onDrop: () => void) {
    this.#next = next
    this.#most = most
    this.#onDrop = onDrop
  }

  /** So many were handed to the exporter, and wait no more. */
  handedOver(count: number): void {
    this.#waiting -= count
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if (this.#waiting >= this.#most) {
      this.#onDrop()
      return
    }
    this.#waiting += 1
    this.#next.onEnd(span)
  }

  forceFlush(): Promise<void> {
    return this.#next.forceFlush()
  }

  shutdown(): Promise<void> {
    return this.#next.shutdown()
  }
}
