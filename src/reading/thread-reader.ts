import { Worker } from 'node:worker_threads'
import type { BodyReader, ReadJob, ReadResult } from '../exchange/body-reading.ts'
import type { FailureReason } from '../guardrail/guardrail.ts'
import { handedOver, messageOf, type ResultMessage, resultOf } from './message.ts'

export interface ReaderLimits {
  /** Bodies that wait for the thread hold at most so much; one more is not read. */
  readonly maxWaitingBytes: number
  /** A job that takes longer ends its thread. */
  readonly deadlineMs: number
}

/** A body within the default limits takes a few seconds at the very worst. */
const LIMITS: ReaderLimits = { maxWaitingBytes: 268_435_456, deadlineMs: 20_000 }
/** What the worst body within the default limits becomes when it is parsed, and some more. */
const MOST_HEAP_MIB = 1024
const ENTRY = new URL('./thread.ts', import.meta.url)

interface Waiting {
  readonly job: ReadJob
  readonly done: (result: ReadResult) => void
}

/**
 * Reads heavy bodies on a thread of its own, one after the other. It begins with the first of them. A job that breaks
 * the thread, finds none or takes too long, fails alone; the next one gets a new thread.
 */
export class ThreadReader implements BodyReader {
  readonly #onFault: (error: unknown) => void
  readonly #limits: ReaderLimits
  readonly #entry: URL
  readonly #queue: Waiting[] = []
  #queuedBytes = 0
  #running: Waiting | undefined
  #worker: Worker | undefined
  #deadline: NodeJS.Timeout | undefined

  /** `onFault` is told why a thread ended by itself, or could not be given a job: never content. `entry`: what it runs. */
  constructor(onFault: (error: unknown) => void, limits: ReaderLimits = LIMITS, entry: URL = ENTRY) {
    this.#onFault = onFault
    this.#limits = limits
    this.#entry = entry
  }

  read(job: ReadJob, done: (result: ReadResult) => void): () => void {
    if (this.#queuedBytes + job.body.byteLength > this.#limits.maxWaitingBytes) {
      const refused = setImmediate(() => done(fault('overloaded')))
      return () => clearImmediate(refused)
    }
    const waiting: Waiting = { job, done }
    this.#queue.push(waiting)
    this.#queuedBytes += job.body.byteLength
    if (this.#running === undefined) this.#next()
    return () => this.#forget(waiting)
  }

  /** Bodies that wait, or are read. */
  get waiting(): number {
    return this.#queue.length + (this.#running === undefined ? 0 : 1)
  }

  /** What waits or runs is not called back any more. */
  async close(): Promise<void> {
    this.#queue.length = 0
    this.#queuedBytes = 0
    this.#running = undefined
    await this.#drop()
  }

  #forget(waiting: Waiting): void {
    // A job that runs is let run: to stop it would cost the next one a new thread.
    if (this.#running === waiting) this.#running = { ...waiting, done: () => {} }
    const place = this.#queue.indexOf(waiting)
    if (place === -1) return
    this.#queue.splice(place, 1)
    this.#queuedBytes -= waiting.job.body.byteLength
  }

  #next(): void {
    const next = this.#queue.shift()
    this.#running = next
    if (next === undefined) return
    this.#queuedBytes -= next.job.body.byteLength
    try {
      const message = messageOf(next.job)
      this.#thread().postMessage(message, handedOver(message))
      this.#deadline = setTimeout(() => this.#fail('timeout'), this.#limits.deadlineMs)
    } catch (error) {
      // No thread can be had, or no memory for a copy. Later: who asked must not be called back before `read` returns.
      this.#deadline = setTimeout(() => this.#fail('internal'), 0)
      this.#onFault(error)
    }
  }

  #thread(): Worker {
    if (this.#worker !== undefined) return this.#worker
    const worker = new Worker(this.#entry, {
      name: 'weir-reader',
      // It needs nothing of what may stand there.
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: MOST_HEAP_MIB },
    })
    worker.on('message', (message: ResultMessage) => this.#settle(worker, message))
    worker.on('error', error => {
      if (this.#worker !== worker) return
      this.#onFault(error)
      this.#fail('internal')
    })
    worker.on('exit', () => {
      if (this.#worker === worker) this.#fail('internal')
    })
    // Its exchange keeps the process up for as long as somebody waits.
    worker.unref()
    this.#worker = worker
    return worker
  }

  #settle(worker: Worker, message: ResultMessage): void {
    const running = this.#running
    if (this.#worker !== worker || running === undefined) return
    clearTimeout(this.#deadline)
    const result = resultOf(message, running.job)
    this.#next()
    running.done(result)
  }

  #fail(reason: FailureReason): void {
    const running = this.#running
    void this.#drop()
    this.#next()
    running?.done(fault(reason))
  }

  async #drop(): Promise<void> {
    clearTimeout(this.#deadline)
    const worker = this.#worker
    this.#worker = undefined
    await worker?.terminate()
  }
}

function fault(reason: FailureReason): ReadResult {
  return { kind: 'fault', reason }
}
