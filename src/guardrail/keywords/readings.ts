import type { OffsetMap } from '../text/offset-map.ts'
import { openOffsetMap } from '../text/offset-map.ts'
import type { Occurrence, OpenSearch, SearchProgress } from './multi-search.ts'
import { meet } from './multi-search.ts'
import type { FoldCase, Reading, Undisguiser } from './undisguise.ts'
import { openUndisguiser } from './undisguise.ts'

/** A search of the text as one of its readings has it. Offsets in and out are those of the original. */
export interface SecondReading {
  push(text: string): SearchProgress
  end(): SearchProgress
  /** Whether from here on it can find nothing that `first`, the search of the text as it came, does not find. */
  isSpent(first: OpenSearch): boolean
}

interface ReadingStart {
  readonly reading: Reading
  readonly foldCase: FoldCase
  /** The search of the text as it came, which reads the same up to here; units of it. */
  readonly first: OpenSearch
  readonly length: number
  /** The character before. */
  readonly previous: string
}

export function openSecondReading(start: ReadingStart): SecondReading {
  const search = start.first.fork()
  const undisguiser: Undisguiser = openUndisguiser(start.reading, start.foldCase, start.previous)
  const map: OffsetMap = openOffsetMap()
  map.append(start.length, 0, start.length)
  let length = start.length
  let readLength = start.length
  /** Where what can still grow begins, in units of the reading. */
  let openFrom = 0

  const inOriginal = ({ found, safeTo }: SearchProgress): SearchProgress => {
    const progress = {
      found: found.map(
        (occurrence): Occurrence => ({
          start: map.startOf(occurrence.start),
          end: map.endOf(occurrence.end - 1),
        }),
      ),
      safeTo: safeTo < readLength ? map.startOf(safeTo) : length,
    }
    openFrom = safeTo
    map.forget(safeTo)
    return progress
  }

  return {
    push(text) {
      const read = undisguiser.read(text, length, map)
      length += text.length
      readLength += read.length
      return inOriginal(search.push(read))
    },
    end: () => inOriginal(search.end()),
    isSpent(first) {
      if (!meet(search, first)) return false
      // What is under way must stand in the original as it reads.
      const open = readLength - openFrom
      return open === 0 || map.startOf(openFrom) === length - open
    },
  }
}
