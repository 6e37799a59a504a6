import type { ChildProcess } from 'node:child_process'
import { WeirError } from '../errors.ts'
import { Backoff, type BackoffOptions } from './backoff.ts'
import { JoinedMetrics } from './joined-metrics.ts'
import { readFromWorker, type ToWorker } from './messages.ts'

export interface PoolOptions {
  readonly workers: number
  /** Starts the worker of this index; it must have an IPC channel. */
  readonly fork: (worker: number) => ChildProcess
  readonly backoff: BackoffOptions
  /** Milliseconds, monotonic. */
  readonly clock: () => number
  /** How long a worker may take to give its metrics before it is left out of a scrape. */
  readonly metricsTimeoutMs: number
  readonly report: (end: WorkerEnd) => void
  /** Hears of another config in force, secrets masked, from each worker that has it. */
  readonly reportConfig: (masked: unknown) => void
}

/** A worker ended by itself: with an exit code or by a signal, and starts again after `restartMs`. */
export interface WorkerEnd {
  readonly worker: number
  readonly code: number | null
  readonly signal: string | null
  readonly restartMs: number
}

interface Worker {
  readonly index: number
  readonly backoff: Backoff
  child: ChildProcess
  startedAt: number
  isServing: boolean
  restart: NodeJS.Timeout | undefined
}

/** Processes that each serve exchanges, and are started again when they end without having been told to. */
export class WorkerPool {
  readonly #options: PoolOptions
  readonly #workers: Worker[] = []
  readonly #metrics = new JoinedMetrics()
  readonly #waiting = new Map<number, { readonly asked: Set<number>; readonly done: () => void }>()
  readonly #allEnded = Promise.withResolvers<void>()
  #state: 'starting' | 'running' | 'stopping' = 'starting'
  #requests = 0
  restarts = 0

  constructor(options: PoolOptions) {
    this.#options = options
  }

  /** How many of them take exchanges now. */
  get serving(): number {
    return this.#workers.filter(({ isServing }) => isServing).length
  }

  /**
   * Starts all of them and resolves with their addresses, in order, once all serve. The first that ends before is a
   * fault that another try would not mend: the others are stopped.
   *
   * @throws WeirError `worker-failed`
   */
  async start(): Promise<readonly string[]> {
    const starts = Array.from({ length: this.#options.workers }, (_, index) => this.#startFirst(index))
    try {
      const addresses = await Promise.all(starts)
      this.#state = 'running'
      return addresses
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  /** The metrics of all workers that answer in time, and what those that ended had counted. */
  async render(): Promise<string> {
    const asked = this.#workers.filter(({ isServing }) => isServing)
    if (asked.length > 0) await this.#ask(asked)
    return this.#metrics.render()
  }

  /** Has all read the config again. */
  reload(): void {
    for (const { child } of this.#workers) send(child, { kind: 'reload' })
  }

  /** Tells all to drain and resolves when the last has ended. */
  async stop(): Promise<void> {
    this.#state = 'stopping'
    for (const { child, restart } of this.#workers) {
      clearTimeout(restart)
      send(child, { kind: 'stop' })
    }
    this.#lookWhetherAllEnded()
    await this.#allEnded.promise
  }

  /** Ends all at once. */
  kill(): void {
    for (const { child } of this.#workers) child.kill('SIGKILL')
  }

  #startFirst(index: number): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    const worker: Worker = {
      index,
      backoff: new Backoff(this.#options.backoff),
      child: this.#options.fork(index),
      startedAt: this.#options.clock(),
      isServing: false,
      restart: undefined,
    }
    this.#workers.push(worker)
    this.#watch(worker, resolve)
    worker.child.once('exit', code =>
      reject(
        new WeirError(
          'worker-failed',
          `worker ${index} ended (code ${code}) before it served; its log says why`,
        ),
      ),
    )
    return promise
  }

  #watch(worker: Worker, onServing: (listen: string) => void): void {
    const { child, index } = worker
    child.on('message', received => {
      const message = readFromWorker(received)
      if (message?.kind === 'serving') {
        worker.isServing = true
        onServing(message.listen)
      } else if (message?.kind === 'metrics') {
        this.#metrics.tell(index, message.metrics)
        this.#answered(message.request, index)
      } else if (message?.kind === 'config') this.#options.reportConfig(message.masked)
    })
    // A worker that cannot be started, or told something, ends: that event says it.
    child.on('error', () => {})
    child.once('exit', (code, signal) => void this.#ended(worker, code, signal))
  }

  async #ended(worker: Worker, code: number | null, signal: string | null): Promise<void> {
    worker.isServing = false
    for (const request of this.#waiting.keys()) this.#answered(request, worker.index)
    if (this.#state === 'running') this.#restart(worker, code, signal)
    this.#lookWhetherAllEnded()
    await this.#metrics.ended(worker.index)
  }

  #restart(worker: Worker, code: number | null, signal: string | null): void {
    const restartMs = worker.backoff.next(this.#options.clock() - worker.startedAt)
    this.restarts += 1
    this.#options.report({ worker: worker.index, code, signal, restartMs })
    worker.restart = setTimeout(() => {
      worker.child = this.#options.fork(worker.index)
      worker.startedAt = this.#options.clock()
      this.#watch(worker, () => {})
    }, restartMs)
  }

  #lookWhetherAllEnded(): void {
    const isOver = ({ child }: Worker): boolean =>
      child.exitCode !== null || child.signalCode !== null || child.pid === undefined
    if (this.#state === 'stopping' && this.#workers.every(isOver)) this.#allEnded.resolve()
  }

  #ask(asked: readonly Worker[]): Promise<void> {
    this.#requests += 1
    const request = this.#requests
    return new Promise(resolve => {
      const done = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(request)
        resolve()
      }
      const timer = setTimeout(done, this.#options.metricsTimeoutMs)
      this.#waiting.set(request, { asked: new Set(asked.map(({ index }) => index)), done })
      for (const { child } of asked) send(child, { kind: 'give-metrics', request })
    })
  }

  #answered(request: number, worker: number): void {
    const waiting = this.#waiting.get(request)
    if (waiting === undefined) return
    waiting.asked.delete(worker)
    if (waiting.asked.size === 0) waiting.done()
  }
}

/** To one whose channel is closed nothing can be said: it is about to end, or has. */
function send(child: ChildProcess, message: ToWorker): void {
  if (child.connected) child.send(message, () => {})
}
