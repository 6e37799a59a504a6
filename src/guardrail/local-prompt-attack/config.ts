import { z } from 'zod'
import { ENCODINGS } from './encodings.ts'

const score = () => z.number().gt(0).max(1)

export const configSchema = z.strictObject({
  kind: z.literal('local-prompt-attack'),
  threshold: score()
    .default(0.5)
    .describe(
      'The score, 0 to 1, from which a text is flagged. Higher means fewer false alarms and more misses; docs/detection.md has the figures.',
    ),
  operator_threshold: score()
    .default(0.95)
    .describe(
      'The same for texts of the roles `system` and `developer`, which say by right what would be an attack elsewhere. At 1 they are not judged: for callers who cannot choose the role of a text.',
    ),
  decode: z
    .array(z.enum(ENCODINGS))
    .default([...ENCODINGS])
    .describe(
      'Which encodings are undone, so that what they hide is judged as well. Look-alike, full-width, invisible and tag characters are always read as what they stand for.',
    ),
})

export type LocalPromptAttackConfig = z.output<typeof configSchema>
