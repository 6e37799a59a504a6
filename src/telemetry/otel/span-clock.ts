import type { HrTime } from '@opentelemetry/api'
import { millisToHrTime } from '@opentelemetry/core'

/**
 * The times of an exchange's spans. They follow the monotonic clock from one reading of the day's, so that a scan never
 * begins before its exchange: `Date.now()` has whole milliseconds, and each span that asks for itself is off by another
 * part of one.
 */
export class SpanClock {
  readonly #epochMs = Date.now()
  readonly #sinceMs = performance.now()

  /** `monotonicMs`: as `performance.now()` has it. */
  at(monotonicMs: number): HrTime {
    return millisToHrTime(this.#epochMs + (monotonicMs - this.#sinceMs))
  }

  now(): HrTime {
    return this.at(performance.now())
  }
}
