import { DataPointType } from '@opentelemetry/sdk-metrics'
import { afterEach, expect, test } from 'vitest'
import { createMetrics, type Metrics } from '../../../../src/telemetry/metrics.ts'
import { metricData } from '../../../../src/telemetry/otel/metric-bridge.ts'
import { recordOf } from '../records.ts'

const SPAN = { startTime: [1, 0], endTime: [2, 0] } as const

let metrics: Metrics | undefined
afterEach(() => metrics?.close())

async function exported(made: Metrics) {
  metrics = made
  const data = metricData(await made.asObjects(), { startTime: [1, 0], endTime: [2, 0] })
  return (name: string) => data.find(({ descriptor }) => descriptor.name === name)
}

test('a counter is a monotonic sum of the whole time', async () => {
  const made = createMetrics()
  made.exchangeOpened()
  made.exchangeEnded('done')
  made.exchangeOpened()
  made.exchangeEnded('done')
  expect((await exported(made))('weir_exchanges_total')).toMatchObject({
    descriptor: { unit: '', description: 'Exchanges that ended, by how.' },
    dataPointType: DataPointType.SUM,
    isMonotonic: true,
    aggregationTemporality: 1,
    dataPoints: [{ ...SPAN, attributes: { end: 'done' }, value: 2 }],
  })
})

test('a gauge is one', async () => {
  const made = createMetrics()
  made.exchangeOpened()
  expect((await exported(made))('weir_exchanges_open')).toMatchObject({
    dataPointType: DataPointType.GAUGE,
    dataPoints: [{ value: 1 }],
  })
})

test("a histogram has each bucket's own count", async () => {
  const made = createMetrics()
  for (const ms of [0.5, 3, 3, 1_000_000]) made.decision(recordOf(), ms)
  const found = (await exported(made))('weir_decision_duration_seconds')
  expect(found).toMatchObject({
    descriptor: { unit: 's' },
    dataPoints: [{ attributes: { phase: 'request' }, value: { count: 4 } }],
  })
  if (found?.dataPointType !== DataPointType.HISTOGRAM) throw new Error('no histogram')
  const { buckets, sum } = found.dataPoints[0]!.value
  expect(sum).toBeCloseTo(1000.0065)
  expect(buckets.boundaries.slice(0, 3)).toEqual([0.001, 0.005, 0.01])
  expect(buckets.counts).toEqual([1, 2, ...buckets.boundaries.slice(2).map(() => 0), 1])
})

test('every family of the registry goes', async () => {
  const made = createMetrics()
  const find = await exported(made)
  for (const { name } of await made.asObjects()) expect(find(name)?.descriptor.name).toBe(name)
})
