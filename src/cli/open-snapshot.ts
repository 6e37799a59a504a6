import { isDeepStrictEqual } from 'node:util'
import { ADDRESS_FORM, parseListenAddress } from '../config/address.ts'
import { compile } from '../config/compile.ts'
import { DEFAULT_CONFIG } from '../config/default-config.ts'
import type { Environment } from '../config/environment.ts'
import { readConfigFile, readListFile, readSecretFile } from '../config/files.ts'
import { type LoadedConfig, listFilesIn, loadConfig, referencesIn } from '../config/load.ts'
import type { ServerConfig } from '../config/schema.ts'
import type { SecretReference } from '../config/secret-reference.ts'
import { type SecretOrigins, seeFiles } from '../config/secret-watch.ts'
import type { Snapshot } from '../config/snapshot.ts'
import { readVault } from '../config/vault.ts'
import { createHttpClient } from '../service/http-client.ts'
import type { ReportServiceEvent } from '../service/service-events.ts'
import { openVerdictCaches, type ReportCacheState } from '../verdict-cache/verdict-caches.ts'
import { usage } from './arguments.ts'
import { reportNewest } from './report-newest.ts'

export interface SnapshotSource {
  /** Path of a config file; undefined for the embedded default. */
  readonly file: string | undefined
  readonly env: Environment
  /** Addresses from the command line, which win over the file's. */
  readonly listen?: string | undefined
  readonly admin?: string | undefined
  /**
   * `stand-in`: a secret that is not there gets a value that opens nothing, and nothing is remembered in a cache: for
   * who never asks a service. `resolved` when absent.
   */
  readonly secrets?: 'resolved' | 'stand-in'
  /** Hears how asking the guard services goes; of circuits, only of the newest snapshot's. */
  readonly report?: ReportServiceEvent
  /** Hears of the connection to the server of the newest snapshot's verdict cache. */
  readonly reportCache?: ReportCacheState
}

/** What stands outside of a config's own text: secret values, and the lines of list files. */
export type ChangedPart = 'secrets' | 'lists'

/** A snapshot that takes the place of another, and what tells it from that one. */
export interface RenewedSnapshot {
  readonly snapshot: Snapshot
  /** At least one. */
  readonly changed: readonly ChangedPart[]
}

/** A config in use, and how it comes to the secrets of today. */
export interface OpenedSnapshot {
  readonly snapshot: Snapshot
  readonly origins: SecretOrigins
  /**
   * Compiles the same text with its secrets and lists as they are now; undefined where none has changed, or `close` was
   * called meanwhile. `learn` is told all their values before anything is done with one.
   *
   * @throws WeirError `bad-config` when one of them is missing or cannot be used
   */
  reopen(learn: (secretValues: readonly string[]) => void): Promise<RenewedSnapshot | undefined>
  /** Ends every connection of all its snapshots, and opens no other. */
  close(): Promise<void>
}

/**
 * Reads, checks and compiles a config. Its snapshots share one HTTP client, and a cache where its settings stay the
 * same. When it throws, nothing is left open.
 *
 * @throws WeirError `bad-config` with every problem, `bad-usage` for an address that is none
 */
export async function openSnapshot(source: SnapshotSource): Promise<OpenedSnapshot> {
  const addresses = readAddresses(source)
  const text = source.file === undefined ? DEFAULT_CONFIG : readConfigFile(source.file)
  const references = referencesIn(text)
  const origins = originsOf(references, listFilesIn(text))
  const load = async (): Promise<LoadedConfig> => {
    const { config, ...loaded } =
      source.secrets === 'stand-in'
        ? loadWithStandIns(text, references, source.env)
        : await loadWithVault(text, references, source.env)
    return { config: { ...config, server: { ...config.server, ...addresses } }, ...loaded }
  }
  let loaded = await load()
  const http = createHttpClient()
  const caches = openVerdictCaches(source.reportCache ?? (() => {}))
  let state: 'open' | 'closed' = 'open'
  const close = async (): Promise<void> => {
    state = 'closed'
    await Promise.all([http.close(), caches.close()])
  }
  const report = reportNewest(source.report ?? (() => {}))
  const compileNext = (next: LoadedConfig): Snapshot => {
    const { heard, adopt } = report.next()
    const guardrails = {
      connect: http.connect,
      clock: () => performance.now(),
      random: Math.random,
      report: heard,
    }
    // What all snapshots share is not for one of them to close.
    const snapshot = compile(next, { guardrails, caches, close: async () => {} })
    adopt()
    return snapshot
  }
  try {
    return {
      snapshot: compileNext(loaded),
      origins,
      async reopen(learn) {
        const next = await load()
        learn(next.secretValues)
        const changed = changesOf(next, loaded)
        if (state === 'closed' || changed.length === 0) return undefined
        const snapshot = compileNext(next)
        loaded = next
        return { snapshot, changed }
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Of one text the config itself differs only by what its list files say. */
function changesOf(next: LoadedConfig, used: LoadedConfig): readonly ChangedPart[] {
  const changed: ChangedPart[] = []
  if (!isDeepStrictEqual(next.secrets, used.secrets)) changed.push('secrets')
  if (!isDeepStrictEqual(next.config, used.config)) changed.push('lists')
  return changed
}

/** Looked at before it is read: what changes in between is then seen as changed. */
function originsOf(references: readonly SecretReference[], lists: readonly string[]): SecretOrigins {
  const secrets = references.flatMap(reference => (reference.kind === 'file' ? [reference.path] : []))
  const asksVault = references.some(({ kind }) => kind === 'vault')
  return { files: seeFiles([...new Set([...secrets, ...lists])]), vault: asksVault ? 'asked' : 'unused' }
}

async function loadWithVault(
  text: string,
  references: readonly SecretReference[],
  env: Environment,
): Promise<LoadedConfig> {
  const sources = { env, readFile: readSecretFile, readList: readListFile }
  const vault = await readVault(
    references.filter(reference => reference.kind === 'vault'),
    sources,
  )
  const loaded = loadConfig(text, { ...sources, vault: vault.find })
  return { ...loaded, secretValues: [...loaded.secretValues, ...vault.credentials] }
}

const STAND_IN = 'stand-in-secret'

function loadWithStandIns(
  text: string,
  references: readonly SecretReference[],
  env: Environment,
): LoadedConfig {
  const named = references.flatMap(reference => (reference.kind === 'env' ? [reference.name] : []))
  const loaded = loadConfig(text, {
    env: { ...env, ...Object.fromEntries(named.map(name => [name, env[name] || STAND_IN])) },
    readFile: () => STAND_IN,
    readList: readListFile,
    vault: () => ({ kind: 'value', value: STAND_IN }),
  })
  return { ...loaded, config: { ...loaded.config, cache: undefined } }
}

function readAddresses({ listen, admin }: SnapshotSource): Partial<Pick<ServerConfig, 'listen' | 'admin'>> {
  return {
    ...(listen === undefined ? {} : { listen: checked('listen', listen) }),
    ...(admin === undefined ? {} : { admin: checked('admin', admin) }),
  }
}

function checked(option: string, address: string): string {
  if (parseListenAddress(address) === undefined) throw usage(`--${option} must be ${ADDRESS_FORM}`)
  return address
}
