import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { type EnvoyInstance, type EnvoyLaunch, LogTail } from './envoy-launch.ts'

const TERMINATE_MS = 3_000
const running = new Set<ChildProcess>()

// A test process that dies takes its Envoys with it.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Runs the Envoy binary `file` as a child process. */
export async function launchProcess(file: string, launch: EnvoyLaunch): Promise<EnvoyInstance> {
  const log = new LogTail()
  const child = spawn(file, launch.args, { stdio: ['ignore', 'pipe', 'pipe'] })
  await once(child, 'spawn')
  running.add(child)
  child.stdout.on('data', chunk => log.append(chunk))
  child.stderr.on('data', chunk => log.append(chunk))
  const ended = once(child, 'close').then(([code, signal]) => {
    running.delete(child)
    return `Envoy ended with ${signal ?? `exit code ${code}`}`
  })
  return {
    logs: () => log.read(),
    ended,
    async stop() {
      child.kill('SIGTERM')
      const grace = new AbortController()
      const overdue = delay(TERMINATE_MS, 'overdue', { signal: grace.signal }).catch(() => 'ended')
      if ((await Promise.race([ended, overdue])) === 'overdue') child.kill('SIGKILL')
      grace.abort()
      await ended
    },
  }
}
