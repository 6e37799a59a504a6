import { z } from 'zod'
import { ENTITIES, settingsSchema } from './settings.ts'

export const configSchema = z.strictObject({
  kind: z.literal('local-pii'),
  entities: z
    .array(z.enum(ENTITIES))
    .min(1)
    .default([...ENTITIES])
    .describe(
      'What to look for. Of readings that are as long and as sure, that of the entity named first counts.',
    ),
  settings: settingsSchema.describe('Of each entity on its own.'),
})

export type LocalPiiConfig = z.output<typeof configSchema>
