import type { FromWorker, ToWorker } from './messages.ts'

/** An answer of a worker: what carries the number of a question. */
export type Answer = Extract<FromWorker, { readonly request: number }>
type Question = Extract<ToWorker, { readonly request: number }>

/** A worker that may be asked. */
export interface Asked {
  readonly index: number
  send(message: ToWorker): void
}

interface Waiting {
  readonly left: Set<number>
  readonly take: (worker: number, answer: Answer) => void
  readonly done: () => void
}

/** Questions to workers that wait for their answers, each by its number. */
export class Questions {
  readonly #waiting = new Map<number, Waiting>()
  #last = 0

  /**
   * Puts the question that `make` makes of a number to each of them. Resolves when all have answered or ended, or
   * `timeoutMs` have passed; `take` gets the answers as they come, none after that.
   */
  ask(
    asked: readonly Asked[],
    make: (request: number, worker: number) => Question,
    take: Waiting['take'],
    timeoutMs: number,
  ): Promise<void> {
    if (asked.length === 0) return Promise.resolve()
    this.#last += 1
    const request = this.#last
    return new Promise(resolve => {
      const done = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(request)
        resolve()
      }
      const timer = setTimeout(done, timeoutMs)
      this.#waiting.set(request, { left: new Set(asked.map(({ index }) => index)), take, done })
      for (const worker of asked) worker.send(make(request, worker.index))
    })
  }

  /** A worker has answered. */
  answered(worker: number, answer: Answer): void {
    const waiting = this.#waiting.get(answer.request)
    if (waiting === undefined || !waiting.left.delete(worker)) return
    waiting.take(worker, answer)
    if (waiting.left.size === 0) waiting.done()
  }

  /** A worker has ended: it answers nothing any more. */
  ended(worker: number): void {
    for (const { left, done } of this.#waiting.values()) {
      if (left.delete(worker) && left.size === 0) done()
    }
  }
}
