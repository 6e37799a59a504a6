import { Chance } from './chance.ts'

/** What a share is, with its 95 % interval. NaN where nothing was counted. */
export interface Estimate {
  readonly value: number
  readonly low: number
  readonly high: number
}

const Z = 1.959964

/** Wilson's interval of a share: sensible at 0 and 1 and for few cases. */
export function wilson(hits: number, cases: number): Estimate {
  if (cases === 0) return { value: Number.NaN, low: Number.NaN, high: Number.NaN }
  const share = hits / cases
  const square = Z * Z
  const centre = (share + square / (2 * cases)) / (1 + square / cases)
  const spread =
    (Z / (1 + square / cases)) * Math.sqrt((share * (1 - share)) / cases + square / (4 * cases * cases))
  return { value: share, low: Math.max(0, centre - spread), high: Math.min(1, centre + spread) }
}

/** What one text added to the counts. */
export interface Tally {
  readonly hits: number
  readonly misses: number
  readonly falseAlarms: number
}

export function f1({ hits, misses, falseAlarms }: Tally): number {
  const weight = 2 * hits + misses + falseAlarms
  return weight === 0 ? Number.NaN : (2 * hits) / weight
}

const add = (one: Tally, other: Tally): Tally => ({
  hits: one.hits + other.hits,
  misses: one.misses + other.misses,
  falseAlarms: one.falseAlarms + other.falseAlarms,
})

export const sum = (tallies: readonly Tally[]): Tally =>
  tallies.reduce(add, { hits: 0, misses: 0, falseAlarms: 0 })

const RESAMPLES = 400

/** F1 with its percentile bootstrap over texts. */
export function f1Estimate(tallies: readonly Tally[]): Estimate {
  const value = f1(sum(tallies))
  if (Number.isNaN(value)) return { value, low: value, high: value }
  const chance = new Chance('bootstrap')
  const drawn: number[] = []
  for (let sample = 0; sample < RESAMPLES; sample++) {
    let [hits, misses, falseAlarms] = [0, 0, 0]
    for (let i = 0; i < tallies.length; i++) {
      const tally = tallies[chance.integer(0, tallies.length - 1)]
      hits += tally?.hits ?? 0
      misses += tally?.misses ?? 0
      falseAlarms += tally?.falseAlarms ?? 0
    }
    drawn.push(f1({ hits, misses, falseAlarms }))
  }
  const sorted = drawn.filter(Number.isFinite).sort((a, b) => a - b)
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? value
  return { value, low: at(0.025), high: at(0.975) }
}
