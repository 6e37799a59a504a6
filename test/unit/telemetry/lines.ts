import { createLog, type Log, type LogLevel } from '../../../src/telemetry/log.ts'
import { createScrubber } from '../../../src/telemetry/scrub.ts'

export interface CapturedLog {
  readonly log: Log
  /** The lines as they were written. */
  readonly raw: string[]
  /** The lines as a reader of JSON gets them. */
  lines(): Record<string, unknown>[]
}

/** A log that writes to memory and knows these secrets. */
export function captureLog(secrets: readonly string[] = [], level: LogLevel = 'debug'): CapturedLog {
  const raw: string[] = []
  const scrubber = createScrubber()
  scrubber.add(secrets)
  const log = createLog({ level, scrubber, destination: { write: line => void raw.push(line) } })
  return { log, raw, lines: () => raw.map(line => JSON.parse(line)) }
}
