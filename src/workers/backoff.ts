/** How long to wait before a worker that ended is started again. */
export interface BackoffOptions {
  readonly firstMs: number
  readonly mostMs: number
  /** One that ran this long had not failed at its start: the next wait is the first again. */
  readonly healthyMs: number
}

export const WORKER_BACKOFF: BackoffOptions = { firstMs: 100, mostMs: 30_000, healthyMs: 60_000 }

/** Doubles from one end to the next. */
export class Backoff {
  readonly #options: BackoffOptions
  #waitMs: number

  constructor(options: BackoffOptions) {
    this.#options = options
    this.#waitMs = options.firstMs
  }

  /** The wait after an end, for a worker that ran for `ranMs`. */
  next(ranMs: number): number {
    const { firstMs, mostMs, healthyMs } = this.#options
    if (ranMs >= healthyMs) this.#waitMs = firstMs
    const waitMs = this.#waitMs
    this.#waitMs = Math.min(waitMs * 2, mostMs)
    return waitMs
  }
}
