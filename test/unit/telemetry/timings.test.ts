import { Histogram, Registry } from 'prom-client'
import { expect, test } from 'vitest'
import type { Family } from '../../../src/telemetry/family.ts'
import { Timings } from '../../../src/telemetry/timings.ts'

const CONFIG = { name: 'took_seconds', help: 'Time taken.', buckets: [0.1, 1, 5] }
const LABELS = ['guardrail', 'phase']
const FAMILY = {
  ...CONFIG,
  type: 'histogram',
  labels: { guardrail: { namesOf: 'guardrails' }, phase: ['request', 'response'] },
} as const satisfies Family
const TIMES: readonly (readonly [number, string, string])[] = [
  [0.05, 'pii', 'request'],
  [0.1, 'pii', 'request'],
  [0.2, 'pii', 'response'],
  [5, 'lakera', 'request'],
  [5.01, 'lakera', 'request'],
]

test('timings are scraped as those of a histogram of prom-client', async () => {
  const ours = new Registry()
  const timings = new Timings(ours, FAMILY)
  const theirs = new Registry()
  const histogram = new Histogram({ ...CONFIG, labelNames: LABELS, registers: [theirs] })
  expect(await ours.metrics()).toBe(await theirs.metrics())
  for (const [sec, guardrail, phase] of TIMES) {
    timings.took(sec, guardrail, phase)
    histogram.observe({ guardrail, phase }, sec)
  }
  const lines = (text: string): readonly string[] => text.split('\n').toSorted()
  expect(lines(await ours.metrics())).toEqual(lines(await theirs.metrics()))
  const values = async (registry: Registry) =>
    (await registry.getMetricsAsJSON()).flatMap(({ values }) => values)
  expect(await values(theirs)).toMatchObject(await values(ours))
})
