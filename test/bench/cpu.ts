import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { cpus } from 'node:os'

/** CPU time of a process so far, all its threads, in microseconds. Linux only. */
export function cpuUs(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`)
  return threads.reduce((sum, thread) => sum + threadNs(pid, thread) / 1000, 0)
}

function threadNs(pid: number, thread: string): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0])
  } catch {
    // It ended since the folder was read.
    return 0
  }
}

/**
 * Lets a process run, with all its threads and children to come, on that core only. Where that cannot be (one core,
 * another system) it runs as it is, and the bench says so once.
 */
export function pin(pid: number, core: number): void {
  setAffinity(pid, String(core))
}

/** Lets it run anywhere again. */
export function unpin(pid: number): void {
  setAffinity(pid, `0-${cpus().length - 1}`)
}

let told = false

function setAffinity(pid: number, cores: string): void {
  try {
    execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', cores, String(pid)], { stdio: 'ignore' })
  } catch {
    if (!told) console.warn('processes cannot be pinned to cores here: figures are less steady')
    told = true
  }
}
