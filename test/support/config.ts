import { compile } from '../../src/config/compile.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { Snapshot } from '../../src/config/snapshot.ts'
import { createHttpClient } from '../../src/guardrail/http-client.ts'

/** A snapshot from the text of a config, as `serve` makes it; references find only what `env` holds. */
export function snapshotOf(text: string, env: Record<string, string> = {}): Snapshot {
  const http = createHttpClient()
  const readFile = (path: string): never => {
    throw new Error(`no file ${path} in a test`)
  }
  const loaded = loadConfig(text, { env, readFile })
  return compile(loaded, { guardrails: { postJson: http.postJson }, close: http.close })
}
