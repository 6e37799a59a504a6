import { z } from 'zod'
import type { LocalGuardrail } from '../guardrail.ts'
import type { Reader } from './candidate.ts'
import { readCards } from './card.ts'
import { readEmails } from './email.ts'
import { guide } from './guide.ts'
import { readIbans } from './iban.ts'
import { openPiiScan, readWhole } from './incremental.ts'
import { phoneReaders } from './phone.ts'
import { ssnReaders } from './us-ssn.ts'

const ENTITIES = ['email', 'phone', 'card', 'iban', 'us_ssn'] as const
type Entity = (typeof ENTITIES)[number]

const READERS: Readonly<Record<Entity, readonly Reader[]>> = {
  email: [readEmails],
  phone: phoneReaders,
  card: [readCards],
  iban: [readIbans],
  us_ssn: ssnReaders,
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
  const readers = [...new Set(config.entities)].flatMap(entity =>
    READERS[entity].map(read => ({ detector: `pii/${entity}`, read })),
  )
  return {
    name,
    locality: 'local',
    scan({ segments }) {
      const findings = segments.flatMap(({ text }, segment) => readWhole(readers, text, segment))
      return findings.length === 0 ? { kind: 'clean' } : { kind: 'flagged', findings }
    },
    openScan: () => openPiiScan(readers),
  }
}

/** Personal data by shape and checksum, in this process: nothing leaves it, and every finding has its span. */
export const localPii = { configSchema, secretKeys: [], locality: 'local', guide, create } as const
