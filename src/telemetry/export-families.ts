import { every, type Family } from './family.ts'

export type Signal = 'traces' | 'metrics'

/** What one export came to. `rejected`: the collector took it and left a part of it out. */
export type ExportResult =
  | 'ok'
  | 'rejected'
  | 'refused'
  | 'timeout'
  | 'unreachable'
  | 'shutdown'
  // It could not be written as OTLP: a fault of Weir's.
  | 'unencodable'

/** Why a span was never taken by a collector: its export failed, or too many waited already. */
export type DropCause = Exclude<ExportResult, 'ok'> | 'queue-full'

const FAILED = {
  rejected: true,
  refused: true,
  timeout: true,
  unreachable: true,
  shutdown: true,
  unencodable: true,
} as const

/** How exporting by OTLP goes. */
export const EXPORT_FAMILIES = {
  exports: {
    name: 'weir_otlp_exports_total',
    type: 'counter',
    help: 'Exports by OTLP, by what came of them; rejected: the collector left a part of it out.',
    labels: {
      signal: every<Signal>({ traces: true, metrics: true }),
      result: every<ExportResult>({ ok: true, ...FAILED }),
    },
    watch: 'Anything but `ok` rises: the collector misses what was exported. Traffic does not wait for it.',
  },
  dropped: {
    name: 'weir_spans_dropped_total',
    type: 'counter',
    help: 'Spans that no collector took, by why.',
    labels: { why: every<DropCause>({ 'queue-full': true, ...FAILED }) },
    watch: '`queue-full` rises: sample fewer, or give the collector more.',
  },
} as const satisfies Record<string, Family>
