import type { ChildProcess } from 'node:child_process'
import { WeirError } from '../errors.ts'
import { Backoff, type BackoffOptions } from './backoff.ts'
import { JoinedMetrics } from './joined-metrics.ts'
import { readFromWorker, type ToWorker, type WorkerMetrics } from './messages.ts'
import { type Answer, type Asked, Questions } from './questions.ts'

export interface PoolOptions {
  readonly workers: number
  /** Starts the worker of this index; it must have an IPC channel. */
  readonly fork: (worker: number) => ChildProcess
  readonly backoff: BackoffOptions
  /** Milliseconds, monotonic. */
  readonly clock: () => number
  /** How long a worker may take to give its metrics or decisions before it is left out. */
  readonly metricsTimeoutMs: number
  readonly report: (end: WorkerEnd) => void
  /** Hears of another config in force, secrets masked, from each worker that has it. */
  readonly reportConfig: (version: string, masked: unknown) => void
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
  /** Once, in this process or in one before it: what ends it then is no fault of how it is started. */
  hasServed: boolean
  restart: NodeJS.Timeout | undefined
  /** The place among its decisions up to which they were read. */
  decisionsRead: number
}

/** What workers decided since they were last asked. */
export interface WorkerDecisions {
  /** Each worker's in their order. */
  readonly lines: readonly string[]
  /** How many more there were that nobody kept. */
  readonly missed: number
}

/** Processes that each serve exchanges, and are started again when they end without having been told to. */
export class WorkerPool {
  readonly #options: PoolOptions
  readonly #workers: Worker[] = []
  readonly #metrics = new JoinedMetrics()
  readonly #questions = new Questions()
  readonly #allEnded = Promise.withResolvers<void>()
  #state: 'running' | 'stopping' = 'running'
  restarts = 0

  constructor(options: PoolOptions) {
    this.#options = options
  }

  /** How many of them take exchanges now. */
  get serving(): number {
    return this.#workers.filter(({ isServing }) => isServing).length
  }

  /**
   * Starts all of them and resolves with their addresses, in order, once all serve. The first that ends before it
   * serves is a fault that another try would not mend: the others are stopped.
   *
   * @throws WeirError `worker-failed` for that one, and where they were stopped meanwhile
   */
  async start(): Promise<readonly string[]> {
    const starts = Array.from({ length: this.#options.workers }, (_, index) => this.#startFirst(index))
    try {
      const addresses = await Promise.all(starts)
      if (this.#state === 'stopping')
        throw new WeirError('worker-failed', 'the workers were stopped before all of them served')
      return addresses
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  /** The metrics of all workers that answer in time, and what those that ended had counted. */
  async render(): Promise<string> {
    await this.#askMetrics(undefined, (worker, metrics) => this.#metrics.tell(worker, metrics))
    return this.#metrics.render()
  }

  /** Some families of metrics as they are now; no scrape. */
  async look(names: readonly string[]): Promise<WorkerMetrics> {
    const answers: WorkerMetrics[] = []
    await this.#askMetrics(names, (_, metrics) => answers.push(metrics))
    return this.#metrics.with(answers)
  }

  /** What the workers that answer in time have decided since this was last called. */
  async decisions(): Promise<WorkerDecisions> {
    const lines: string[] = []
    let missed = 0
    const take = (index: number, answer: Answer): void => {
      const worker = this.#workers[index]
      if (answer.kind !== 'decisions' || worker === undefined) return
      worker.decisionsRead = answer.last
      lines.push(...answer.lines)
      missed += answer.missed
    }
    await this.#questions.ask(
      this.#askable(),
      (request, index) => ({ kind: 'give-decisions', request, after: this.#workers[index]!.decisionsRead }),
      take,
      this.#options.metricsTimeoutMs,
    )
    return { lines, missed }
  }

  /** Has one worker judge what is on the bench of the console; undefined where none answers in time. */
  async judge(
    question: string,
    timeoutMs: number,
  ): Promise<{ readonly status: number; readonly body: string } | undefined> {
    let found: { readonly status: number; readonly body: string } | undefined
    const take = (_: number, answer: Answer): void => {
      if (answer.kind === 'answer') found = answer
    }
    const [first] = this.#askable()
    const asked = first === undefined ? [] : [first]
    await this.#questions.ask(asked, request => ({ kind: 'judge', request, question }), take, timeoutMs)
    return found
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
      hasServed: false,
      restart: undefined,
      decisionsRead: 0,
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
        worker.hasServed = true
        onServing(message.listen)
      } else if (message?.kind === 'config') this.#options.reportConfig(message.version, message.masked)
      else if (message !== undefined) this.#questions.answered(index, message)
    })
    // A worker that cannot be started, or told something, ends: that event says it.
    child.on('error', () => {})
    child.once('exit', (code, signal) => void this.#ended(worker, code, signal))
  }

  async #ended(worker: Worker, code: number | null, signal: string | null): Promise<void> {
    worker.isServing = false
    this.#questions.ended(worker.index)
    if (this.#state !== 'stopping' && worker.hasServed) this.#restart(worker, code, signal)
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
      worker.decisionsRead = 0
      this.#watch(worker, () => {})
    }, restartMs)
  }

  #lookWhetherAllEnded(): void {
    const isOver = ({ child }: Worker): boolean =>
      child.exitCode !== null || child.signalCode !== null || child.pid === undefined
    if (this.#state === 'stopping' && this.#workers.every(isOver)) this.#allEnded.resolve()
  }

  #askMetrics(
    only: readonly string[] | undefined,
    take: (worker: number, metrics: WorkerMetrics) => void,
  ): Promise<void> {
    return this.#questions.ask(
      this.#askable(),
      request => ({ kind: 'give-metrics', request, ...(only !== undefined && { only }) }),
      (worker, answer) => {
        if (answer.kind === 'metrics') take(worker, answer.metrics)
      },
      this.#options.metricsTimeoutMs,
    )
  }

  #askable(): readonly Asked[] {
    const serving = this.#workers.filter(({ isServing }) => isServing)
    return serving.map(({ index, child }) => ({ index, send: message => send(child, message) }))
  }
}

/** To one whose channel is closed nothing can be said: it is about to end, or has. */
function send(child: ChildProcess, message: ToWorker): void {
  if (child.connected) child.send(message, () => {})
}
