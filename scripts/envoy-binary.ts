import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const VENV_ENVOY = fileURLToPath(new URL('../.venv/bin/envoy', import.meta.url))

/**
 * The Envoy to run: `ENVOY_BIN`, else the one that `make setup` installed, else `envoy` on the PATH; undefined when
 * there is none. An `ENVOY_BIN` that cannot be run is an error, not a reason to take another one.
 */
export function findEnvoy(env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (env.ENVOY_BIN) {
    if (!isExecutable(env.ENVOY_BIN))
      throw new Error(`ENVOY_BIN is ${env.ENVOY_BIN}, which is no executable file`)
    return env.ENVOY_BIN
  }
  const onPath = (env.PATH ?? '')
    .split(delimiter)
    .filter(Boolean)
    .map(folder => join(folder, 'envoy'))
  return [VENV_ENVOY, ...onPath].find(isExecutable)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}
