import type { ExportResult, Signal } from './export-families.ts'
import type { ExportMetrics } from './export-metrics.ts'
import type { Log } from './log.ts'

/** Hears how exporting goes. */
export interface ReportExport {
  /** `spansLost`: how many spans of it no collector took; 0 for metrics, whose next export says the same and more. */
  exported(signal: Signal, result: ExportResult, spansLost: number, status: number | undefined): void
  /** A span found no place. */
  queueFull(): void
}

/** A collector that is down is told of once in so long, with what was lost meanwhile. */
const WARN_EVERY_MS = 60_000

/** Counts, and warns once a minute at most of each signal. */
export function reportExports(log: Log, metrics: ExportMetrics, clock: () => number): ReportExport {
  const quiet = new Map<Signal, { sinceMs: number; failures: number; spansLost: number }>()
  const warn = (signal: Signal, why: string, spansLost: number, status: number | undefined): void => {
    const now = clock()
    const told = quiet.get(signal) ?? { sinceMs: Number.NEGATIVE_INFINITY, failures: 0, spansLost: 0 }
    quiet.set(signal, told)
    told.failures += 1
    told.spansLost += spansLost
    if (now - told.sinceMs < WARN_EVERY_MS) return
    const { failures, spansLost: lost } = told
    quiet.set(signal, { sinceMs: now, failures: 0, spansLost: 0 })
    log.warn('telemetry not exported', { signal, why, status, failures, spansLost: lost })
  }
  return {
    exported(signal, result, spansLost, status) {
      metrics.exported(signal, result)
      if (result === 'ok') return
      if (spansLost > 0) metrics.spansDropped(result, spansLost)
      warn(signal, result, spansLost, status)
    },
    queueFull() {
      metrics.spansDropped('queue-full', 1)
      warn('traces', 'queue-full', 1, undefined)
    },
  }
}
