/** Units [start, end), and by how much they weigh more than what is around them. */
interface Stretch {
  readonly start: number
  readonly end: number
  readonly excess: number
}

const MOST_STRETCHES = 3
/** A further stretch is told when it is at least so strong, in parts of the strongest. */
const WORTH_TELLING = 0.4
/** Features are counted where they end: the first of a stretch begins a word or a few characters before. */
const FIRST_FEATURE = 8

/** Up to three stretches of [start, end) that weigh most, in order; `sums[at]` is the weight of all units before `at`. */
export function strongest(
  sums: Int32Array,
  start: number,
  end: number,
): readonly { start: number; end: number }[] {
  const usual = ((sums[end] ?? 0) - (sums[start] ?? 0)) / Math.max(1, end - start)
  const found: Stretch[] = []
  const rest = [{ start, end }]
  while (found.length < MOST_STRETCHES) {
    const best = rest
      .map((part, index) => ({ index, stretch: heaviest(sums, part.start, part.end, usual) }))
      .reduce((one, other) => (other.stretch.excess > one.stretch.excess ? other : one))
    const { stretch, index } = best
    if (stretch.excess < WORTH_TELLING * (found[0]?.excess ?? 0)) break
    found.push(stretch)
    const { start: from, end: to } = rest[index] ?? stretch
    rest.splice(index, 1, { start: from, end: stretch.start }, { start: stretch.end, end: to })
  }
  return found
    .map(stretch => ({ start: Math.max(start, stretch.start - FIRST_FEATURE), end: stretch.end }))
    .sort((a, b) => a.start - b.start)
}

/** The stretch with the largest excess over the usual weight of a unit; all when it is one unit or none. */
function heaviest(sums: Int32Array, start: number, end: number, usual: number): Stretch {
  let best: Stretch = { start, end, excess: Number.NEGATIVE_INFINITY }
  let from = start
  let excess = 0
  for (let at = start; at < end; at++) {
    if (excess < 0) {
      from = at
      excess = 0
    }
    excess += (sums[at + 1] ?? 0) - (sums[at] ?? 0) - usual
    if (excess > best.excess) best = { start: from, end: at + 1, excess }
  }
  return best
}
