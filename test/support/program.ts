import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
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

/** A port of 127.0.0.1 that nobody had a moment ago. */
export async function freePort(): Promise<number> {
  const probe = net.createServer()
  probe.listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as net.AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}
