import { fileURLToPath } from 'node:url'
import protobuf from 'protobufjs'
import { z } from 'zod'

const root = protobuf.loadSync(fileURLToPath(new URL('otlp.proto', import.meta.url)))

const anyValue = z.strictObject({
  stringValue: z.string().optional(),
  boolValue: z.boolean().optional(),
  intValue: z.string().optional(),
  doubleValue: z.number().optional(),
  arrayValue: z.strictObject({ values: z.array(z.strictObject({ stringValue: z.string() })) }).optional(),
})
const attributes = z
  .array(z.strictObject({ key: z.string().min(1), value: anyValue }))
  .default([])
  .transform(pairs => {
    if (new Set(pairs.map(({ key }) => key)).size !== pairs.length)
      throw new Error('an attribute stands twice')
    return Object.fromEntries(pairs.map(({ key, value }) => [key, plain(value)]))
  })

type AttributeValue = string | number | boolean | readonly string[]

function plain(value: z.output<typeof anyValue>): AttributeValue {
  const { stringValue, boolValue, intValue, doubleValue, arrayValue } = value
  const known =
    stringValue ?? boolValue ?? doubleValue ?? (intValue === undefined ? undefined : Number(intValue))
  const found = known ?? arrayValue?.values.map(one => one.stringValue)
  if (found === undefined) throw new Error('an attribute without a value')
  return found
}

const id = (bytes: number) => z.string().regex(new RegExp(`^(?!0+$)[0-9a-f]{${bytes * 2}}$`))
const nanos = z.string().regex(/^[1-9]\d*$/)
const none = z.literal(0)
const scope = z.strictObject({
  name: z.string().min(1),
  version: z.string().min(1),
  droppedAttributesCount: none.optional(),
})
const resource = z.strictObject({ attributes, droppedAttributesCount: none.optional() })

const span = z
  .strictObject({
    traceId: id(16),
    spanId: id(8),
    parentSpanId: id(8).optional(),
    traceState: z.string().optional(),
    flags: z.int().optional(),
    name: z.string().min(1),
    kind: z.int().min(1).max(5),
    startTimeUnixNano: nanos,
    endTimeUnixNano: nanos,
    attributes,
    events: z
      .array(
        z.strictObject({
          timeUnixNano: nanos,
          name: z.string().min(1),
          attributes,
          droppedAttributesCount: none.optional(),
        }),
      )
      .default([]),
    status: z.strictObject({ code: z.int().optional(), message: z.string().optional() }).optional(),
    droppedAttributesCount: none.optional(),
    droppedEventsCount: none.optional(),
    droppedLinksCount: none.optional(),
  })
  .refine(one => BigInt(one.endTimeUnixNano) >= BigInt(one.startTimeUnixNano), 'ends before it starts')

const point = { attributes, startTimeUnixNano: nanos, timeUnixNano: nanos }
const numbers = z.array(
  z.strictObject({ ...point, asDouble: z.number().optional(), asInt: z.string().optional() }),
)
const CUMULATIVE = z.literal(2)
const metric = z
  .strictObject({
    name: z.string().min(1),
    description: z.string().optional(),
    unit: z.string().optional(),
    gauge: z.strictObject({ dataPoints: numbers.default([]) }).optional(),
    sum: z
      .strictObject({
        dataPoints: numbers.default([]),
        aggregationTemporality: CUMULATIVE,
        isMonotonic: z.literal(true),
      })
      .optional(),
    histogram: z
      .strictObject({
        aggregationTemporality: CUMULATIVE,
        dataPoints: z
          .array(
            z
              .strictObject({
                ...point,
                count: z.string(),
                sum: z.number(),
                bucketCounts: z.array(z.string()),
                explicitBounds: z.array(z.number()),
              })
              .refine(
                one =>
                  one.bucketCounts.length === one.explicitBounds.length + 1 &&
                  one.bucketCounts.reduce((sum, count) => sum + Number(count), 0) === Number(one.count),
                'buckets do not add up',
              ),
          )
          .default([]),
      })
      .optional(),
  })
  .refine(
    ({ gauge, sum, histogram }) => [gauge, sum, histogram].filter(Boolean).length === 1,
    'one kind of data',
  )

const traces = z.strictObject({
  resourceSpans: z
    .array(
      z.strictObject({
        resource,
        scopeSpans: z.array(z.strictObject({ scope, spans: z.array(span).min(1) })).min(1),
      }),
    )
    .default([]),
})
const metrics = z.strictObject({
  resourceMetrics: z
    .array(
      z.strictObject({
        resource,
        scopeMetrics: z.array(z.strictObject({ scope, metrics: z.array(metric).min(1) })),
      }),
    )
    .default([]),
})

type Attributes = z.output<typeof attributes>
export type ReceivedSpan = z.output<typeof span> & { readonly resource: Attributes }
export type ReceivedMetric = z.output<typeof metric>

/** Reads a request, and throws at whatever OTLP does not have: fields that are unknown count, too. */
function decode(type: string, bytes: Uint8Array): unknown {
  const Message = root.lookupType(type)
  const message = Message.decode(bytes)
  if (Message.encode(message).finish().byteLength !== bytes.byteLength)
    throw new Error('a field that OTLP has not')
  return hexIds(Message.toObject(message, { longs: String, arrays: false, bytes: Array }))
}

/** Arrays of bytes are ids, and shown as hex. */
function hexIds(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(hexIds)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, entry]: [string, unknown]) => {
      if (!/(?:trace|span)Id$/i.test(key) || !Array.isArray(entry)) return [[key, hexIds(entry)]]
      return entry.length === 0 ? [] : [[key, Buffer.from(entry).toString('hex')]]
    }),
  )
}

export function readSpans(bytes: Uint8Array): readonly ReceivedSpan[] {
  const { resourceSpans } = traces.parse(decode('otlp.ExportTraceServiceRequest', bytes))
  return resourceSpans.flatMap(({ resource: { attributes: of }, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) => spans.map(one => ({ ...one, resource: of }))),
  )
}

export interface ReceivedMetrics {
  readonly resource: Attributes
  readonly metrics: readonly ReceivedMetric[]
}

export function readMetrics(bytes: Uint8Array): readonly ReceivedMetrics[] {
  const { resourceMetrics } = metrics.parse(decode('otlp.ExportMetricsServiceRequest', bytes))
  return resourceMetrics.map(({ resource: { attributes: of }, scopeMetrics }) => ({
    resource: of,
    metrics: scopeMetrics.flatMap(one => one.metrics),
  }))
}

/** As a collector says that it left some spans out. */
export function partialSuccess(rejected: number): Uint8Array {
  const Message = root.lookupType('otlp.ExportTraceServiceResponse')
  return Message.encode({ partialSuccess: { rejected } }).finish()
}
