import type { Candidate, Reader } from './candidate.ts'
import type { Extent } from './open-tail.ts'
import { openTail } from './open-tail.ts'

/** An entity that a regular expression describes. */
export interface EntityPattern {
  /**
   * Global; bounded repetitions only. The entity is the group of that name, or else the whole match, and always ends it.
   * What stands before the entity holds none of the characters that it starts with.
   */
  readonly pattern: RegExp
  /** Of the entity alone. */
  readonly extent: Extent
  /** Units that a match can have before its entity at most. */
  readonly lead: number
  /** 0 to 1, or undefined when the characters fit but it is no such entity. */
  readonly score: (entity: string) => number | undefined
}

/**
 * Matches from left to right, none overlapping the one before, accepted or not: so a reading must go on where the last
 * match ended, not merely somewhere before the open tail.
 */
export function patternReader({ pattern, extent, lead, score }: EntityPattern): Reader {
  return (text, from, textEnd) => {
    const tail = textEnd === 'closed' ? text.length : openTail(text, extent)
    const found: Candidate[] = []
    let readTo = from
    pattern.lastIndex = from
    for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
      const end = match.index + match[0].length
      const entity = match.groups?.entity ?? match[0]
      const start = end - entity.length
      if (start >= tail) break
      readTo = end
      const certainty = score(entity)
      if (certainty !== undefined) found.push({ start, end, score: certainty })
    }
    return { found, openFrom: Math.max(tail, readTo), resumeAt: Math.max(tail - lead, readTo) }
  }
}
