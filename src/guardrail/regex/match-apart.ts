import { Worker } from 'node:worker_threads'
import { assertNever } from '../../errors.ts'
import { type Finding, GuardrailFailure } from '../guardrail.ts'
import type { FromMatchThread, ToMatchThread } from './match-messages.ts'
import type { PatternSource } from './patterns.ts'

interface Job {
  readonly texts: readonly string[]
  readonly settle: PromiseWithResolvers<readonly Finding[]>
}

export interface MatchApartOptions {
  /** What the thread runs. */
  readonly entry?: URL
  /** A thread that has nothing to do for so long is ended; the next job starts another. */
  readonly idleMs?: number
  /** A job that is dropped may be matching one pattern: it has so long to come to that pattern's end. */
  readonly graceMs?: number
}

const ENTRY = new URL('./match-thread.ts', import.meta.url)
const IDLE_MS = 10_000
const GRACE_MS = 1000

/**
 * Matches patterns in texts on a thread of its own, which is started when it is first needed and ended when it was idle
 * for a while: nobody has to close it. It keeps the process alive only while somebody waits for it.
 */
export class MatchApart {
  readonly #patterns: readonly PatternSource[]
  readonly #entry: URL
  readonly #idleMs: number
  readonly #graceMs: number
  #thread: Worker | undefined
  readonly #jobs = new Map<number, Job>()
  /** Jobs that the thread was told to drop, and has not said that it did. */
  readonly #dropping = new Map<number, NodeJS.Timeout>()
  #lastId = 0
  #idle: NodeJS.Timeout | undefined

  constructor(patterns: readonly PatternSource[], options: MatchApartOptions = {}) {
    this.#patterns = patterns
    this.#entry = options.entry ?? ENTRY
    this.#idleMs = options.idleMs ?? IDLE_MS
    this.#graceMs = options.graceMs ?? GRACE_MS
  }

  /**
   * What the patterns find in the texts; spans name the text by its place. Rejects with a GuardrailFailure: `cancelled`
   * as soon as `signal` aborts, `internal` when the thread cannot be started or breaks.
   */
  async match(texts: readonly string[], signal: AbortSignal): Promise<readonly Finding[]> {
    if (signal.aborted) throw cancelled()
    this.#lastId += 1
    const id = this.#lastId
    const settle = Promise.withResolvers<readonly Finding[]>()
    const onAbort = (): void => this.#drop(id)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      this.#jobs.set(id, { texts, settle })
      this.#tell({ kind: 'match', id, texts })
      return await settle.promise
    } catch (error) {
      this.#jobs.delete(id)
      throw error
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.#rest()
    }
  }

  #tell(message: ToMatchThread): void {
    clearTimeout(this.#idle)
    this.#thread ??= this.#start()
    this.#thread.ref()
    this.#thread.postMessage(message)
  }

  #start(): Worker {
    // It reads texts and nothing else: no secret of the environment is any business of it.
    const thread = new Worker(this.#entry, { name: 'weir-regex', workerData: this.#patterns, env: {} })
    thread.on('message', (message: FromMatchThread) => this.#hear(message))
    const gone = (error?: unknown): void => {
      if (this.#thread === thread) this.#broke(error)
    }
    thread.on('error', gone)
    thread.on('messageerror', gone)
    thread.on('exit', () => gone())
    return thread
  }

  #hear(message: FromMatchThread): void {
    const { id } = message
    switch (message.kind) {
      case 'matched':
        this.#jobs.get(id)?.settle.resolve(message.findings)
        this.#jobs.delete(id)
        return
      case 'failed':
        this.#jobs.get(id)?.settle.reject(new GuardrailFailure('internal', `matching failed: ${message.why}`))
        return
      case 'dropped':
        clearTimeout(this.#dropping.get(id))
        this.#dropping.delete(id)
        this.#rest()
        return
      default:
        assertNever(message)
    }
  }

  #drop(id: number): void {
    const job = this.#jobs.get(id)
    if (job === undefined) return
    this.#jobs.delete(id)
    const tooLate = setTimeout(() => this.#startAnew(), this.#graceMs).unref()
    this.#dropping.set(id, tooLate)
    this.#tell({ kind: 'drop', id })
    job.settle.reject(cancelled())
  }

  /** Nobody waits for what the thread is busy with, and it does not listen: the others' jobs begin anew on another. */
  #startAnew(): void {
    this.#end()
    try {
      for (const [id, { texts }] of this.#jobs) this.#tell({ kind: 'match', id, texts })
    } catch (error) {
      this.#broke(error)
    }
  }

  /** The thread ended by itself. A text that breaks it would break the next one as well: nothing is tried again. */
  #broke(cause: unknown): void {
    this.#end()
    const jobs = [...this.#jobs.values()]
    this.#jobs.clear()
    for (const { settle } of jobs) {
      settle.reject(new GuardrailFailure('internal', 'the thread that matches patterns ended', { cause }))
    }
  }

  #end(): void {
    for (const tooLate of this.#dropping.values()) clearTimeout(tooLate)
    this.#dropping.clear()
    const thread = this.#thread
    this.#thread = undefined
    void thread?.terminate()
  }

  #rest(): void {
    if (this.#thread === undefined || this.#jobs.size > 0) return
    this.#thread.unref()
    clearTimeout(this.#idle)
    if (this.#dropping.size === 0) this.#idle = setTimeout(() => this.#end(), this.#idleMs).unref()
  }
}

function cancelled(): GuardrailFailure {
  return new GuardrailFailure('cancelled', 'nobody waits for the matches any more')
}
