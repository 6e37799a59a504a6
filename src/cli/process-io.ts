import { type ChildProcess, fork } from 'node:child_process'
import { createInterface } from 'node:readline'
import { type Environment, processEnvironment } from '../config/environment.ts'
import { WeirError } from '../errors.ts'
import { supervisorLine, WORKER_VARIABLE } from '../workers/supervisor-line.ts'
import type { CommandIo } from './command.ts'

const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const
const FAULT_EVENTS = ['uncaughtException', 'unhandledRejection'] as const

/** The real process behind a command. */
export function processIo(): CommandIo {
  // A reader such as `head` that has seen enough closes the pipe: no reason to fail.
  process.stdout.on('error', () => {})
  process.stderr.on('error', () => {})
  const env = processEnvironment()
  return {
    env,
    stdout: text => process.stdout.write(text),
    stderr: text => process.stderr.write(text),
    readStdin,
    stdinLines,
    terminal: showsColours(env) ? 'coloured' : 'plain',
    // 0 where a terminal does not say.
    columns: () => process.stdout.columns || undefined,
    onStopSignal: stop => listenTo(STOP_SIGNALS, stop),
    onReloadSignal: reload => listenTo(['SIGHUP'], reload),
    onFault: report => listenTo(FAULT_EVENTS, report),
    fork: (args, worker) => forkWorker(args, { ...env, [WORKER_VARIABLE]: String(worker) }),
    supervisor: supervisorLine(env[WORKER_VARIABLE], process),
    exit: code => process.exit(code),
  }
}

/** With the same flags of Node. Its lines go where ours go. */
function forkWorker(args: readonly string[], env: Environment): ChildProcess {
  const [, program] = process.argv
  if (program === undefined) throw new WeirError('bug', 'a process without a program')
  return fork(program, args, {
    env,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
}

function listenTo<T>(events: readonly string[], listener: (first: T) => void): () => void {
  for (const event of events) process.on(event, listener)
  return () => {
    for (const event of events) process.off(event, listener)
  }
}

async function readStdin(mostBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of process.stdin) {
    const bytes: Uint8Array = chunk
    chunks.push(bytes)
    length += bytes.byteLength
    if (length >= mostBytes) break
  }
  return Buffer.concat(chunks).subarray(0, mostBytes)
}

/** https://no-color.org */
function showsColours(env: Environment): boolean {
  return process.stdout.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb'
}

async function* stdinLines(stop: AbortSignal): AsyncIterable<string> {
  const lines = createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY, signal: stop })
  try {
    yield* lines
  } finally {
    // What is open keeps the process alive.
    process.stdin.destroy()
  }
}
