import { compile } from '../../../src/config/compile.ts'
import { type ConfigSources, loadConfig } from '../../../src/config/load.ts'
import type { Snapshot } from '../../../src/config/snapshot.ts'
import { type ConfigProblem, WeirError } from '../../../src/errors.ts'
import { openVerdictCaches } from '../../../src/verdict-cache/verdict-caches.ts'
import { guardrailDeps } from '../../support/guard-http.ts'

/** No environment and no files, unless given. */
export function sources(given: Partial<ConfigSources> = {}): ConfigSources {
  const readFile = (): string => {
    throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
  }
  return { env: {}, readFile, readList: readFile, ...given }
}

/** A snapshot whose guardrails have no network. */
export function snapshotOf(text: string, given?: Partial<ConfigSources>): Snapshot {
  const caches = openVerdictCaches(() => {})
  return compile(loadConfig(text, sources(given)), {
    guardrails: guardrailDeps(() => () => Promise.reject(new Error('no network here'))),
    caches,
    close: () => caches.close(),
  })
}

/** What of a config no log line may hold. */
export function secretValuesOf(text: string, given?: Partial<ConfigSources>): readonly string[] {
  return loadConfig(text, sources(given)).secretValues
}

/** The error of a config that must not load. */
export function errorOf(load: () => unknown): WeirError {
  try {
    load()
  } catch (error) {
    if (error instanceof WeirError) return error
    throw error
  }
  throw new Error('the config loaded')
}

/** `path: message` of every problem. */
export function problemsOf(text: string, given?: Partial<ConfigSources>): string[] {
  return errorOf(() => snapshotOf(text, given)).problems.map(show)
}

function show({ path, message }: ConfigProblem): string {
  return `${path}: ${message}`
}
