import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Duplex, type Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { PROBE_FD, type ProbeReading, probeReading } from './probe-reading.ts'

const fileOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))
const MAIN = fileOf('../../src/main.ts')
/** V8 drops the bytecode of what has not run for a while: megabytes of the start, which would hide what grows. */
const PROBE_FLAGS = ['--expose-gc', '--no-flush-bytecode', '--import', fileOf('./probe.ts')]
const TERMINATE_MS = 5_000

const logLine = z.looseObject({
  msg: z.string(),
  warning: z.string().nullish(),
  listen: z.union([z.string(), z.array(z.string())]).nullish(),
  admin: z.string().nullish(),
  pid: z.number().nullish(),
})

export interface ServedWeir {
  /** `host:port` for Envoy; of the first worker. */
  readonly address: string
  /** Of each worker. */
  readonly addresses: readonly string[]
  /** The processes that serve. */
  readonly pids: readonly number[]
  /** What it said about its config. */
  readonly warnings: readonly string[]
  /** Collects its garbage and asks for its memory; only of one that was started probed. */
  probe(): Promise<ProbeReading>
  /** A counter or gauge of the admin listener, as the whole line names it; 0 where there is no such line. */
  metric(line: string): Promise<number>
  /** Ends it and removes its files. May be called twice. */
  stop(): Promise<void>
}

/**
 * `weir serve` as a process of its own, on that config and on ports of the kernel's choice, as a user runs it. `probed`:
 * with a door for `probe`, which costs nothing while nobody asks.
 */
export async function serveWeir(config: string, kind: 'plain' | 'probed' = 'plain'): Promise<ServedWeir> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-bench-'))
  const file = join(folder, 'weir.yaml')
  await writeFile(file, config)
  const flags = kind === 'probed' ? PROBE_FLAGS : []
  const args = [MAIN, 'serve', '--config', file, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0']
  const stdio = Array(PROBE_FD + 1).fill('pipe', 1, PROBE_FD + 1)
  const child = spawn(process.execPath, [...flags, ...args], {
    stdio: Object.assign(stdio, { 0: 'ignore', 2: 'inherit' }),
  })
  const stop = stopper(child, folder)
  const [log, wire] = [child.stdout, child.stdio[PROBE_FD]]
  if (log === null || !(wire instanceof Duplex)) throw new Error('spawn made no pipes')
  const warnings: string[] = []
  const pids: number[] = []
  for await (const line of createInterface({ input: log })) {
    const { msg, warning, listen, admin, pid } = logLine.parse(JSON.parse(line))
    if (warning) warnings.push(warning)
    if (msg === 'worker serving' && pid) pids.push(pid)
    if (msg !== 'serving' || !listen) continue
    drain(log)
    const addresses = [listen].flat()
    return {
      address: addresses[0] ?? '',
      addresses,
      pids: pids.length > 0 ? pids : [child.pid ?? 0],
      warnings,
      probe: () => askProbe(wire),
      metric: async name => {
        const page = await (await fetch(`http://${admin}/metrics`)).text()
        const found = page.split('\n').find(one => one.startsWith(`${name} `))
        return found === undefined ? 0 : Number(found.slice(name.length + 1))
      },
      stop,
    }
  }
  await stop()
  throw new Error('weir ended before it served')
}

function stopper(child: ChildProcess, folder: string): () => Promise<void> {
  const kill = (): void => void child.kill('SIGKILL')
  process.on('exit', kill)
  const exited = once(child, 'exit').then(() => process.off('exit', kill))
  return async () => {
    child.kill('SIGTERM')
    const grace = new AbortController()
    const overdue = delay(TERMINATE_MS, undefined, { signal: grace.signal }).then(kill, () => undefined)
    await exited
    grace.abort()
    await overdue
    await rm(folder, { recursive: true, force: true })
  }
}

async function askProbe(wire: Duplex): Promise<ProbeReading> {
  wire.write('\n')
  const [line] = await once(wire, 'data')
  return probeReading.parse(JSON.parse(String(line)))
}

/** Weir waits for whoever reads its log: every line is taken at once, and only what tells of a fault is shown. */
function drain(log: Readable): void {
  log.on('data', (lines: Buffer) => {
    if (lines.includes('"level":"error"')) console.error(lines.toString().trimEnd())
  })
}
