import { LRUCache } from 'lru-cache'
import type { Verdict } from '../guardrail/guardrail.ts'
import type { VerdictStore } from './verdict-store.ts'

export interface MemoryStoreOptions {
  /** At the cap the entry that was not asked for the longest goes. */
  readonly maxEntries: number
  readonly ttlMs: number
  /** Monotonic milliseconds. */
  readonly clock?: () => number
}

/** Verdicts of this process. An entry's time runs from when it was written; being asked for does not prolong it. */
export function createMemoryStore(options: MemoryStoreOptions): VerdictStore {
  const { maxEntries, ttlMs, clock = () => performance.now() } = options
  const entries = new LRUCache<string, Verdict>({
    max: maxEntries,
    ttl: ttlMs,
    // Each time is asked for anew: the library would keep the last for a while, by a timer of its own.
    ttlResolution: 0,
    perf: { now: clock },
  })
  return {
    get: async key => entries.get(key),
    set: (key, verdict) => void entries.set(key, verdict),
    close: async () => entries.clear(),
  }
}
