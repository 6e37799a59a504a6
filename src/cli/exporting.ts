import { randomUUID } from 'node:crypto'
import type { Environment } from '../config/environment.ts'
import type { Snapshot } from '../config/snapshot.ts'
import { type SignalExport, telemetrySettings } from '../config/telemetry-settings.ts'
import { reportExports } from '../telemetry/export-report.ts'
import type { OpenExport } from '../telemetry/otel/open-export.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'
import { programVersion } from './version.ts'

/** The export of traces and metrics, as it goes on with one snapshot after the other. */
export interface Exporting extends Omit<OpenExport, 'close'> {
  /** From now on headers and kinds are those of this snapshot. */
  use(snapshot: Snapshot): void
  close(deadlineMs: number): Promise<void>
}

const OFF: Exporting = {
  tracing: undefined,
  serviceEvent() {},
  use() {},
  async close() {},
}

export interface ExportingDeps {
  readonly env: Environment
  readonly telemetry: Pick<Telemetry, 'log' | 'metrics'>
  /** The index of this process among several. */
  readonly worker: number | undefined
}

/** Opens what the config and the environment ask for; the libraries are loaded only then. */
export async function openExporting(
  first: Snapshot,
  { env, telemetry, worker }: ExportingDeps,
): Promise<Exporting> {
  const { log, metrics } = telemetry
  const config = first.server.telemetry
  const settings = telemetrySettings(config, first.otlpHeaders(), env)
  for (const warning of settings.warnings) log.warn('config warning', { warning })
  const { traces, metrics: metricExport } = settings
  if (traces === undefined && metricExport === undefined) return OFF
  let snapshot = first
  // The headers of the config rotate with its secrets, those of the environment stay.
  const withHeaders = <T extends SignalExport>(signal: T) => ({
    ...signal,
    headers: () => (config.otlp.headers && snapshot.otlpHeaders()) || signal.headers,
  })
  const { openExport } = await import('../telemetry/otel/open-export.ts')
  const open = openExport({
    resource: { ...settings.resource, ...instanceOf(settings.resource, worker) },
    version: programVersion(),
    traces: traces && withHeaders(traces),
    metrics: metricExport && withHeaders(metricExport),
    families: metrics.asObjects,
    kindOf: guardrail => snapshot.kindOf(guardrail),
    report: reportExports(log, metrics, () => performance.now()),
  })
  log.info('exporting telemetry', { traces: originOf(traces), metrics: originOf(metricExport) })
  return {
    ...open,
    use(next) {
      snapshot = next
    },
  }
}

/** Without its path and query: a variable may have a key in either. */
function originOf(signal: SignalExport | undefined): string | undefined {
  return signal && new URL(signal.url).origin
}

const INSTANCE = 'service.instance.id'

/** No two processes may have the same: their counters would be taken for one. */
function instanceOf(
  resource: Readonly<Record<string, string>>,
  worker: number | undefined,
): Readonly<Record<string, string>> {
  const given = resource[INSTANCE]
  if (given === undefined) return { [INSTANCE]: randomUUID() }
  return { [INSTANCE]: worker === undefined ? given : `${given}-${worker}` }
}
