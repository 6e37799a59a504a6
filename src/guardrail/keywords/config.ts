import { z } from 'zod'
import { listFilesSchema } from '../list-files.ts'
import { detectorSchema } from '../names.ts'

const MAX_WORDS = 10_000
const MAX_WORD_CHARS = 1024

export const configSchema = z.strictObject({
  kind: z.literal('keywords'),
  words: z
    .array(z.string().min(1).max(MAX_WORD_CHARS))
    .min(1)
    .max(MAX_WORDS)
    .prefault([])
    .describe(
      'Needed where no `words_files` are. Found anywhere in a text, also inside of words, and where they are written with invisible, full-width, look-alike or other disguising characters.',
    ),
  words_files: listFilesSchema('more words'),
  case_sensitive: z.boolean().default(false),
  detector: detectorSchema().default('keyword').describe('The category that findings carry.'),
  decode_base64: z
    .boolean()
    .default(false)
    .describe(
      'Also search what runs of at least 16 base64 characters say, up to 64 KiB a text; a finding is the whole run.',
    ),
})

export type KeywordsConfig = z.output<typeof configSchema>
