import { randomBytes } from 'node:crypto'
import { createMemoryStore } from './memory-store.ts'
import type { RedisConnectionOptions } from './redis-connection.ts'
import { createRedisStore } from './redis-store.ts'
import { cacheKeys } from './secret-key.ts'
import type { Digest } from './verdict-key.ts'
import type { VerdictStore } from './verdict-store.ts'

/** The config's `cache`, its secrets resolved. */
export interface VerdictCacheSettings {
  /** Undefined keeps verdicts in this process. */
  readonly url: string | undefined
  /** What replicas share; undefined takes a key of this process. */
  readonly key: string | undefined
  readonly ttlMs: number
  /** In this process; a server has a limit of its own. */
  readonly maxEntries: number
}

export interface VerdictCache {
  readonly store: VerdictStore
  readonly digest: Digest
}

/** Hears of the connection to a cache server. `cause` is a code, never a text of the server's. */
export type ReportCacheState = RedisConnectionOptions['report']

/** The caches of a process. They outlive a snapshot: another one with the same settings goes on with what is known. */
export interface VerdictCaches {
  open(settings: VerdictCacheSettings): VerdictCache
  close(): Promise<void>
}

/** Caches that open when they are first asked for, and close together. */
export function openVerdictCaches(report: ReportCacheState): VerdictCaches {
  const keyOfThisProcess = randomBytes(32)
  const opened = new Map<string, VerdictCache>()
  return {
    open(settings) {
      const { url, key, ttlMs, maxEntries } = settings
      const name = JSON.stringify([url, key, ttlMs, maxEntries])
      const known = opened.get(name)
      if (known !== undefined) return known
      const { digest, seal } = cacheKeys(key ?? keyOfThisProcess)
      const store =
        url === undefined
          ? createMemoryStore({ maxEntries, ttlMs })
          : createRedisStore({ url, ttlMs, seal, report })
      const cache = { store, digest }
      opened.set(name, cache)
      return cache
    },
    async close() {
      await Promise.all([...opened.values()].map(({ store }) => store.close()))
    },
  }
}
