import { DECIDING, UNREADABLE } from './decisions.ts'
import { DELIVERIES, HEARTBEATS, WINDOWS } from './deliveries.ts'
import { REFUSALS } from './refusals.ts'
import type { Chapter } from './requirement.ts'
import { MODES, REDACTION } from './rules.ts'

/** All that is promised, in the order of the page. */
export const CHAPTERS: readonly Chapter[] = [
  DECIDING,
  UNREADABLE,
  REFUSALS,
  DELIVERIES,
  HEARTBEATS,
  WINDOWS,
  REDACTION,
  MODES,
]
