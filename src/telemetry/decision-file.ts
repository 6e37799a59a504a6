import { format, parse } from 'node:path'
import { createLog, type Log, type LogOptions } from './log.ts'
import { LogFile, type LogFileOptions, type LogFileReport } from './log-file.ts'
import type { Metrics } from './metrics.ts'

/** The decision records' own file. */
export interface DecisionFile {
  readonly log: Log
  /** Somebody else has moved the file away. */
  reopen(): void
  /** Writes what is left, for a few seconds at most. */
  close(): Promise<void>
  /** Before the process ends at once. */
  flushSync(): void
}

export interface DecisionFileDeps extends Pick<LogOptions, 'level' | 'scrubber' | 'worker'> {
  readonly file: Omit<LogFileOptions, 'now'>
  /** Hears what is wrong with the file: it must be another log. */
  readonly operations: Log
  readonly metrics: Pick<Metrics, 'logLinesLost' | 'logFileTrouble'>
}

/** A trouble that lasts is told so often. */
const TOLD_EVERY_MS = 60_000

/**
 * Opens the file. Each worker has its own, so that no two processes rotate the same.
 *
 * @throws Error of the file system
 */
export async function openDecisionFile(deps: DecisionFileDeps): Promise<DecisionFile> {
  const { level, scrubber, worker } = deps
  const path = worker === undefined ? deps.file.path : pathOfWorker(deps.file.path, worker)
  const file = new LogFile({ ...deps.file, path, now: Date.now }, reportTo(deps, path))
  await file.open()
  return {
    log: createLog({ level, scrubber, worker, destination: file }),
    reopen: () => file.reopen(),
    close: () => file.close(),
    flushSync: () => file.flushSync(),
  }
}

/** `decisions.log` becomes `decisions-worker-1.log`. */
export function pathOfWorker(path: string, worker: number): string {
  const { root, dir, name, ext } = parse(path)
  return format({ root, dir, name: `${name}-worker-${worker}`, ext })
}

function reportTo({ operations, metrics }: DecisionFileDeps, file: string): LogFileReport {
  let lost = 0
  let toldLost = 0
  let saidAt = Number.NEGATIVE_INFINITY
  let said = ''
  const tell = (what: string, code: string): void => {
    const now = performance.now()
    const saying = `${what} ${code}`
    if (saying === said && now - saidAt < TOLD_EVERY_MS) return
    saidAt = now
    said = saying
    operations.error('decision file in trouble: it is tried again', { file, what, code, lost })
    toldLost = lost
  }
  return {
    lost(lines) {
      lost += lines
      metrics.logLinesLost(lines)
      if (performance.now() - saidAt < TOLD_EVERY_MS && toldLost > 0) return
      saidAt = performance.now()
      toldLost = lost
      operations.error('decision records lost: the file does not take them', { file, lost })
    },
    trouble(what, code) {
      metrics.logFileTrouble(what)
      tell(what, code)
    },
    mended() {
      said = ''
      saidAt = Number.NEGATIVE_INFINITY
      operations.info('decision file is written again', { file, lost })
      lost = 0
      toldLost = 0
    },
  }
}
