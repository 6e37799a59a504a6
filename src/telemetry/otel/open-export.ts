import { hrTime, SDK_INFO } from '@opentelemetry/core'
import { ProtobufMetricsSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'
import { type Resource, resourceFromAttributes } from '@opentelemetry/resources'
import { type MetricProducer, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import type { ServiceEvent } from '../../service/service-events.ts'
import type { ReportExport } from '../export-report.ts'
import type { MetricObject } from '../metrics.ts'
import { BoundedSpans } from './bounded-spans.ts'
import { metricData } from './metric-bridge.ts'
import { OtlpExporter } from './otlp-exporter.ts'
import { OtlpSender } from './otlp-sender.ts'
import type { KindOf } from './scan-spans.ts'
import { Tracing } from './tracing.ts'

/** How one signal is exported. */
export interface SignalExport {
  readonly url: string
  /** Asked for with each request. */
  readonly headers: () => Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly compression: 'gzip' | 'none'
}

export interface ExportOptions {
  readonly resource: Readonly<Record<string, string>>
  readonly version: string
  readonly traces:
    | (SignalExport & {
        readonly sampling: { readonly by: 'parent' | 'ratio'; readonly ratio: number }
        readonly maxQueued: number
        readonly delayMs: number
      })
    | undefined
  readonly metrics: (SignalExport & { readonly intervalMs: number }) | undefined
  readonly families: () => Promise<readonly MetricObject[]>
  readonly kindOf: KindOf
  readonly report: ReportExport
}

/** What exports, while it is open. */
export interface OpenExport {
  /** Undefined where no spans are exported. */
  readonly tracing: Tracing | undefined
  /** Tells the span of the scan that is running. */
  serviceEvent(event: ServiceEvent): void
  /** Exports what is left, for so many milliseconds at most; then ends every request. Never rejects. */
  close(deadlineMs: number): Promise<void>
}

/** Spans of one request: the default of OpenTelemetry. */
const BATCH = 512
/** The exporter has a deadline of its own; that of the processor must not come before it. */
const GRACE_MS = 1000

interface OpenSignal {
  readonly sender: OtlpSender
  flush(): Promise<void>
}

/**
 * Opens the export of traces and metrics. Nothing of it is global: whoever else uses OpenTelemetry in this process
 * does not meet it, and nothing that it sends is traced.
 */
export function openExport(options: ExportOptions): OpenExport {
  const resource = resourceFromAttributes({
    'service.version': options.version,
    ...options.resource,
    'telemetry.sdk.language': SDK_INFO['telemetry.sdk.language'],
    'telemetry.sdk.name': SDK_INFO['telemetry.sdk.name'],
    'telemetry.sdk.version': SDK_INFO['telemetry.sdk.version'],
  })
  const spans = options.traces && openTraces(options.traces, resource, options)
  const metrics = options.metrics && openMetrics(options.metrics, resource, options)
  const open: readonly OpenSignal[] = [spans, metrics].filter(signal => signal !== undefined)
  return {
    tracing: spans?.tracing,
    serviceEvent: event => spans?.tracing.serviceEvent(event),
    async close(deadlineMs) {
      // It holds the process until then: what is sent does not.
      const { promise: late, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, deadlineMs)
      const flushed = Promise.allSettled(open.map(signal => signal.flush()))
      await Promise.race([flushed, late])
      for (const { sender } of open) sender.close()
      await flushed
      clearTimeout(timer)
    },
  }
}

function openTraces(
  traces: NonNullable<ExportOptions['traces']>,
  resource: Resource,
  { version, kindOf, report }: ExportOptions,
): OpenSignal & { readonly tracing: Tracing } {
  const { sampling, maxQueued, delayMs, timeoutMs } = traces
  const sender = new OtlpSender(traces)
  const exporter = new OtlpExporter({
    serializer: ProtobufTraceSerializer,
    sender,
    rejected: answer => Number(answer.partialSuccess?.rejectedSpans ?? 0),
    report: (items, result, lost, status) => report.exported('traces', result, lost ?? items.length, status),
  })
  const batches = new BatchSpanProcessor({
    exporter: {
      export(items, done) {
        spans.handedOver(items.length)
        exporter.export(items, done)
      },
      forceFlush: () => exporter.forceFlush(),
      shutdown: () => exporter.shutdown(),
    },
    maxQueueSize: maxQueued,
    maxExportBatchSize: Math.min(BATCH, maxQueued),
    scheduledDelayMillis: delayMs,
    exportTimeoutMillis: timeoutMs + GRACE_MS,
  })
  const spans = new BoundedSpans(batches, maxQueued, report.queueFull)
  const root = new TraceIdRatioBasedSampler(sampling.ratio)
  const provider = new TracerProvider({
    resource,
    sampler: sampling.by === 'parent' ? new ParentBasedSampler({ root }) : root,
    spanProcessors: [spans],
  })
  const tracer = provider.getTracer('weir', version)
  return {
    tracing: new Tracing({ tracer, sampling: sampling.by, kindOf }),
    sender,
    flush: () => provider.shutdown(),
  }
}

function openMetrics(
  metrics: NonNullable<ExportOptions['metrics']>,
  resource: Resource,
  { version, families, report }: ExportOptions,
): OpenSignal {
  const { intervalMs, timeoutMs } = metrics
  const sender = new OtlpSender(metrics)
  const exporter = new OtlpExporter({
    serializer: ProtobufMetricsSerializer,
    sender,
    rejected: answer => Number(answer.partialSuccess?.rejectedDataPoints ?? 0),
    report: (_items, result, _lost, status) => report.exported('metrics', result, 0, status),
  })
  // The counters began with the process, all at 0.
  const startTime = hrTime(0)
  const producer: MetricProducer = {
    async collect() {
      const data = metricData(await families(), { startTime, endTime: hrTime() })
      const scopeMetrics = [{ scope: { name: 'weir', version }, metrics: data }]
      return { resourceMetrics: { resource, scopeMetrics }, errors: [] }
    },
  }
  const reader = new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: intervalMs,
    exportTimeoutMillis: Math.min(timeoutMs, intervalMs),
  })
  reader.setMetricProducer(producer)
  return { sender, flush: () => reader.shutdown() }
}
