import { compile } from '../../src/config/compile.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { Snapshot } from '../../src/config/snapshot.ts'
import { createHttpClient } from '../../src/service/http-client.ts'
import { openVerdictCaches } from '../../src/verdict-cache/verdict-caches.ts'
import { guardrailDeps } from './guard-http.ts'

/** A snapshot from the text of a config, as `serve` makes it; references find only what `env` holds. */
export function snapshotOf(text: string, env: Record<string, string> = {}): Snapshot {
  const http = createHttpClient()
  const readFile = (path: string): never => {
    throw new Error(`no file ${path} in a test`)
  }
  const loaded = loadConfig(text, { env, readFile, readList: readFile })
  const caches = openVerdictCaches(() => {})
  return compile(loaded, {
    guardrails: guardrailDeps(http.connect),
    caches,
    close: async () => {
      await Promise.all([http.close(), caches.close()])
    },
  })
}
