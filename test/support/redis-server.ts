import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { findProgram, freePort, killProgram, startProgram } from './program.ts'

/** What scripts/fetch-redis.sh leaves where none is installed. */
const FETCHED = fileURLToPath(new URL('../../.venv/debian/redis-server', import.meta.url))
const NAMES = ['valkey-server', 'redis-server']
/** Both servers say it, with a capital R or not. */
const READY = /ready to accept connections/i
const START_ATTEMPTS = 5

export interface RedisServerOptions {
  /** What clients must log in with. */
  readonly password?: string
  /** PEM; the server then speaks TLS and nothing else. */
  readonly tls?: { readonly key: string; readonly cert: string }
  /** To come back where another one was. */
  readonly port?: number
}

export interface RedisServer {
  readonly port: number
  /** `127.0.0.1:port` */
  readonly address: string
  /** Ends it at once; its keys are gone. */
  stop(): Promise<void>
}

/** A real server on 127.0.0.1 that keeps nothing on disk. */
export async function startRedisServer(options: RedisServerOptions = {}): Promise<RedisServer> {
  const file = findProgram(NAMES, FETCHED)
  const folder = await mkdtemp(join(tmpdir(), 'weir-redis-'))
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await freePort())
    const launched = await launch(file, folder, await settings(folder, port, options))
    if (launched.kind === 'ready') return server(launched.child, port, folder)
    // Another process may have taken the port in between; nothing else is worth another try.
    if (options.port !== undefined || attempt === START_ATTEMPTS) {
      await rm(folder, { recursive: true, force: true })
      throw new Error(`${file} did not start:\n${launched.log}`)
    }
  }
}

async function settings(folder: string, port: number, options: RedisServerOptions): Promise<string> {
  const { password, tls } = options
  const lines = ['bind 127.0.0.1', 'save ""', 'appendonly no', `dir ${folder}`, 'daemonize no']
  if (password !== undefined) lines.push(`requirepass ${password}`)
  if (tls === undefined) lines.push(`port ${port}`)
  else {
    await writeFile(join(folder, 'key.pem'), tls.key, { mode: 0o600 })
    await writeFile(join(folder, 'cert.pem'), tls.cert)
    lines.push('port 0', `tls-port ${port}`, 'tls-auth-clients no')
    lines.push(`tls-key-file ${folder}/key.pem`, `tls-cert-file ${folder}/cert.pem`)
  }
  return `${lines.join('\n')}\n`
}

type Launched =
  | { readonly kind: 'ready'; readonly child: ChildProcess }
  | { readonly kind: 'ended'; readonly log: string }

async function launch(file: string, folder: string, config: string): Promise<Launched> {
  const configFile = join(folder, 'redis.conf')
  // In a file, not among the arguments: other users of the machine see those.
  await writeFile(configFile, config, { mode: 0o600 })
  const child = startProgram(file, [configFile], { stdio: ['ignore', 'pipe', 'inherit'] })
  const { stdout } = child
  if (stdout === null) throw new Error('the server was started without a pipe')
  const log: string[] = []
  for await (const line of createInterface({ input: stdout })) {
    if (READY.test(line)) {
      // Whatever it says later must not fill the pipe.
      stdout.resume()
      return { kind: 'ready', child }
    }
    log.push(line)
  }
  return { kind: 'ended', log: log.join('\n') }
}

function server(child: ChildProcess, port: number, folder: string): RedisServer {
  return {
    port,
    address: `127.0.0.1:${port}`,
    async stop() {
      await killProgram(child)
      await rm(folder, { recursive: true, force: true })
    },
  }
}
