import { statSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { Environment } from './environment.ts'
import { badConfig } from './load.ts'

/** Files, and what told one version of each from another when they were last looked at. */
export type SeenFiles = ReadonlyMap<string, string>

/** Where a config comes from, and what it refers to, that may change while it is used. */
export interface ConfigOrigins {
  readonly files: SeenFiles
  /** Whether a Vault is asked: it tells nobody of a change, so it is asked again from time to time. */
  readonly vault: 'asked' | 'unused'
}

export interface WatchTimes {
  /** Milliseconds between two looks at the files. */
  readonly pollMs: number
  /** Milliseconds after which Vault is asked again. */
  readonly vaultRefreshMs: number
}

const DEFAULT_POLL_MS = 5000
const DEFAULT_VAULT_REFRESH_MS = 300_000
/** Longer than this and a timer fires at once. */
const MAX_MS = 2_147_483_647

/** @throws WeirError `bad-config` for a variable that holds no time */
export function watchTimes(env: Environment): WatchTimes {
  return {
    pollMs: milliseconds(env, 'WEIR_SECRET_POLL_MS', DEFAULT_POLL_MS),
    vaultRefreshMs: milliseconds(env, 'VAULT_REFRESH_MS', DEFAULT_VAULT_REFRESH_MS),
  }
}

function milliseconds(env: Environment, name: string, otherwise: number): number {
  const text = env[name] ?? ''
  if (text === '') return otherwise
  const ms = /^\d{1,10}$/.test(text) ? Number(text) : 0
  if (ms >= 1 && ms <= MAX_MS) return ms
  throw badConfig([{ path: '', message: `${name} must be a whole number from 1 to ${MAX_MS}` }])
}

/** Looks at files. To be done before they are read: a change in between then shows at the next look. */
export function seeFiles(paths: readonly string[]): SeenFiles {
  return new Map(paths.map(path => [path, seeFile(path)]))
}

function seeFile(path: string): string {
  try {
    return versionOf(statSync(path, { bigint: true }))
  } catch (error) {
    return absence(error)
  }
}

async function look(path: string): Promise<string> {
  try {
    return versionOf(await stat(path, { bigint: true }))
  } catch (error) {
    return absence(error)
  }
}

interface FileStat {
  readonly dev: bigint
  readonly ino: bigint
  readonly size: bigint
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
}

/** Of the file behind all links: Kubernetes renews a mounted secret by turning a link to another directory. */
function versionOf({ dev, ino, size, mtimeNs, ctimeNs }: FileStat): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(':')
}

function absence(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'failed'
}

/** Why a config is read again: it may have changed, or somebody said so and wants to hear what came of it. */
export type RenewalCause = 'due' | 'asked'

export interface ConfigWatch {
  /** Renews now, whether or not anything has changed, or as soon as the one under way is over. */
  renewNow(): void
  /** No call begins after this one; resolves when the one under way is over. */
  close(): Promise<void>
}

/**
 * Calls `renew` when a file has changed, Vault is to be asked again, or `renewNow` says so; never twice at a time, and
 * once for all files that changed between two looks. After a `renew` that came to `failed` it is called again at every
 * look, until one does not. `renew` must not reject. `origins` is asked again after each of them: another config may
 * come from elsewhere. The timer keeps no process alive.
 */
export function watchConfig(
  origins: () => ConfigOrigins,
  { pollMs, vaultRefreshMs }: WatchTimes,
  renew: (cause: RenewalCause) => Promise<'done' | 'failed'>,
): ConfigWatch {
  let seen = origins().files
  let outcome: 'done' | 'failed' = 'done'
  let renewedAt = performance.now()
  let state: 'open' | 'closed' = 'open'
  let asked: 'no' | 'yes' = 'no'
  let turning: 'no' | 'yes' = 'no'
  let underWay = Promise.resolve()
  let timer: NodeJS.Timeout | undefined
  setTimer()

  /** None where nothing can change. */
  function setTimer(): void {
    const { files, vault } = origins()
    if (state === 'open' && (files.size > 0 || vault === 'asked')) timer = setTimeout(tick, pollMs).unref()
  }

  function tick(): void {
    turning = 'yes'
    underWay = turn().finally(() => {
      turning = 'no'
      if (asked === 'yes' && state === 'open') tick()
      else setTimer()
    })
  }

  async function turn(): Promise<void> {
    const now = await lookAgain(seen)
    const hasChanged = [...now].some(([path, version]) => seen.get(path) !== version)
    const isDue = origins().vault === 'asked' && performance.now() - renewedAt >= vaultRefreshMs
    const cause = asked === 'yes' ? 'asked' : 'due'
    asked = 'no'
    seen = now
    if (state === 'closed' || !(hasChanged || isDue || outcome === 'failed' || cause === 'asked')) return
    outcome = await renew(cause)
    renewedAt = performance.now()
    // What was there before keeps the older look: a change since then is worth another renewal.
    seen = new Map([...origins().files].map(([path, version]) => [path, now.get(path) ?? version]))
  }

  return {
    renewNow() {
      asked = 'yes'
      if (turning === 'yes' || state === 'closed') return
      clearTimeout(timer)
      tick()
    },
    close() {
      state = 'closed'
      clearTimeout(timer)
      return underWay
    },
  }
}

async function lookAgain(files: SeenFiles): Promise<SeenFiles> {
  return new Map(
    await Promise.all(
      [...files.keys()].map(async (path): Promise<[string, string]> => [path, await look(path)]),
    ),
  )
}
