import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const TERMINATE_MS = 5_000

const logLine = z.looseObject({
  msg: z.string(),
  warning: z.string().nullish(),
  listen: z.string().nullish(),
})

export interface ServedWeir {
  /** `host:port` for Envoy. */
  readonly address: string
  /** What it said about its config. */
  readonly warnings: readonly string[]
  /** Ends it and removes its files. May be called twice. */
  stop(): Promise<void>
}

/** `weir serve` as a process of its own, on that config and on ports of the kernel's choice, as a user runs it. */
export async function serveWeir(config: string): Promise<ServedWeir> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-bench-'))
  const file = join(folder, 'weir.yaml')
  await writeFile(file, config)
  const args = [MAIN, 'serve', '--config', file, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0']
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const kill = (): void => void child.kill('SIGKILL')
  process.on('exit', kill)
  const exited = once(child, 'exit').then(() => process.off('exit', kill))
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    const grace = new AbortController()
    const overdue = delay(TERMINATE_MS, undefined, { signal: grace.signal }).then(kill, () => undefined)
    await exited
    grace.abort()
    await overdue
    await rm(folder, { recursive: true, force: true })
  }
  const warnings: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    const { msg, warning, listen } = logLine.parse(JSON.parse(line))
    if (warning) warnings.push(warning)
    if (msg !== 'serving' || !listen) continue
    drain(child.stdout)
    return { address: listen, warnings, stop }
  }
  await stop()
  throw new Error('weir ended before it served')
}

/** Weir waits for whoever reads its log: every line is taken at once, and only what tells of a fault is shown. */
function drain(log: Readable): void {
  log.on('data', (lines: Buffer) => {
    if (lines.includes('"level":"error"')) console.error(lines.toString().trimEnd())
  })
}
