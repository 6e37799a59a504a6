import { ADDRESS_FORM, parseListenAddress } from '../config/address.ts'
import { compile } from '../config/compile.ts'
import { DEFAULT_CONFIG } from '../config/default-config.ts'
import type { Environment } from '../config/environment.ts'
import { readConfigFile, readSecretFile } from '../config/files.ts'
import { loadConfig } from '../config/load.ts'
import type { ServerConfig } from '../config/schema.ts'
import type { Snapshot } from '../config/snapshot.ts'
import { createHttpClient } from '../guardrail/http-client.ts'
import { usage } from './arguments.ts'

export interface SnapshotSource {
  /** Path of a config file; undefined for the embedded default. */
  readonly file: string | undefined
  readonly env: Environment
  /** Addresses from the command line, which win over the file's. */
  readonly listen?: string | undefined
  readonly admin?: string | undefined
}

/**
 * Reads, checks and compiles a config.
 *
 * @throws WeirError `bad-config` with every problem, `bad-usage` for an address that is none
 */
export function openSnapshot(source: SnapshotSource): Snapshot {
  const addresses = readAddresses(source)
  const text = source.file === undefined ? DEFAULT_CONFIG : readConfigFile(source.file)
  const { config, secrets } = loadConfig(text, { env: source.env, readFile: readSecretFile })
  const http = createHttpClient()
  const server = { ...config.server, ...addresses }
  return compile(
    { config: { ...config, server }, secrets },
    { guardrails: { postJson: http.postJson }, close: http.close },
  )
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
