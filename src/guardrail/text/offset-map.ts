/** The way back from a text that was read in another form to where it came from. All offsets are UTF-16 units. */
export interface OffsetMap {
  /** The next `units` of the read text stand for [start, end) of the original: unit by unit when they are as many. */
  append(units: number, start: number, end: number): void
  /** Where the original of the unit at `at` starts. */
  startOf(at: number): number
  /** Where the original of the unit at `at` ends. */
  endOf(at: number): number
  /** Nothing before `at` is asked for any more. */
  forget(at: number): void
}

interface Stretch {
  readonly at: number
  readonly start: number
  units: number
  end: number
}

/** Forgetting moves what is kept, so it waits until that is worth it: linear over a whole text. */
const MIN_FORGOTTEN = 32

/** Memory and look-up go by the number of stretches that were folded, not by the length of the text. */
export function openOffsetMap(): OffsetMap {
  const stretches: Stretch[] = []
  let length = 0

  /** The index of the stretch that `at` lies in. */
  const indexOf = (at: number): number => {
    let low = 0
    let high = stretches.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((stretches[middle]?.at ?? 0) <= at) low = middle
      else high = middle - 1
    }
    return low
  }

  return {
    append(units, start, end) {
      if (units === 0) return
      const last = stretches.at(-1)
      if (last !== undefined && last.end === start && isUnitByUnit(last) && units === end - start) {
        last.units += units
        last.end = end
      } else {
        stretches.push({ at: length, start, units, end })
      }
      length += units
    },
    startOf(at) {
      const stretch = stretches[indexOf(at)]
      if (stretch === undefined) return at
      return isUnitByUnit(stretch) ? stretch.start + at - stretch.at : stretch.start
    },
    endOf(at) {
      const stretch = stretches[indexOf(at)]
      if (stretch === undefined) return at + 1
      return isUnitByUnit(stretch) ? stretch.start + at - stretch.at + 1 : stretch.end
    },
    forget(at) {
      const index = indexOf(at)
      if (index >= MIN_FORGOTTEN && index * 2 >= stretches.length) stretches.splice(0, index)
    },
  }
}

function isUnitByUnit({ units, start, end }: Stretch): boolean {
  return units === end - start
}
