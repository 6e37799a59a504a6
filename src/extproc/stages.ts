/** Scans that are judged together and take their time, while some of them still run. */
interface Stage {
  readonly stop: AbortController
  running: number
}

/** The stages of one call, by number. They end with the call. */
export class Stages {
  readonly #stages = new Map<number, Stage>()

  /** One more scan of the stage begins; what it gets aborts all of them. */
  enter(number: number): AbortController {
    const stage = this.#stages.get(number) ?? { stop: new AbortController(), running: 0 }
    stage.running += 1
    this.#stages.set(number, stage)
    return stage.stop
  }

  leave(number: number): void {
    const stage = this.#stages.get(number)
    if (stage === undefined) return
    stage.running -= 1
    if (stage.running === 0) this.#stages.delete(number)
  }

  abort(): void {
    for (const { stop } of this.#stages.values()) stop.abort()
  }
}
