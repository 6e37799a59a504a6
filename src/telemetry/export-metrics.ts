import { Counter, type Registry } from 'prom-client'
import { type DropCause, EXPORT_FAMILIES, type ExportResult, type Signal } from './export-families.ts'
import { type Family, labelNamesOf } from './family.ts'

/** What is told about the export of traces and metrics. */
export interface ExportMetrics {
  exported(signal: Signal, result: ExportResult): void
  spansDropped(cause: DropCause, count: number): void
}

/** Counts how exporting goes. */
export function exportMetrics(registry: Registry): ExportMetrics {
  const counterOf = (family: Family) =>
    new Counter({
      name: family.name,
      help: family.help,
      labelNames: labelNamesOf(family),
      registers: [registry],
    })
  const exports = counterOf(EXPORT_FAMILIES.exports)
  const dropped = counterOf(EXPORT_FAMILIES.dropped)
  return {
    exported: (signal, result) => exports.inc({ signal, result }),
    spansDropped: (why, count) => dropped.inc({ why }, count),
  }
}
