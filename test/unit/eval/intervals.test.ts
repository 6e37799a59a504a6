import { describe, expect, test } from 'vitest'
import { f1, f1Estimate, wilson } from '../../eval/intervals.ts'

describe('intervals', () => {
  // Newcombe 1998, table I, the score method without continuity correction.
  test.each([
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ])('Wilson of %i in %i', (hits, cases, low, high) => {
    const estimate = wilson(hits, cases)
    expect(estimate.low).toBeCloseTo(low, 4)
    expect(estimate.high).toBeCloseTo(high, 4)
    expect(estimate.value).toBe(hits / cases)
  })

  test('nothing counted is no share', () => {
    expect(wilson(0, 0).value).toBeNaN()
    expect(f1({ hits: 0, misses: 0, falseAlarms: 0 })).toBeNaN()
  })

  test('F1 is the harmonic mean of precision and recall', () => {
    const [hits, misses, falseAlarms] = [6, 2, 3]
    const [precision, recall] = [6 / 9, 6 / 8]
    expect(f1({ hits, misses, falseAlarms })).toBeCloseTo((2 * precision * recall) / (precision + recall), 12)
  })

  test('the bootstrap holds the estimate, narrows with more texts and is the same each time', () => {
    const texts = (count: number) =>
      Array.from({ length: count }, (_, at) => ({
        hits: Number(at % 4 !== 0),
        misses: Number(at % 4 === 0),
        falseAlarms: Number(at % 10 === 0),
      }))
    const few = f1Estimate(texts(40))
    const many = f1Estimate(texts(1000))
    expect(few.low).toBeLessThan(few.value)
    expect(few.high).toBeGreaterThan(few.value)
    expect(many.high - many.low).toBeLessThan((few.high - few.low) / 2)
    expect(f1Estimate(texts(40))).toEqual(few)
  })

  test('of results that are all alike the bootstrap is a point', () => {
    const estimate = f1Estimate(Array.from({ length: 9 }, () => ({ hits: 1, misses: 0, falseAlarms: 0 })))
    expect(estimate).toEqual({ value: 1, low: 1, high: 1 })
  })
})
