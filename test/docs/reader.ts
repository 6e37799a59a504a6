import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../support/program.ts'
import { NOT_RUN } from './not-run.ts'
import { type Block, CHECKOUT } from './page.ts'

const READY_WITHIN_MS = 30_000
const POLL_MS = 25
/** Ports that pages name. Each reader has others, so that pages can be read at the same time. */
const PORTS = [8000, 8700, 9002, 9003, 9090, 9901, 10000, 10001] as const

/** Who follows a page from its top: in a checkout, with a terminal for each server that it starts. */
export interface Reader {
  /** Does what a block says: writes its file, runs its commands, compares what they printed. Throws what went wrong. */
  follow(block: Block): Promise<void>
  /** Ends what it started. */
  stop(): Promise<void>
}

interface Terminal {
  readonly child: ChildProcess
  readonly ended: Promise<number>
  readonly output: () => string
}

/** A reader in a new folder that looks like a checkout, with these files in it. */
export async function startReader(files: Readonly<Record<string, string>>): Promise<Reader> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-reader-'))
  linkCheckout(folder)
  const renumber = await otherPorts()
  const write = (name: string, text: string) => writeFileSync(join(folder, name), renumber(text))
  for (const [name, text] of Object.entries(files)) write(name, text)
  const servers = new Map<string, Terminal>()
  let prelude = ''
  let printed = ''

  const run = (script: string): Terminal => startTerminal(folder, `${prelude}\n${renumber(script)}`)

  async function runBlock({ text, notes }: Block): Promise<void> {
    const script = runnable(text)
    if (notes.ends) await endTerminal(servers.get(notes.ends))
    if (notes.serves) {
      const server = run(script)
      servers.set(notes.serves, server)
      return untilServing(renumber(notes.serves), server)
    }
    const terminal = run(script)
    const code = await terminal.ended
    printed = terminal.output()
    const expected = Number(notes['exits with'] ?? 0)
    if (code !== expected) throw new Error(`it ended with ${code} instead of ${expected}:\n${printed}`)
    for (const [, name] of script.matchAll(/ > (\S+)$/gm))
      write(name!, readFileSync(join(folder, name!), 'utf8'))
    if (notes['every terminal'] !== undefined) prelude += renumber(script)
  }

  return {
    async follow(block) {
      if (block.notes['not checked']) return
      if (block.notes.file) write(block.notes.file, block.text)
      if (block.info === 'sh') await runBlock(block)
      if (block.info === 'text' && !block.notes['config of']) compare(renumber(block.text), printed)
    },
    async stop() {
      for (const server of [...servers.values()].reverse()) await endTerminal(server)
      rmSync(folder, { recursive: true })
    },
  }
}

/** All of the checkout is there; what a page writes stays in the folder. */
function linkCheckout(folder: string): void {
  for (const name of readdirSync(CHECKOUT)) {
    if (name !== '.git' && name !== 'coverage') symlinkSync(join(CHECKOUT, name), join(folder, name))
  }
}

async function otherPorts(): Promise<(text: string) => string> {
  const first = await freePort(PORTS.length)
  const numbers = new Map(PORTS.map((port, index) => [String(port), String(first + index)]))
  const pattern = new RegExp(
    `(?<=[\\w\\])]:|port_value: |127\\.0\\.0\\.1", |sample-llm\\.ts )(${PORTS.join('|')})\\b`,
    'g',
  )
  return text => text.replace(pattern, port => numbers.get(port) ?? port)
}

/** The commands of a block without those that cannot be run here. */
function runnable(text: string): string {
  const commands = text.replaceAll('\\\n', '\u0000').split('\n')
  return commands
    .map(command => {
      if (!NOT_RUN.some(({ command: pattern }) => pattern.test(command.trim()))) return command
      const [, ...rest] = command.split(' | ')
      return rest.length === 0 ? '' : `${rest.join(' | ')} </dev/null`
    })
    .join('\n')
    .replaceAll('\u0000', '\\\n')
}

function startTerminal(folder: string, script: string): Terminal {
  const path = [join(CHECKOUT, 'node_modules/.bin'), process.env.PATH].join(delimiter)
  const env = {
    ...process.env,
    PATH: path,
    NO_COLOR: '1',
    LAKERA_API_KEY: 'stand-in',
    GUARD_API_KEY: 'stand-in',
  }
  const child = spawn('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: folder,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', chunk => {
      output += chunk
    })
  }
  const ended = once(child, 'close').then(([code]) => Number(code))
  return { child, ended, output: () => output }
}

async function endTerminal(terminal: Terminal | undefined): Promise<void> {
  if (terminal === undefined) throw new Error('what is to end was not started')
  const { child, ended } = terminal
  // The whole group: a shell does not pass a signal on.
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
    process.kill(-child.pid, 'SIGTERM')
  await ended
}

async function untilServing(url: string, { ended, output }: Terminal): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS
  for (;;) {
    const response = await fetch(url).catch(() => undefined)
    await response?.body?.cancel()
    if (response !== undefined) return
    const over = await Promise.race([ended, delay(POLL_MS, 'running' as const)])
    if (over !== 'running') throw new Error(`it ended with ${over} before ${url} answered:\n${output()}`)
    if (Date.now() > deadline) throw new Error(`${url} does not answer:\n${output()}`)
  }
}

/** Every line of the page was printed, in that order; `…` stands for anything. */
function compare(shown: string, printed: string): void {
  const lines = shown.split('\n').filter(line => line.trim() !== '')
  let rest = printed
  for (const line of lines) {
    const parts = line.split('…').map(part => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    const match = new RegExp(parts.join('.*')).exec(rest)
    if (match === null)
      throw new Error(`the page shows, and it did not print:\n${line}\nIt printed:\n${printed}`)
    rest = rest.slice(match.index + match[0].length)
  }
}
