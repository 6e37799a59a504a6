/**
 * Scans that outlive their call: nobody waits for their verdict but the log. At most `limit` at once; one more is
 * refused, and its caller records it as over the limit.
 */
export class ShadowScans {
  readonly #limit: number
  readonly #stop = new AbortController()
  readonly #running = new Set<Promise<unknown>>()

  constructor(limit: number) {
    this.#limit = limit
  }

  get running(): number {
    return this.#running.size
  }

  /**
   * Starts `scan` and returns true, or returns false when too many are running. `scan` must not reject, and comes to its
   * end when its `stop` aborts.
   */
  run(scan: (stop: AbortController) => Promise<unknown>): boolean {
    if (this.#running.size >= this.#limit) return false
    const running = scan(this.#stop).finally(() => this.#running.delete(running))
    this.#running.add(running)
    return true
  }

  /** Cuts short what runs, and what begins from now on. */
  stop(): void {
    this.#stop.abort()
  }

  /** Resolves when none is running. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
  }
}
