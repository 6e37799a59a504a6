import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import { runCommand } from '../../../src/cli/run.ts'
import type { Environment } from '../../../src/config/environment.ts'

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Runs a command in this process. */
export async function weir(
  args: readonly string[],
  given: { stdin?: string; env?: Environment; terminal?: 'plain' | 'coloured'; columns?: number } = {},
): Promise<Ran> {
  let out = ''
  let err = ''
  const code = await runCommand(args, {
    env: given.env ?? {},
    stdout: text => {
      out += text
    },
    stderr: text => {
      err += text
    },
    readStdin: async mostBytes => Buffer.from(given.stdin ?? '').subarray(0, mostBytes),
    stdinLines: async function* () {
      yield* (given.stdin ?? '').split('\n')
    },
    terminal: given.terminal ?? 'plain',
    columns: () => given.columns,
    onStopSignal: () => () => {},
    onReloadSignal: () => () => {},
    onFault: () => () => {},
    fork: () => {
      throw new Error('no command here starts a process')
    },
    supervisor: undefined,
    exit: () => {
      throw new Error('no command here ends the process')
    },
  })
  return { code, out, err }
}

const directories: string[] = []
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true })
})

/** The path of a file with this text, gone after the test. */
export function fileOf(text: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'weir-cli-'))
  directories.push(directory)
  const path = join(directory, 'file')
  writeFileSync(path, text)
  return path
}
