import { z } from 'zod'

const MAX_FILES = 100

/** A key that names files whose lines join the entries of a list (`listFiles` of a kind). `more`: what is in them. */
export function listFilesSchema(more: string) {
  return z
    .array(z.string().min(1))
    .min(1)
    .max(MAX_FILES)
    .optional()
    .describe(
      `Paths of files with ${more}, one a line, in UTF-8; lines that begin with \`#\` are comments. Read again when they change.`,
    )
}
