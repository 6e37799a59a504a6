import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LatencyWindow } from '../../../src/service/latency-window.ts'

function filled(samples: readonly number[]): LatencyWindow {
  const latencies = new LatencyWindow()
  for (const ms of samples) latencies.add(ms)
  return latencies
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1)

test('says nothing before 20 samples', () => {
  expect(filled([]).p95()).toBeUndefined()
  expect(filled(upTo(19)).p95()).toBeUndefined()
  expect(filled(upTo(20)).p95()).toBe(19)
})

test('looks at the latest 100 only', () => {
  expect(filled(upTo(100)).p95()).toBe(95)
  expect(filled([...upTo(100).map(() => 9999), ...upTo(100)]).p95()).toBe(95)
  expect(filled([...upTo(150).map(() => 9999), ...upTo(100)]).p95()).toBe(95)
})

test('is read anew after ten more samples', () => {
  const latencies = filled(upTo(20).map(() => 5))
  expect(latencies.p95()).toBe(5)
  for (const _ of upTo(9)) latencies.add(1000)
  expect(latencies.p95()).toBe(5)
  latencies.add(1000)
  expect(latencies.p95()).toBe(1000)
})

test('at most 5 in 100 of the samples are slower, and no smaller one would do', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(1000), { minLength: 20, maxLength: 100 }), samples => {
      const p95 = filled(samples).p95()!
      const over = (bound: number) => samples.filter(ms => ms > bound).length
      expect(over(p95)).toBeLessThanOrEqual(samples.length * 0.05)
      expect(samples.filter(ms => ms >= p95).length).toBeGreaterThan(samples.length * 0.05)
      expect(samples).toContain(p95)
    }),
  )
})
