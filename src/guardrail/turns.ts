import type { Clock } from './run-scan.ts'

/** Work that is done in steps, each of a few milliseconds at most. */
export interface SteppedWork {
  /** Does one step and says whether another is needed. Must not throw. */
  step(): 'more' | 'done'
}

/** What all such work together takes of one turn of the event loop, but for the step that goes past it. */
const MOST_MS_A_TURN = 4

/**
 * Shares the event loop between long work and everything else. All work together gets a few milliseconds of each turn,
 * and each in the queue one step before any gets its next. What there is time for is done at once, without a turn.
 */
export class Turns {
  readonly #clock: Clock
  readonly #nextTurn: (take: () => void) => void
  readonly #queue: SteppedWork[] = []
  #spentMs = 0
  #isNextSet = false

  constructor(clock: Clock, nextTurn: (take: () => void) => void) {
    this.#clock = clock
    this.#nextTurn = nextTurn
  }

  /** Begins now, and goes on when its turn comes. */
  run(work: SteppedWork): void {
    this.#queue.push(work)
    if (this.#queue.length === 1) this.#work()
    else this.#setNext()
  }

  /** Does one step in a later turn, when its own has come. */
  later(work: SteppedWork): void {
    this.#queue.push(work)
    this.#setNext()
  }

  #work(): void {
    const startedMs = this.#clock()
    const spentBefore = this.#spentMs
    while (this.#spentMs < MOST_MS_A_TURN) {
      const work = this.#queue.shift()
      if (work === undefined) break
      if (work.step() === 'more') this.#queue.push(work)
      this.#spentMs = spentBefore + this.#clock() - startedMs
    }
    this.#setNext()
  }

  /** A turn without work only begins the count anew. */
  #setNext(): void {
    if (this.#isNextSet || (this.#queue.length === 0 && this.#spentMs === 0)) return
    this.#isNextSet = true
    this.#nextTurn(() => {
      this.#isNextSet = false
      this.#spentMs = 0
      this.#work()
    })
  }
}

/** There is one event loop, so there is one queue for it. */
export const eventLoopTurns = new Turns(() => performance.now(), setImmediate)
