import type { Encoding } from './encodings.ts'
import type { Channel } from './features.ts'
import type { Model } from './model.ts'
import { eachReading, type Reading } from './readings.ts'
import { strongest } from './strongest.ts'
import { TRAITS } from './traits.ts'
import { eachWindow, weighed } from './windows.ts'

/** What made a page look like an attack. Offsets are those of the page, UTF-16, end exclusive. */
export interface Evidence {
  readonly start: number
  readonly end: number
  /** Of the part of the text that it stands in: 0 to 1. */
  readonly score: number
}

/** Units [start, end) of a reading whose windows all reach the threshold, and the highest of their sums. */
interface Part {
  readonly start: number
  end: number
  sum: number
}

/** No sum is certain. */
const MOST_SURE = 0.999

let sums = new Int32Array(0)

/** The chance that a window with this sum is of an attack, to three decimals. */
export function scoreOf({ slope, offset }: Model, sum: number): number {
  const chance = 1 / (1 + Math.exp(-(slope * sum + offset)))
  return Math.min(MOST_SURE, Math.round(chance * 1000) / 1000)
}

/** The lowest sum of which `scoreOf` makes the score, or a little less. */
function sumFor({ slope, offset }: Model, score: number): number {
  const chance = Math.max(0.0001, score - 0.0005)
  return (Math.log(chance / (1 - chance)) - offset) / slope
}

/** What in the page reaches the threshold, in any of its readings; in order. Linear in its length. */
export function judgePage(
  model: Model,
  page: string,
  channel: Channel,
  encodings: ReadonlySet<Encoding>,
  threshold: number,
): readonly Evidence[] {
  const least = sumFor(model, threshold)
  const evidence: Evidence[] = []
  eachReading(page, channel, encodings, reading => {
    addUp(model, reading)
    for (const { start, end, sum } of partsOver(model, reading, least)) {
      const score = scoreOf(model, sum)
      if (score < threshold) continue
      for (const stretch of strongest(sums, start, end))
        evidence.push({ ...reading.originalRange(stretch.start, stretch.end), score })
    }
  })
  return evidence.sort((a, b) => a.start - b.start || b.end - a.end)
}

/** After it, `sums[at]` is the weight of all features that end before `at`, in steps. */
function addUp({ table }: Model, { features, length }: Reading): void {
  const { slots, from } = features
  if (sums.length <= length) sums = new Int32Array(length + 1)
  let sum = 0
  let next = 0
  for (let at = 0; at < length; at++) {
    sums[at] = sum
    const end = from[at + 1] ?? 0
    for (; next < end; next++) sum += table[slots[next] ?? 0] ?? 0
  }
  sums[length] = sum
}

/** The windows that reach `least`, those that touch as one. */
function partsOver(model: Model, { length, traits }: Reading, least: number): Part[] {
  const parts: Part[] = []
  let scale = 0
  let base = 0
  eachWindow(length, (start, end, scaleTrait) => {
    if (scaleTrait !== scale) {
      scale = scaleTrait
      base = traitSum(model, traits | scaleTrait)
    }
    const sum = ((sums[end] ?? 0) - (sums[start] ?? 0)) * model.step * weighed(end - start) + base
    if (sum >= least) parts.push({ start, end, sum })
  })
  return joined(parts)
}

function joined(parts: Part[]): Part[] {
  if (parts.length < 2) return parts
  const result: Part[] = []
  for (const part of parts.sort((a, b) => a.start - b.start)) {
    const last = result.at(-1)
    if (last === undefined || part.start > last.end) result.push(part)
    else {
      last.end = Math.max(last.end, part.end)
      last.sum = Math.max(last.sum, part.sum)
    }
  }
  return result
}

function traitSum(model: Model, traits: number): number {
  let sum = 0
  for (let index = 0; index < TRAITS.length; index++) {
    if ((traits >>> index) & 1) sum += model.traits[index] ?? 0
  }
  return sum
}
