import type { MessageEvent } from './events.ts'

/** What the upstream answered while the verdict on its request is still awaited (`during_call`), as it came. */
export class HeldResponse {
  #events: MessageEvent[] = []
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  get isEmpty(): boolean {
    return this.#events.length === 0
  }

  push(event: MessageEvent): void {
    this.#events.push(event)
    if (event.kind === 'body') this.#bytes += event.body.byteLength
  }

  take(): readonly MessageEvent[] {
    const events = this.#events
    this.#events = []
    this.#bytes = 0
    return events
  }
}
