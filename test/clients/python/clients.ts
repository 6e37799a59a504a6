import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { LogTail } from '../../support/envoy-launch.ts'
import type { Shown } from '../driver.ts'

const PYTHON = fileURLToPath(new URL('../../../.venv/bin/python', import.meta.url))
const SCRIPT = fileURLToPath(new URL('client.py', import.meta.url))
/** Less than a test has. The first answer takes a few seconds, since the clients are loaded for it. */
const ANSWER_MS = 25_000

/** A line that client.py writes. */
const answerLine = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('answer'), text: z.string(), finish: z.string().nullable() }),
  z.strictObject({ kind: z.literal('error'), status: z.number().nullable(), message: z.string() }),
  z.strictObject({ kind: z.literal('crash'), message: z.string() }),
])

/**
 * One Python process that serves every ask: loading the clients takes longer than all that is asked of them. It starts
 * with the first ask. Where it ended by itself or did not answer in time, those who wait are told so, and the next ask
 * starts another.
 */
export class PythonClients {
  #running: RunningPython | undefined

  /** Asks through `client`, one of client.py's names. Throws where that raised anything but an error of its API. */
  async ask(client: string, origin: string, content: string): Promise<Shown> {
    if (this.#running === undefined || this.#running.ended) this.#running = new RunningPython()
    const line = await this.#running.answerTo(JSON.stringify({ client, origin, content }))
    const answer = answerLine.parse(JSON.parse(line))
    switch (answer.kind) {
      case 'answer':
        return { ...answer, finish: answer.finish ?? undefined }
      case 'error':
        return { ...answer, status: answer.status ?? undefined }
      case 'crash':
        throw new Error(`${client} (Python): ${answer.message}`)
    }
  }

  async end(): Promise<void> {
    await this.#running?.end()
  }
}

class RunningPython {
  ended = false
  readonly #child: ChildProcessWithoutNullStreams
  readonly #closed: Promise<void>
  readonly #log = new LogTail()
  /** In the order of the asks, which is that of the answers. */
  #waiting: PromiseWithResolvers<string>[] = []

  constructor() {
    // An empty environment: the clients would heed proxies, keys and origins that are set in it.
    const child = spawn(PYTHON, ['-X', 'utf8', SCRIPT], { env: {}, stdio: 'pipe' })
    this.#child = child
    this.#closed = new Promise(resolve => child.on('close', () => resolve()))
    child.on('error', error =>
      this.#fail(`${PYTHON} does not run, \`make setup\` installs it: ${error.message}`),
    )
    child.on('close', (code, signal) => this.#fail(`Python ended with ${signal ?? `exit code ${code}`}`))
    // It is gone: `close` tells.
    child.stdin.on('error', () => {})
    child.stderr.on('data', piece => this.#log.append(piece))
    createInterface(child.stdout).on('line', line => this.#waiting.shift()?.resolve(line))
  }

  async answerTo(request: string): Promise<string> {
    const waiting = Promise.withResolvers<string>()
    this.#waiting.push(waiting)
    this.#child.stdin.write(`${request}\n`)
    const overdue = setTimeout(() => {
      this.#fail(`no answer in ${ANSWER_MS} ms to ${request}`)
      this.#child.kill('SIGKILL')
    }, ANSWER_MS)
    try {
      return await waiting.promise
    } finally {
      clearTimeout(overdue)
    }
  }

  /** The end of its input is the end of it. */
  async end(): Promise<void> {
    this.#child.stdin.end()
    await this.#closed
  }

  #fail(reason: string): void {
    this.ended = true
    for (const { reject } of this.#waiting) reject(new Error(`${reason}\n${this.#log.read()}`))
    this.#waiting = []
  }
}
