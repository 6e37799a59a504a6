import type { Candidate } from './candidate.ts'
import { nearestAfter, nearestBefore } from './context-words.ts'
import type { TextView } from './text-view.ts'

/** What the config says of one entity, ready for use. */
export interface EntitySettings {
  readonly detector: string
  readonly rank: number
  readonly minScore: number
  /** Words of the config's own that name it, in lower case. */
  readonly context: readonly string[]
  /** Whether what was found is nobody's. */
  readonly allows: (entity: string) => boolean
}

/** How sure the shape of an entity is, and what the words around it change. */
export interface Evidence {
  /** Without any words: 0 to 1. */
  readonly base: number
  /** Words that name it, in lower case. */
  readonly words: readonly string[]
  /** Words that name something else, in lower case. */
  readonly others?: readonly string[]
  /** What is costly to tell, asked last. */
  readonly check?: () => boolean
}

const NAMED = 0.55
const NAMED_OTHERWISE = 0.5
const SURE = 0.9
const HIGHEST = 0.98
/** The nearer of two names wins. */
const DISTANCE = 0.04
/** What is named otherwise farther away is something else. */
const FAR = 0.5

/** Takes a stretch for the entity, if that is sure enough. */
export function candidateOf(
  view: TextView,
  settings: EntitySettings,
  start: number,
  end: number,
  evidence: Evidence,
): Candidate | undefined {
  const score = scoreOf(view, settings, start, end, evidence)
  if (score < settings.minScore || evidence.check?.() === false) return undefined
  const { detector, rank } = settings
  const allowed = settings.allows(view.text.slice(start, end))
  return { detector, rank, start, end, score: Math.round(score * 100) / 100, allowed }
}

function scoreOf(view: TextView, settings: EntitySettings, start: number, end: number, evidence: Evidence) {
  const { base, words, others = [] } = evidence
  if (base >= SURE) return base
  const named = Math.min(
    nearestBefore(view, start, words),
    settings.context.length === 0 ? Number.POSITIVE_INFINITY : nearestBefore(view, start, settings.context),
  )
  const namedOtherwise = others.length === 0 ? Number.POSITIVE_INFINITY : nearestBefore(view, start, others)
  if (named < namedOtherwise || (named < 1 && namedOtherwise > FAR))
    return Math.min(HIGHEST, base + NAMED - named * DISTANCE)
  const unnamed = namedOtherwise > FAR ? base : base - NAMED_OTHERWISE
  // What follows is looked at, and waited for, only where it decides.
  if (unnamed >= settings.minScore || unnamed < base || base + NAMED < settings.minScore) return unnamed
  const behind = Math.min(nearestAfter(view, end, words), nearestAfter(view, end, settings.context))
  return behind === Number.POSITIVE_INFINITY ? unnamed : base + NAMED - (1 + behind) * DISTANCE
}
