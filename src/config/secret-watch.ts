import { statSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { Environment } from './environment.ts'
import { badConfig } from './load.ts'

/** Files, and what told one version of each from another when they were last looked at. */
export type SeenFiles = ReadonlyMap<string, string>

/** Where secrets come from that may change while they are used. */
export interface SecretOrigins {
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

export interface SecretWatch {
  /** No call begins after this one; resolves when the one under way is over. */
  close(): Promise<void>
}

/**
 * Calls `renew` when a file has changed, or Vault is to be asked again; never twice at a time, and once for all files
 * that changed between two looks. After a `renew` that came to `failed` it is called again at every look, until one
 * does not. `renew` must not reject. Nothing is watched where no secret can change; the timer keeps no process alive.
 */
export function watchSecrets(
  { files, vault }: SecretOrigins,
  { pollMs, vaultRefreshMs }: WatchTimes,
  renew: () => Promise<'done' | 'failed'>,
): SecretWatch {
  if (files.size === 0 && vault === 'unused') return { close: async () => {} }
  let seen = files
  let outcome: 'done' | 'failed' = 'done'
  let renewedAt = performance.now()
  let state: 'open' | 'closed' = 'open'
  let underWay = Promise.resolve()
  let timer = setTimeout(tick, pollMs).unref()

  function tick(): void {
    underWay = turn().finally(() => {
      if (state === 'open') timer = setTimeout(tick, pollMs).unref()
    })
  }

  async function turn(): Promise<void> {
    const now = await lookAgain(seen)
    const hasChanged = [...now].some(([path, version]) => seen.get(path) !== version)
    const isDue = vault === 'asked' && performance.now() - renewedAt >= vaultRefreshMs
    seen = now
    if (state === 'closed' || !(hasChanged || isDue || outcome === 'failed')) return
    outcome = await renew()
    renewedAt = performance.now()
  }

  return {
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
