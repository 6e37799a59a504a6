import { statSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { ADDRESS_FORM, parseListenAddress } from '../config/address.ts'
import { compile } from '../config/compile.ts'
import { type ConfigOrigins, type SeenFiles, seeFiles } from '../config/config-watch.ts'
import { DEFAULT_CONFIG } from '../config/default-config.ts'
import type { Environment } from '../config/environment.ts'
import { readConfigFile, readListFile, readSecretFile } from '../config/files.ts'
import { type LoadedConfig, listFilesIn, loadConfig, referencesIn } from '../config/load.ts'
import { inFile } from '../config/problem-lines.ts'
import type { ServerConfig } from '../config/schema.ts'
import type { SecretReference } from '../config/secret-reference.ts'
import type { Snapshot } from '../config/snapshot.ts'
import { readVault } from '../config/vault.ts'
import { createHttpClient } from '../service/http-client.ts'
import type { ReportServiceEvent } from '../service/service-events.ts'
import { createScrubber, type Scrubber } from '../telemetry/scrub.ts'
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
  /** Learns every secret value before anything is done with it. One of its own when absent. */
  readonly scrubber?: Scrubber
  /** Hears how asking the guard services goes; of circuits, only of the newest snapshot's. */
  readonly report?: ReportServiceEvent
  /** Hears of the connection to the server of the newest snapshot's verdict cache. */
  readonly reportCache?: ReportCacheState
}

/** The config's own text, and what stands outside of it: secret values, and the lines of list files. */
export type ChangedPart = 'config' | 'secrets' | 'lists'

/** A snapshot that takes the place of another, and what tells it from that one. */
export interface RenewedSnapshot {
  readonly snapshot: Snapshot
  readonly readAtMs: number
  /** At least one. */
  readonly changed: readonly ChangedPart[]
  /** Keys of `server` that differ from those of the first snapshot: they take effect at the next start. */
  readonly atNextStart: readonly string[]
}

/** A config in use, and how it comes to what it is today. */
export interface OpenedSnapshot {
  readonly snapshot: Snapshot
  /** When reading it began, by the monotonic clock that all processes of the machine share. */
  readonly readAtMs: number
  /** Of the newest text that was read, whether or not it holds. */
  origins(): ConfigOrigins
  /**
   * Reads the config again, with its secrets and lists as they are now, and compiles it; undefined where nothing has
   * changed, or `close` was called meanwhile.
   *
   * @throws WeirError `bad-config` when the text does not hold, or one of them is missing or cannot be used
   */
  reopen(): Promise<RenewedSnapshot | undefined>
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
  const readText = textOf(source.file)
  const scrubber = source.scrubber ?? createScrubber()
  let origins: ConfigOrigins = { files: new Map(), vault: 'unused' }
  const load = async (): Promise<ReadConfig> => {
    const readAtMs = Number(process.hrtime.bigint() / 1_000_000n)
    // Looked at before it is read: what changes in between is then seen as changed.
    const own = source.file === undefined ? [] : [source.file]
    const files = seeFiles(own)
    origins = { ...origins, files: new Map([...origins.files, ...files]) }
    const text = readText()
    try {
      const references = referencesIn(text)
      origins = originsOf(files, references, listFilesIn(text))
      const { config, ...loaded } =
        source.secrets === 'stand-in'
          ? loadWithStandIns(text, references, source.env)
          : await loadWithVault(text, references, source.env)
      scrubber.add(loaded.secretValues)
      return { readAtMs, text, config: { ...config, server: { ...config.server, ...addresses } }, ...loaded }
    } catch (error) {
      throw inFile(error, source.file, text)
    }
  }
  let loaded = await load()
  const first = loaded.config.server
  const http = createHttpClient()
  const caches = openVerdictCaches(source.reportCache ?? (() => {}))
  let state: 'open' | 'closed' = 'open'
  const close = async (): Promise<void> => {
    state = 'closed'
    await Promise.all([http.close(), caches.close()])
  }
  const report = reportNewest(source.report ?? (() => {}))
  const compileNext = (next: ReadConfig): Snapshot => {
    const { heard, adopt } = report.next()
    const guardrails = {
      connect: http.connect,
      clock: () => performance.now(),
      random: Math.random,
      report: heard,
      scrub: scrubber.text,
    }
    // What all snapshots share is not for one of them to close.
    try {
      const snapshot = compile(next, { guardrails, caches, close: async () => {} })
      adopt()
      return snapshot
    } catch (error) {
      throw inFile(error, source.file, next.text)
    }
  }
  try {
    return {
      snapshot: compileNext(loaded),
      readAtMs: loaded.readAtMs,
      origins: () => origins,
      async reopen() {
        const next = await load()
        const changed = changesOf(next, loaded)
        if (state === 'closed' || changed.length === 0) return undefined
        const snapshot = compileNext(next)
        loaded = next
        const atNextStart = differences(next.config.server, first)
        return { snapshot, readAtMs: next.readAtMs, changed, atNextStart }
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

interface ReadConfig extends LoadedConfig {
  readonly readAtMs: number
  readonly text: string
}

/** What is no file, such as a pipe, can be read once only. */
function textOf(file: string | undefined): () => string {
  if (file === undefined) return () => DEFAULT_CONFIG
  let kept: string | undefined
  return () => {
    if (kept !== undefined) return kept
    const text = readConfigFile(file)
    if (statSync(file, { throwIfNoEntry: false })?.isFile() === false) kept = text
    return text
  }
}

/** A text that says the same otherwise has not changed; of the same text only its lists can have. */
function changesOf(next: ReadConfig, used: ReadConfig): readonly ChangedPart[] {
  const changed: ChangedPart[] = []
  const isSameConfig = isDeepStrictEqual(next.config, used.config)
  if (!isSameConfig && next.text !== used.text) changed.push('config')
  if (!isDeepStrictEqual(next.secrets, used.secrets)) changed.push('secrets')
  if (!isSameConfig && next.text === used.text) changed.push('lists')
  return changed
}

function differences(next: ServerConfig, first: ServerConfig): readonly string[] {
  const before = new Map(Object.entries(first))
  const after = new Map(Object.entries(next))
  const keys = [...new Set([...before.keys(), ...after.keys()])]
  return keys.filter(key => !isDeepStrictEqual(before.get(key), after.get(key))).map(key => `server.${key}`)
}

function originsOf(
  own: SeenFiles,
  references: readonly SecretReference[],
  lists: readonly string[],
): ConfigOrigins {
  const secrets = references.flatMap(reference => (reference.kind === 'file' ? [reference.path] : []))
  const asksVault = references.some(({ kind }) => kind === 'vault')
  const files = new Map([...own, ...seeFiles([...new Set([...secrets, ...lists])])])
  return { files, vault: asksVault ? 'asked' : 'unused' }
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
