import { randomBytes } from 'node:crypto'
import { WeirError } from '../errors.ts'
import { createMemoryStore } from './memory-store.ts'
import type { ConnectionState } from './redis-connection.ts'
import { createRedisStore } from './redis-store.ts'
import { cacheKeys } from './secret-key.ts'
import type { Digest } from './verdict-key.ts'
import type { VerdictMemory } from './verdict-lookup.ts'
import type { VerdictStore } from './verdict-store.ts'

/** The config's `cache`, its secrets resolved. */
export interface VerdictCacheSettings {
  /** Undefined keeps verdicts in this process. */
  readonly url: string | undefined
  /** Whether a server may be asked without TLS at a public address. */
  readonly allowPlaintext: boolean
  /** What replicas share; undefined takes a key of this process. */
  readonly key: string | undefined
  readonly ttlMs: number
  /** In this process; a server has a limit of its own. */
  readonly maxEntries: number
}

/** A cache as one snapshot has it. */
export interface VerdictCache {
  readonly store: VerdictMemory
  readonly digest: Digest
  /** Gives it back: its store closes with the last one who has it. Lookups reject from then on. */
  close(): Promise<void>
}

/** `connecting`: there is no first connection yet, nor has one failed. */
export type CacheState = ConnectionState | 'connecting'

/** Hears of the connection to the newest cache server. `cause` is a code, never a text of the server's. */
export type ReportCacheState = (state: CacheState, cause?: string) => void

/** The caches of a process. They may outlive a snapshot: another one with the same settings goes on with what is known. */
export interface VerdictCaches {
  /**
   * The cache of these settings, which now is the newest: of others nothing is reported any more.
   *
   * @throws WeirError `bad-config` for a URL that cannot be used, `bug` after `close`
   */
  open(settings: VerdictCacheSettings): VerdictCache
  /** Closes all of them, whoever still has one. */
  close(): Promise<void>
}

interface Opened {
  readonly store: VerdictStore
  readonly digest: Digest
  /** Those who have not given it back. */
  holders: number
  /** Undefined for one without a server. */
  last: Parameters<ReportCacheState> | undefined
}

/** Caches that open when they are first asked for. */
export function openVerdictCaches(report: ReportCacheState): VerdictCaches {
  const keyOfThisProcess = randomBytes(32)
  const opened = new Map<string, Opened>()
  let newest: Opened | undefined
  let state: 'open' | 'closed' = 'open'

  const create = ({ url, allowPlaintext, key, ttlMs, maxEntries }: VerdictCacheSettings): Opened => {
    const { digest, seal } = cacheKeys(key ?? keyOfThisProcess)
    if (url === undefined)
      return { store: createMemoryStore({ maxEntries, ttlMs }), digest, holders: 0, last: undefined }
    const told: ReportCacheState = (...change) => {
      cache.last = change
      if (cache === newest) report(...change)
    }
    const store = createRedisStore({ url, allowPlaintext, ttlMs, seal, report: told })
    const cache: Opened = { store, digest, holders: 0, last: ['connecting'] }
    return cache
  }

  return {
    open(settings) {
      if (state === 'closed') throw new WeirError('bug', 'a verdict cache is opened after all were closed')
      const { url, allowPlaintext, key, ttlMs, maxEntries } = settings
      const name = JSON.stringify([url, allowPlaintext, key, ttlMs, maxEntries])
      const cache = opened.get(name) ?? create(settings)
      opened.set(name, cache)
      cache.holders += 1
      if (cache !== newest) {
        newest = cache
        if (cache.last !== undefined) report(...cache.last)
      }
      const giveBack = once(async () => {
        cache.holders -= 1
        if (cache.holders > 0) return
        opened.delete(name)
        await cache.store.close()
      })
      return { store: cache.store, digest: cache.digest, close: giveBack }
    },
    async close() {
      state = 'closed'
      await Promise.all([...opened.values()].map(({ store }) => store.close()))
    },
  }
}

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined
  return () => (done ??= work())
}
