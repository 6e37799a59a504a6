import { z } from 'zod'

/** Those that say how the body is to be read are Weir's own. */
const OWN_HEADERS = new Set([
  'content-type',
  'content-encoding',
  'content-length',
  'transfer-encoding',
  'host',
])

const otlpSchema = z.strictObject({
  endpoint: z
    .string()
    .refine(isEndpoint, { error: 'must be an http or https URL without credentials, query or fragment' })
    .optional()
    .describe(
      'Base URL of the collector, spoken to by OTLP over HTTP (protobuf), such as `http://collector:4318`; `/v1/traces` and `/v1/metrics` are put behind it. Nothing is exported without one. `OTEL_EXPORTER_OTLP_ENDPOINT` when left out.',
    ),
  headers: z
    .record(
      z
        .string()
        .regex(/^[a-z0-9_-]{1,64}$/, { error: 'must be a header name in lower case' })
        .refine(name => !OWN_HEADERS.has(name), { error: 'is a header that Weir writes itself' }),
      z.string().min(1),
    )
    .optional()
    .describe(
      'Sent with each export, such as a key. `OTEL_EXPORTER_OTLP_HEADERS` when left out, unless `endpoint` stands here: what opens one collector is not shown to another.',
    ),
  timeout_ms: z
    .int()
    .min(100)
    .max(60_000)
    .optional()
    .describe(
      'Milliseconds for one export, its retries included. `OTEL_EXPORTER_OTLP_TIMEOUT` or 10000 when left out.',
    ),
  compression: z
    .enum(['gzip', 'none'])
    .optional()
    .describe('`OTEL_EXPORTER_OTLP_COMPRESSION` or `none` when left out.'),
})

const tracesSchema = z.strictObject({
  exporter: z
    .enum(['otlp', 'none'])
    .optional()
    .describe('`none` exports no spans. `OTEL_TRACES_EXPORTER` or `otlp` when left out.'),
  sampler: z
    .enum(['parentbased_traceidratio', 'traceidratio'])
    .optional()
    .describe(
      "Which exchanges become a trace. `parentbased_traceidratio` does as the caller's `traceparent` says, and takes `sample_ratio` of those without one; `traceidratio` takes `sample_ratio` of all, whatever a client asks for. `OTEL_TRACES_SAMPLER` or `parentbased_traceidratio` when left out.",
    ),
  sample_ratio: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe('The share of traces, 0 to 1. `OTEL_TRACES_SAMPLER_ARG` or 1 when left out.'),
  max_queued: z
    .int()
    .min(1)
    .max(100_000)
    .optional()
    .describe(
      'Most spans that wait to be exported; one more is dropped and counted. `OTEL_BSP_MAX_QUEUE_SIZE` or 2048 when left out.',
    ),
  delay_ms: z
    .int()
    .min(10)
    .max(60_000)
    .optional()
    .describe(
      'Milliseconds that a span waits for others to go with. `OTEL_BSP_SCHEDULE_DELAY` or 5000 when left out.',
    ),
})

const metricsSchema = z.strictObject({
  exporter: z
    .enum(['otlp', 'none'])
    .optional()
    .describe(
      '`none` exports no metrics; `/metrics` has them all the same. `OTEL_METRICS_EXPORTER` or `otlp` when left out.',
    ),
  interval_ms: z
    .int()
    .min(100)
    .max(3_600_000)
    .optional()
    .describe('Milliseconds between two exports. `OTEL_METRIC_EXPORT_INTERVAL` or 60000 when left out.'),
})

/**
 * `server.telemetry`. No key has a default of its own: where the config is silent the variables of OpenTelemetry speak,
 * and only then the defaults of telemetry-settings.ts.
 */
export const telemetrySchema = z.strictObject({
  service_name: z
    .string()
    .min(1)
    .optional()
    .describe('`service.name` of the resource. `OTEL_SERVICE_NAME` or `weir` when left out.'),
  resource: z
    .record(z.string().regex(/^[A-Za-z][\w./-]*$/, { error: 'must be the name of an attribute' }), z.string())
    .default({})
    .describe(
      'More attributes of the resource, such as `deployment.environment.name`; they go before those of `OTEL_RESOURCE_ATTRIBUTES`.',
    ),
  otlp: otlpSchema.prefault({}).describe('Where to, and how.'),
  traces: tracesSchema.prefault({}).describe('Spans: one of each exchange, and one of each scan.'),
  metrics: metricsSchema.prefault({}).describe('The metrics of `/metrics`, under the same names.'),
})

export type TelemetryConfig = z.output<typeof telemetrySchema>

function isEndpoint(text: string): boolean {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol)) return false
  return url.username === '' && url.password === '' && url.search === '' && url.hash === ''
}
