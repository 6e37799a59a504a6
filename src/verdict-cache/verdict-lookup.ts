import type { ScanSubject, Verdict } from '../guardrail/guardrail.ts'
import { checkedVerdict } from '../guardrail/run-scan.ts'
import { untilAborted } from '../service/single-flight.ts'
import { storable } from './whole-verdict.ts'

/** Where verdicts are remembered; it knows keys, and nothing of what was judged. */
export interface VerdictMemory {
  /** Undefined: not known. Rejects when it could not be asked. Need not end when `signal` aborts. */
  get(key: string, signal: AbortSignal): Promise<Verdict | undefined>
  /** Keeps it in the background, if it can. */
  set(key: string, verdict: Verdict): void
}

/** `error`: the store could not be asked, or took too long. For the scan that is a miss like any other. */
export type VerdictEvent = 'hit' | 'miss' | 'error'

export interface LookupOptions {
  readonly store: VerdictMemory
  readonly report: (event: VerdictEvent) => void
  /** Milliseconds for all lookups of one scan together. */
  readonly lookupMs: number
}

/** Asks a store for no longer than it is worth. Whatever the store does, a scan goes on. */
export class VerdictLookup {
  readonly #store: VerdictMemory
  readonly #report: (event: VerdictEvent) => void
  readonly #lookupMs: number

  constructor({ store, report, lookupMs }: LookupOptions) {
    this.#store = store
    this.#report = report
    this.#lookupMs = lookupMs
  }

  /**
   * What is known of `subjects`, each by its key. Never rejects. A verdict that does not fit its subject is not known.
   * When `signal` aborts, what has not come yet is not known, and nothing is reported of it.
   */
  async find(
    subjects: ReadonlyMap<string, ScanSubject>,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, Verdict>> {
    const known = new Map<string, Verdict>()
    const until = new AbortController()
    const stop = () => until.abort()
    const timer = setTimeout(stop, this.#lookupMs)
    signal.addEventListener('abort', stop, { once: true })
    try {
      const lookups = Array.from(subjects, async ([key, subject]) => {
        const found = await this.#ask(key, subject, until.signal)
        if (signal.aborted) return
        this.#report(typeof found === 'string' ? found : 'hit')
        if (typeof found !== 'string') known.set(key, found)
      })
      await Promise.all(lookups)
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
    }
    return known
  }

  /** What cannot be kept whole is not kept. */
  keep(key: string, verdict: Verdict): void {
    const whole = storable(verdict)
    if (whole === undefined) return
    try {
      this.#store.set(key, whole)
    } catch {
      // The verdict is there all the same; the next scan of this asks again.
    }
  }

  async #ask(key: string, subject: ScanSubject, until: AbortSignal): Promise<Verdict | 'miss' | 'error'> {
    const asked = this.#fromStore(key, subject, until)
    return (await untilAborted(asked, until)) ?? 'error'
  }

  async #fromStore(
    key: string,
    subject: ScanSubject,
    until: AbortSignal,
  ): Promise<Verdict | 'miss' | 'error'> {
    try {
      const verdict = await this.#store.get(key, until)
      return verdict === undefined ? 'miss' : checkedVerdict(verdict, subject)
    } catch {
      return 'error'
    }
  }
}
