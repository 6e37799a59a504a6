import { z } from 'zod'
import { baseUrlSchema, serviceKeys } from '../../service/service-config.ts'

/** An analyzer is one process as a rule: more at once would only wait there. */
const MAX_AT_ONCE = 8

export const configSchema = z.strictObject({
  kind: z.literal('presidio'),
  endpoint: baseUrlSchema().describe(
    'Where the analyzer is, such as http://presidio-analyzer:3000; `/analyze` is added to it.',
  ),
  language: z
    .string()
    .regex(/^[A-Za-z]{2,3}([_-]\w+)*$/, 'must be a language code such as en')
    .default('en')
    .describe('The language of the texts. The analyzer refuses one that it has no model for.'),
  entities: z
    .array(z.string().regex(/^\S+$/, 'must be the name of an entity'))
    .min(1)
    .optional()
    .describe('What to look for, such as EMAIL_ADDRESS; without it all that the analyzer knows.'),
  score_threshold: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe('What scores less is not found. Patterns that fit almost any number score below 0.1.'),
  ...serviceKeys({ maxConcurrent: MAX_AT_ONCE }),
})

export type PresidioConfig = z.output<typeof configSchema>
