import { type DestinationStream, destination, pino, stdTimeFunctions } from 'pino'
import type { Scrubber } from './scrub.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type LogFields = Readonly<Record<string, unknown>>

/** A log of constant messages with the facts in fields. Never give it content, a header or a key. */
export interface Log {
  /** Whether lines of this level are written: for who would make costly fields of one. */
  writes(level: LogLevel): boolean
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

export interface LogOptions {
  readonly level: LogLevel
  readonly scrubber: Scrubber
  /** In every line, for one of several processes that write to the same place. */
  readonly worker?: number | undefined
  /** Gets whole lines; stdout when left out. */
  readonly destination?: DestinationStream
}

/** Fields that hold what must not be logged, wherever an object brought them along. */
const FORBIDDEN = ['headers', 'authorization', 'cookie', 'api_key', 'body']

/** Errors of libraries nest their causes; more than this many say nothing new. */
const MAX_CAUSES = 4

/** A log of JSON lines: `level` by name, `time` in ISO 8601, `msg`, then the fields. */
export function createLog(options: LogOptions): Log {
  const logger = pino(
    {
      level: options.level,
      base: options.worker === undefined ? null : { worker: options.worker },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
      serializers: { err: error => describeError(error, MAX_CAUSES) },
      redact: { paths: FORBIDDEN.flatMap(key => [key, `*.${key}`]), remove: true },
      hooks: { streamWrite: line => options.scrubber.jsonLine(line) },
    },
    options.destination ?? stdout(),
  )
  return {
    writes: level => logger.isLevelEnabled(level),
    debug: (message, fields = {}) => logger.debug(fields, message),
    info: (message, fields = {}) => logger.info(fields, message),
    warn: (message, fields = {}) => logger.warn(fields, message),
    error: (message, fields = {}) => logger.error(fields, message),
  }
}

/** Lines go out at once, so that a crash loses none; a reader that went away must not end the traffic. */
function stdout(): DestinationStream {
  const stream = destination({ dest: 1, sync: true })
  stream.on('error', () => {})
  return stream
}

/** Only these fields: an error of a client library may carry its request, headers and all. */
function describeError(error: unknown, causes: number): unknown {
  if (!(error instanceof Error)) return { type: typeof error }
  return {
    type: error.name,
    message: error.message,
    code: 'code' in error ? String(error.code) : undefined,
    stack: error.stack,
    cause: error.cause !== undefined && causes > 0 ? describeError(error.cause, causes - 1) : undefined,
  }
}
