import type { ScanLifetime } from './events.ts'

interface Pending<Result> {
  readonly lifetime: ScanLifetime
  readonly onEnd: (result: Result) => void
}

/** Work that was given away, by its number, and who hears what it came to. */
export class PendingWork<Result> {
  #lastNumber = 0
  /** Made when it is first needed. */
  #pending: Map<number, Pending<Result>> | undefined

  /** Returns the number by which `end` knows it again. */
  begin(lifetime: ScanLifetime, onEnd: (result: Result) => void): number {
    this.#lastNumber += 1
    this.#pending ??= new Map()
    this.#pending.set(this.#lastNumber, { lifetime, onEnd })
    return this.#lastNumber
  }

  /** Tells who waits for it; nobody does where it was forgotten, or has ended before. */
  end(number: number, result: Result): void {
    const pending = this.#pending?.get(number)
    this.#pending?.delete(number)
    pending?.onEnd(result)
  }

  /** The call is over: what was for it has nobody to wait for it any more. The rest runs on. */
  forgetCall(): void {
    for (const [number, { lifetime }] of this.#pending ?? NOTHING) {
      if (lifetime === 'call') this.#pending?.delete(number)
    }
  }
}

const NOTHING: readonly [number, Pending<never>][] = []
