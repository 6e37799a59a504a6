import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { afterEach } from 'vitest'

const MAIN = new URL('../../../src/main.ts', import.meta.url).pathname

const running: ChildProcess[] = []
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL')
})

export interface Line {
  readonly msg: string
  readonly [field: string]: unknown
}

/** The real program, killed after the test where it did not end. */
export interface RealProgram {
  readonly child: ChildProcess
  /** Its exit code, when it has ended by itself. */
  readonly closed: Promise<number>
  stdout(): string
  stderr(): string
}

export function runReal(args: readonly string[], env: Record<string, string> = {}): RealProgram {
  return start(args, env)
}

function start(args: readonly string[], env: Record<string, string>) {
  const child = spawn(process.execPath, [MAIN, ...args], { env: { ...process.env, ...env } })
  running.push(child)
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', chunk => {
    stdout += chunk
  })
  child.stderr.on('data', chunk => {
    stderr += chunk
  })
  const closed = once(child, 'close').then(([code]) => Number(code))
  return { child, closed, stdout: () => stdout, stderr: () => stderr }
}

/** `weir serve`. `until` resolves with the first line of that message, and rejects when the program ends before. */
export interface RealServe extends RealProgram {
  readonly lines: readonly Line[]
  until(msg: string): Promise<Line>
}

export function serveReal(args: readonly string[], env: Record<string, string> = {}): RealServe {
  const program = start(['serve', ...args], env)
  const lines: Line[] = []
  const output = createInterface({ input: program.child.stdout })
  output.on('line', text => lines.push(JSON.parse(text)))
  const until = async (msg: string): Promise<Line> => {
    for (;;) {
      const found = lines.find(line => line.msg === msg)
      if (found) return found
      const ended = await Promise.race([
        once(output, 'line').then(() => false),
        program.closed.then(() => true),
      ])
      if (ended && !lines.some(line => line.msg === msg))
        throw new Error(`it ended before "${msg}": ${program.stderr()}`)
    }
  }
  return { ...program, lines, until }
}
