import type { ChildProcess } from 'node:child_process'
import { WeirError } from '../errors.ts'
import { Backoff, type BackoffOptions } from './backoff.ts'
import { JoinedMetrics } from './joined-metrics.ts'
import { type FromWorker, readFromWorker, type ToWorker, type WorkerMetrics } from './messages.ts'
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
  /** Hears of the newest config that any worker runs on, secrets masked, from each that has it. */
  readonly reportConfig: (version: string, masked: unknown) => void
}

/** How a worker's process ended. */
interface ProcessEnd {
  readonly code: number | null
  readonly signal: string | null
  /** Why the system did not let it start, such as EAGAIN where there are too many processes. */
  readonly error?: string
}

/** A worker ended by itself, or could not be started, and is started again after `restartMs`. */
export interface WorkerEnd extends ProcessEnd {
  readonly worker: number
  readonly restartMs: number
}

interface Worker {
  readonly index: number
  readonly backoff: Backoff
  /** While there is one. */
  child: ChildProcess | undefined
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
  /** When the newest config that was told was read. */
  #configReadAtMs = 0
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
    for (const { child } of this.#workers) child?.kill('SIGKILL')
  }

  #startFirst(index: number): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    const worker: Worker = {
      index,
      backoff: new Backoff(this.#options.backoff),
      child: undefined,
      startedAt: 0,
      isServing: false,
      hasServed: false,
      restart: undefined,
      decisionsRead: 0,
    }
    this.#workers.push(worker)
    void this.#run(worker, resolve).then(end => reject(failedStart(index, end)))
    return promise
  }

  /** One process of a worker, from its start to its end, which it resolves with. */
  async #run(worker: Worker, onServing: (listen: string) => void): Promise<ProcessEnd> {
    worker.startedAt = this.#options.clock()
    worker.decisionsRead = 0
    const end = await this.#startProcess(worker, onServing)
    worker.child = undefined
    worker.isServing = false
    this.#questions.ended(worker.index)
    if (this.#state !== 'stopping' && worker.hasServed) this.#restart(worker, end)
    this.#lookWhetherAllEnded()
    await this.#metrics.ended(worker.index)
    return end
  }

  /** Resolves with its end. Not to be let start is one as well: the system may have room for it later. */
  #startProcess(worker: Worker, onServing: (listen: string) => void): Promise<ProcessEnd> {
    return new Promise(resolve => {
      try {
        const child = this.#options.fork(worker.index)
        worker.child = child
        child.on('message', received => this.#hear(worker, received, onServing))
        child.once('exit', (code, signal) => resolve({ code, signal }))
        // There is no exit where nothing was started. One that cannot be told something ends: its exit says so.
        child.on('error', error => child.pid === undefined && resolve(notStarted(error)))
      } catch (error) {
        resolve(notStarted(error))
      }
    })
  }

  #hear(worker: Worker, received: unknown, onServing: (listen: string) => void): void {
    const message = readFromWorker(received)
    if (message?.kind === 'serving') {
      worker.isServing = true
      worker.hasServed = true
      onServing(message.listen)
    } else if (message?.kind === 'config') this.#hearConfig(message)
    else if (message !== undefined) this.#questions.answered(worker.index, message)
  }

  /** A worker that takes its time to read a config may be the last to have it. */
  #hearConfig({ version, masked, readAtMs }: Extract<FromWorker, { kind: 'config' }>): void {
    if (readAtMs < this.#configReadAtMs) return
    this.#configReadAtMs = readAtMs
    this.#options.reportConfig(version, masked)
  }

  #restart(worker: Worker, end: ProcessEnd): void {
    const restartMs = worker.backoff.next(this.#options.clock() - worker.startedAt)
    this.restarts += 1
    this.#options.report({ worker: worker.index, ...end, restartMs })
    worker.restart = setTimeout(() => void this.#run(worker, () => {}), restartMs)
  }

  #lookWhetherAllEnded(): void {
    if (this.#state === 'stopping' && this.#workers.every(({ child }) => child === undefined))
      this.#allEnded.resolve()
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
function send(child: ChildProcess | undefined, message: ToWorker): void {
  if (child?.connected) child.send(message, () => {})
}

function notStarted(error: unknown): ProcessEnd {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
  return { code: null, signal: null, error: code }
}

function failedStart(worker: number, { code, error }: ProcessEnd): WeirError {
  const how =
    error === undefined
      ? `ended (code ${code}) before it served; its log says why`
      : `could not be started (${error})`
  return new WeirError('worker-failed', `worker ${worker} ${how}`)
}
