import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

export interface LogLine {
  readonly msg: string
  readonly [field: string]: unknown
}

/** `weir serve` as a process of its own. */
export interface Served {
  /** `host:port` for Envoy. */
  readonly address: string
  /** Its config, for a test that changes it. */
  readonly file: string
  /** Sends it a signal of the test's choice. */
  signal(name: NodeJS.Signals): void
  /** Its exit code, waited for; null when a signal ended it. */
  readonly ended: Promise<number | null>
  readonly lines: readonly LogLine[]
  /** The line of that message, the `nth` of them (from 1 on), waited for; rejects when the process ends before. */
  logged(message: string, nth?: number): Promise<LogLine>
  /** A page of the admin listener. */
  page(path: string): Promise<string>
  /** All that it wrote so far, on stdout and stderr. */
  output(): string
  /** Ends it and removes its files. May be called twice. */
  stop(): Promise<void>
}

/** Serves a config, on ports of the kernel's choice, with these variables and none else that changes what it does. */
export async function serveConfig(
  config: string,
  env: Record<string, string> = {},
  listen = '127.0.0.1:0',
): Promise<Served> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-served-'))
  const file = join(folder, 'weir.yaml')
  await writeFile(file, config)
  const args = [MAIN, 'serve', '--config', file, '--listen', listen, '--admin', '127.0.0.1:0']
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE, ...env },
  })
  const kill = (): void => void child.kill('SIGKILL')
  process.on('exit', kill)
  let output = ''
  const lines: LogLine[] = []
  const looking = new Set<() => void>()
  const lookAgain = (): void => {
    for (const look of [...looking]) look()
  }
  child.stderr.on('data', bytes => {
    output += bytes
  })
  createInterface({ input: child.stdout }).on('line', line => {
    output += `${line}\n`
    lines.push(JSON.parse(line))
    lookAgain()
  })
  let state: 'running' | 'ended' = 'running'
  const ended = once(child, 'close').then(([code]: (number | null)[]) => {
    state = 'ended'
    process.off('exit', kill)
    lookAgain()
    return code ?? null
  })
  const logged = (message: string, nth = 1): Promise<LogLine> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = lines.filter(({ msg }) => msg === message)[nth - 1]
        if (found === undefined && state === 'running') return
        looking.delete(look)
        if (found === undefined) reject(new Error(`weir ended before "${message}": ${output}`))
        else resolve(found)
      }
      looking.add(look)
      look()
    })
  const stop = async (): Promise<void> => {
    if (state === 'running') child.kill('SIGTERM')
    await ended
    await rm(folder, { recursive: true, force: true })
  }
  const { listen: address, admin } = await logged('serving')
  return {
    address: String(address),
    file,
    signal: name => void child.kill(name),
    ended,
    lines,
    logged,
    page: async path => (await fetch(`http://${admin}${path}`)).text(),
    output: () => output,
    stop,
  }
}
