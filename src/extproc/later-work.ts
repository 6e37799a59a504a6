import type { ReadJob, ReadResult } from '../exchange/body-reading.ts'
import type { ReadEffect, ScanEffect } from '../exchange/events.ts'
import type { Outcome } from '../guardrail/guardrail.ts'
import { runStage, type StageRun } from '../guardrail/run-stage.ts'
import { isFinal } from '../policy/decide.ts'
import type { CallDeps } from './call-deps.ts'
import { Reads } from './reads.ts'
import { Stages } from './stages.ts'

/** What a call hears of the work that it has given away. */
export interface LaterWorkHost {
  scanned(effect: ScanEffect, outcomes: readonly Outcome[]): void
  read(effect: ReadEffect, result: ReadResult): void
  /** A bug: an outcome will not come. */
  broke(error: unknown): void
}

/** Scans and readings of one call that do not end at once. What is for the call ends with it; the rest outlives it. */
export class LaterWork {
  readonly #deps: CallDeps
  readonly #host: LaterWorkHost
  readonly #stages = new Stages()
  readonly #reads: Reads
  #outliving = 0
  #state: 'open' | 'stopped' = 'open'

  constructor(deps: CallDeps, host: LaterWorkHost) {
    this.#deps = deps
    this.#host = host
    this.#reads = new Reads(deps.reader)
  }

  /** Something runs that will have a word to say after the call's end as well. */
  get outlives(): boolean {
    return this.#outliving > 0
  }

  scan(
    effect: ScanEffect,
    task: Pick<StageRun, 'guardrails' | 'subject' | 'clock' | 'onFault' | 'around'>,
  ): void {
    const { rules, lifetime, stage } = effect
    const settle = (outcomes: readonly Outcome[]): void => this.#host.scanned(effect, outcomes)
    if (lifetime === 'call') {
      const stop = this.#stages.enter(stage)
      if (this.#state === 'stopped') stop.abort()
      runStage({ ...task, stop, isFinal: (index, outcome) => isFinal({ rule: rules[index]!, outcome }) })
        .then(settle)
        .catch((error: unknown) => this.#host.broke(error))
        .finally(() => this.#stages.leave(stage))
      return
    }
    const isBegun = this.#outlive(async stop => {
      // Nobody waits for it, so nothing is gained by cutting it short but at the end of all.
      const outcomes = await runStage({ ...task, stop, isFinal: () => false })
      return () => settle(outcomes)
    })
    if (!isBegun) settle(rules.map(() => ({ kind: 'failure', reason: 'over-limit', ms: 0 })))
  }

  read(effect: ReadEffect): void {
    const { job, lifetime } = effect
    const settle = (result: ReadResult): void => this.#host.read(effect, result)
    if (lifetime === 'call') {
      if (this.#state === 'open') this.#reads.start(job, settle)
      return
    }
    const isBegun = this.#outlive(async stop => {
      const result = await this.#readUntil(stop.signal, job)
      return () => settle(result)
    })
    if (!isBegun) settle({ kind: 'fault', reason: 'over-limit' })
  }

  /** Ends what is for the call, and what will be. */
  stop(): void {
    this.#state = 'stopped'
    this.#stages.abort()
    this.#reads.stop()
  }

  async #readUntil(stop: AbortSignal, job: ReadJob): Promise<ReadResult> {
    const { promise, resolve } = Promise.withResolvers<ReadResult>()
    const forget = this.#deps.reader.read(job, resolve)
    const onStop = (): void => {
      forget()
      resolve({ kind: 'fault', reason: 'cancelled' })
    }
    if (stop.aborted) onStop()
    stop.addEventListener('abort', onStop, { once: true })
    return promise.finally(() => stop.removeEventListener('abort', onStop))
  }

  /** Begins work whose end is told once it no longer counts as running; false when too much of it runs already. */
  #outlive(work: (stop: AbortController) => Promise<() => void>): boolean {
    return this.#deps.shadows.run(async stop => {
      this.#outliving += 1
      let settle: () => void
      try {
        settle = await work(stop)
      } catch (error) {
        this.#outliving -= 1
        this.#host.broke(error)
        return
      }
      this.#outliving -= 1
      settle()
    })
  }
}
