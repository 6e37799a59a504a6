import { likeness, minHashes } from '../../test/eval/split.ts'
import type { LabelledText } from './bags.ts'

const BANDS = 16
const ROWS = 4
const NEAR = 0.45
const MOST_IN_BUCKET = 20

/** The group of each text: near copies are of one, so that no fold is measured by copies of what it was trained on. */
export function groupsOf(items: readonly LabelledText[]): readonly number[] {
  const parents = items.map((_, index) => index)
  const rootOf = (index: number): number => {
    let root = index
    while (parents[root] !== root) root = parents[root] ?? root
    return root
  }
  const minima = items.map(({ basis, text }) => minHashes(basis ?? text))
  const buckets = new Map<string, number[]>()
  for (const [index, hashes] of minima.entries()) {
    for (let band = 0; band < BANDS; band++) {
      const key = `${band}:${hashes.subarray(band * ROWS, band * ROWS + ROWS).join()}`
      const bucket = buckets.get(key) ?? []
      buckets.set(key, bucket)
      for (const other of bucket) {
        if (likeness(minima[other] ?? hashes, hashes) >= NEAR) parents[rootOf(index)] = rootOf(other)
      }
      if (bucket.length < MOST_IN_BUCKET) bucket.push(index)
    }
  }
  return parents.map((_, index) => rootOf(index))
}
