import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import net from 'node:net'
import { delimiter, join } from 'node:path'

const running = new Set<ChildProcess>()

// A test process that dies takes its programs with it.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** The first of `names` on the PATH, else `fetched` (where `make setup` puts it). */
export function findProgram(names: readonly string[], fetched: string): string {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean)
  const onPath = folders.flatMap(folder => names.map(name => join(folder, name)))
  const found = [...onPath, fetched].find(isExecutable)
  if (found === undefined) throw new Error(`no ${names.join(' or ')}: run \`make setup\`, or install it`)
  return found
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

export function startProgram(file: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  const child = spawn(file, args, options)
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}

export function isRunning(child: ChildProcess): boolean {
  return running.has(child)
}

/** At once, and waits for its end. */
export async function killProgram(child: ChildProcess): Promise<void> {
  if (!running.has(child)) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

/**
 * The first of `count` ports in a row of 127.0.0.1 that nobody has, from where the system gives none out by itself:
 * nobody else gets one before it is used, but for a rare draw of the same.
 */
export async function freePort(count = 1): Promise<number> {
  for (;;) {
    const first = randomInt(20_000, 32_000)
    const ports = Array.from({ length: count }, (_, index) => first + index)
    const free = await Promise.all(ports.map(isFree))
    if (!free.includes(false)) return first
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const probe = net.createServer().on('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
