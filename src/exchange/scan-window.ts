import type { StreamSettings } from '../policy/policy.ts'

/** A sentence ends: the first window may be scanned as early as that. */
const SENTENCE_END = /[.!?。！？\n]/

/**
 * How much new text a scan by windows waits for: little at first, for a fast first token, then more each time, so that
 * a long answer costs few scans. The time it waits at most grows alike.
 */
export class ScanWindow {
  readonly #settings: StreamSettings['window']
  #chars: number
  #heldMs: number
  #isFirst = true

  constructor(settings: StreamSettings['window']) {
    this.#settings = settings
    this.#chars = settings.firstChars
    this.#heldMs = settings.maxHeldMs
  }

  /** After so many milliseconds a scan is due whatever there is. */
  get maxHeldMs(): number {
    return this.#heldMs
  }

  /** `chars`: text that no scan has seen; `latest`: the newest piece of it. */
  isFull(chars: number, latest: string): boolean {
    return chars >= this.#chars || (this.#isFirst && chars > 0 && SENTENCE_END.test(latest))
  }

  /** A scan has begun: the next window is larger. */
  next(): void {
    this.#isFirst = false
    const { growth, maxChars, maxHeldMs } = this.#settings
    this.#chars = Math.min(Math.ceil(this.#chars * growth), maxChars)
    this.#heldMs = Math.min(this.#heldMs * growth, maxHeldMs * MAX_HELD_GROWTH)
  }
}

/** 1,000 ms grows to 10,000. */
const MAX_HELD_GROWTH = 10
