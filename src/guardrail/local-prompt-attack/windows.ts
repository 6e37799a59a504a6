import { SCALES, scaleTrait } from './traits.ts'

/** Shorter windows weigh as if they were this long, or a word alone would decide. */
const LEAST_WEIGHED = 48

/**
 * Sums of features grow with a window and their chance with its root, so that is what a sum is measured by.
 */
export const weighed = (units: number): number => 1 / Math.sqrt(Math.max(units, LEAST_WEIGHED))

/**
 * The windows of every scale over a reading, each overlapping the next by half; of a scale larger than the reading,
 * only the smallest, which shows all of it.
 */
export function eachWindow(
  length: number,
  take: (start: number, end: number, scaleTrait: number) => void,
): void {
  for (let scale = 0; scale < SCALES.length; scale++) {
    const size = SCALES[scale] ?? 0
    const trait = scaleTrait(scale)
    for (let start = 0; start === 0 || start + size / 2 < length; start += size / 2) {
      take(start, Math.min(start + size, length), trait)
    }
    if (size >= length) return
  }
}
