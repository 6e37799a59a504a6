import { z } from 'zod'
import type { Finding, LocalGuardrail } from '../guardrail.ts'
import type { Candidate, Recogniser } from './candidate.ts'
import { findCards } from './card.ts'
import { findEmails } from './email.ts'
import { findIbans } from './iban.ts'
import { findPhones } from './phone.ts'
import { findUsSsns } from './us-ssn.ts'

const ENTITIES = ['email', 'phone', 'card', 'iban', 'us_ssn'] as const
type Entity = (typeof ENTITIES)[number]

const RECOGNISERS: Readonly<Record<Entity, Recogniser>> = {
  email: findEmails,
  phone: findPhones,
  card: findCards,
  iban: findIbans,
  us_ssn: findUsSsns,
}

const configSchema = z.strictObject({
  kind: z.literal('local-pii'),
  entities: z
    .array(z.enum(ENTITIES))
    .min(1)
    .default([...ENTITIES])
    .describe('What to look for.'),
})

export type LocalPiiConfig = z.output<typeof configSchema>

function create(name: string, config: LocalPiiConfig): LocalGuardrail {
  const entities = [...new Set(config.entities)]
  return {
    name,
    locality: 'local',
    scan({ segments }) {
      const findings = segments.flatMap(({ text }, segment) => findEntities(text, segment, entities))
      return findings.length === 0 ? { kind: 'clean' } : { kind: 'flagged', findings }
    },
  }
}

function findEntities(text: string, segment: number, entities: readonly Entity[]): Finding[] {
  const candidates = entities.flatMap(entity =>
    RECOGNISERS[entity](text).map(candidate => ({ entity, ...candidate })),
  )
  return longestFirst(candidates, text.length).map(({ entity, score, start, end }) => ({
    detector: `pii/${entity}`,
    score,
    span: { segment, start, end },
  }))
}

/** Of candidates that overlap, the longest; the others are other readings of the same characters. In text order. */
function longestFirst<T extends Candidate>(candidates: T[], textLength: number): T[] {
  if (candidates.length < 2) return candidates
  const taken = new Uint8Array(textLength)
  const kept: T[] = []
  candidates.sort((a, b) => b.end - b.start - (a.end - a.start) || b.score - a.score)
  for (const candidate of candidates) {
    // What was taken before is at least as long, so an overlap always covers an end of this one.
    if (taken[candidate.start] === 1 || taken[candidate.end - 1] === 1) continue
    taken.fill(1, candidate.start, candidate.end)
    kept.push(candidate)
  }
  return kept.sort((a, b) => a.start - b.start)
}

/** Personal data by shape and checksum, in this process: nothing leaves it, and every finding has its span. */
export const localPii = { configSchema, secretKeys: [], locality: 'local', create } as const
