import type { Environment } from '../config/environment.ts'
import type { Snapshot } from '../config/snapshot.ts'
import { DecisionRing } from '../console/decision-ring.ts'
import { WeirError } from '../errors.ts'
import type { Tracing } from '../extproc/call-deps.ts'
import type { ReportServiceEvent } from '../service/service-events.ts'
import { type DecisionFile, type DecisionFileDeps, openDecisionFile } from '../telemetry/decision-file.ts'
import type { Log } from '../telemetry/log.ts'
import { createMetrics } from '../telemetry/metrics.ts'
import type { Scrubber } from '../telemetry/scrub.ts'
import { createTelemetry, type Telemetry } from '../telemetry/telemetry.ts'
import { openExporting } from './exporting.ts'

/** For the last spans and metrics. */
const EXPORT_DEADLINE_MS = 3000

/** All by which a process that serves tells what it does: metrics, decisions and their file, what it exports. */
export interface Reporting {
  readonly telemetry: Telemetry
  /** Left out where nothing is traced. */
  readonly tracing: Tracing | undefined
  /** What the console shows of decisions, where there is one. */
  readonly ring: DecisionRing | undefined
  /** How asking a guard service goes. */
  readonly serviceEvent: ReportServiceEvent
  /** What is exported from now on is by the settings of this snapshot. */
  use(snapshot: Snapshot): void
  /** Somebody else has moved the file of the decisions away. */
  reopenFile(): void
  /** Writes the decisions that wait for their file, before the process ends at once. */
  flushSync(): void
  /** Sends and writes what is left, for a few seconds at most. */
  close(): Promise<void>
}

export interface ReportingDeps {
  readonly env: Environment
  readonly log: Log
  readonly scrubber: Scrubber
  /** The index of this process among several. */
  readonly worker: number | undefined
}

/** @throws WeirError `bad-config` where the file of `server.log.decisions` cannot be opened */
export async function openReporting(
  snapshot: Snapshot,
  { env, log, scrubber, worker }: ReportingDeps,
): Promise<Reporting> {
  const { level, sample_clean } = snapshot.server.log
  const metrics = createMetrics()
  metrics.snapshot(snapshot.version)
  const decisions = await decisionFile(snapshot, { level, scrubber, worker, operations: log, metrics })
  const hasConsole = snapshot.server.console.access !== 'none'
  const ring = hasConsole ? new DecisionRing({ scrub: scrubber.jsonLine, worker }) : undefined
  const telemetry = createTelemetry(log, metrics, sample_clean, decisions?.log, ring?.add)
  const exporting = await openExporting(snapshot, { env, telemetry, worker })
  return {
    telemetry,
    tracing: exporting.tracing,
    ring,
    serviceEvent(guardrail, event) {
      telemetry.serviceEvent(guardrail, event)
      exporting.serviceEvent(event)
    },
    use: exporting.use,
    reopenFile: () => decisions?.reopen(),
    flushSync: () => decisions?.flushSync(),
    async close() {
      await Promise.all([exporting.close(EXPORT_DEADLINE_MS), decisions?.close()])
      metrics.close()
    },
  }
}

/**
 * The file of `server.log.decisions`, where there is one.
 *
 * @throws WeirError `bad-config` where it cannot be opened
 */
async function decisionFile(
  { server }: Snapshot,
  deps: Omit<DecisionFileDeps, 'file'>,
): Promise<DecisionFile | undefined> {
  const { decisions } = server.log
  if (decisions === undefined) return undefined
  const { file: path, rotate_bytes, rotate_ms, keep, compress, mode } = decisions
  try {
    const file = {
      path,
      mode: Number.parseInt(mode, 8),
      rotateBytes: rotate_bytes,
      rotateMs: rotate_ms,
      keep,
      compress: compress ? 'gzip' : 'none',
    } as const
    return await openDecisionFile({ ...deps, file })
  } catch (cause) {
    const why = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'
    const problem = { path: 'server.log.decisions.file', message: `cannot open ${path}: ${why}` }
    throw new WeirError('bad-config', `${problem.path}: ${problem.message}`, { cause, problems: [problem] })
  }
}
