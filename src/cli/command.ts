import type { ChildProcess } from 'node:child_process'
import type { Environment } from '../config/environment.ts'
import type { SupervisorLine } from '../workers/supervisor-line.ts'

/** 0: done, and for `scan` released or redacted. 1: failed while running, and for `scan` denied. 2: usage or config. */
export type ExitCode = 0 | 1 | 2

/** What a command may touch of the process. */
export interface CommandIo {
  readonly env: Environment
  stdout(text: string): void
  stderr(text: string): void
  /** The first `mostBytes` of stdin; the rest stays unread. */
  readStdin(mostBytes: number): Promise<Uint8Array>
  /** The lines of stdin as they come, until it ends or the signal aborts. */
  stdinLines(stop: AbortSignal): AsyncIterable<string>
  /** `coloured` where stdout is a terminal that shows colours to someone who wants them. */
  readonly terminal: 'plain' | 'coloured'
  /** How many columns stdout has now; undefined where it is no terminal. */
  columns(): number | undefined
  /** Calls back on SIGTERM and SIGINT, until the returned function is called. */
  onStopSignal(stop: (signal: string) => void): () => void
  /** Calls back on SIGHUP, until the returned function is called. */
  onReloadSignal(reload: () => void): () => void
  /** Calls back on what nothing caught, until the returned function is called. */
  onFault(report: (error: unknown) => void): () => void
  /** Starts this program once more, as the worker of this index, with a channel to it. */
  fork(args: readonly string[], worker: number): ChildProcess
  /** Where this process is a worker. */
  readonly supervisor: SupervisorLine | undefined
  /** Ends the process at once, whatever is under way. */
  exit(code: ExitCode): void
}

export interface Command {
  readonly name: string
  /** One line for `weir --help`. */
  readonly summary: string
  /** What `weir NAME --help` prints; ends with a line end. */
  readonly help: string
  /** `args`: what follows the command's name. Throws a WeirError for what the user can mend. */
  run(args: readonly string[], io: CommandIo): Promise<ExitCode>
}

/** The closing lines of every help text. */
export const EXIT_CODES = `
Exit codes:
  0  done
  1  failed while running
  2  the command line or the config does not hold
`
