const SIZE = 100
/** Fewer samples say nothing about the slowest ones. */
const FEWEST = 20
/** A percentile stays true for a while; sorting for each request would cost more than it tells. */
const SAMPLES_PER_READING = 10

/** The latest 100 durations, in milliseconds, and their 95th percentile. */
export class LatencyWindow {
  readonly #samples: number[] = []
  #next = 0
  #sinceReading = 0
  #p95: number | undefined

  add(ms: number): void {
    this.#samples[this.#next] = ms
    this.#next = (this.#next + 1) % SIZE
    this.#sinceReading += 1
  }

  /** Undefined until there are 20 samples. */
  p95(): number | undefined {
    if (this.#samples.length < FEWEST) return undefined
    if (this.#p95 === undefined || this.#sinceReading >= SAMPLES_PER_READING) {
      this.#sinceReading = 0
      const sorted = this.#samples.toSorted((a, b) => a - b)
      this.#p95 = sorted[Math.ceil(sorted.length * 0.95) - 1]
    }
    return this.#p95
  }
}
