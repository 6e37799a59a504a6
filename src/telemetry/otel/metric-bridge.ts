import { type HrTime, ValueType } from '@opentelemetry/api'
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type Histogram,
  type MetricData,
} from '@opentelemetry/sdk-metrics'
import { z } from 'zod'
import type { MetricObject } from '../metrics.ts'

/** From when to when the values count. */
export interface Span {
  readonly startTime: HrTime
  readonly endTime: HrTime
}

/** What prom-client's `getMetricsAsJSON` gives of a family. */
const familySchema = z.object({
  name: z.string(),
  help: z.string(),
  type: z.enum(['counter', 'gauge', 'histogram', 'summary']),
  values: z.array(
    z.object({
      // A gauge that has no value yet is NaN, which zod takes for no number.
      value: z.unknown().transform(value => (typeof value === 'number' ? value : Number.NaN)),
      metricName: z.string().optional(),
      labels: z.record(z.string(), z.union([z.string(), z.number()])),
    }),
  ),
})
type Family = z.output<typeof familySchema>
type Value = Family['values'][number]

/**
 * The families of the registry as OTLP has them, under the same names and labels: counters as monotonic sums, all of
 * them cumulative from the process's start on. A summary has no counterpart that is made anew, and none is registered.
 */
export function metricData(families: readonly MetricObject[], span: Span): MetricData[] {
  return families.flatMap(given => {
    const family = familySchema.safeParse(given).data
    return family === undefined ? [] : dataOf(family, span)
  })
}

function dataOf(family: Family, span: Span): MetricData[] {
  const base = {
    descriptor: {
      name: family.name,
      description: family.help,
      unit: unitOf(family.name),
      valueType: ValueType.DOUBLE,
    },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  }
  switch (family.type) {
    case 'counter':
      return [
        {
          ...base,
          dataPointType: DataPointType.SUM,
          isMonotonic: true,
          dataPoints: numbers(family.values, span),
        },
      ]
    case 'gauge':
      return [{ ...base, dataPointType: DataPointType.GAUGE, dataPoints: numbers(family.values, span) }]
    case 'histogram':
      return [{ ...base, dataPointType: DataPointType.HISTOGRAM, dataPoints: histograms(family, span) }]
    case 'summary':
      return []
  }
}

/** As the names of Prometheus say it. */
function unitOf(name: string): string {
  const plain = name.replace(/_total$/, '')
  if (plain.endsWith('_seconds')) return 's'
  return plain.endsWith('_bytes') ? 'By' : ''
}

function numbers(values: readonly Value[], span: Span): DataPoint<number>[] {
  return values
    .filter(({ value }) => Number.isFinite(value))
    .map(({ value, labels }) => ({ ...span, attributes: labels, value }))
}

interface Gathered {
  readonly attributes: Value['labels']
  /** Cumulative, by their upper bounds. */
  readonly upTo: [bound: number, count: number][]
  sum: number
  count: number
}

/** prom-client gives a line for each bucket, which counts what is in the smaller ones too; OTLP wants each one's own. */
function histograms({ name, values }: Family, span: Span): DataPoint<Histogram>[] {
  const series = new Map<string, Gathered>()
  for (const { metricName, labels, value } of values) {
    const { le, ...attributes } = labels
    const key = JSON.stringify(attributes)
    const one = series.get(key) ?? { attributes, upTo: [], sum: 0, count: 0 }
    series.set(key, one)
    if (metricName === `${name}_sum`) one.sum = value
    else if (metricName === `${name}_count`) one.count = value
    else if (le !== undefined && le !== '+Inf') one.upTo.push([Number(le), value])
  }
  return [...series.values()].map(({ attributes, upTo, sum, count }) => {
    const sorted = upTo.toSorted(([a], [b]) => a - b)
    const cumulative = [...sorted.map(([, counted]) => counted), count]
    const counts = cumulative.map((counted, index) => counted - (cumulative[index - 1] ?? 0))
    return {
      ...span,
      attributes,
      value: { buckets: { boundaries: sorted.map(([bound]) => bound), counts }, sum, count },
    }
  })
}
