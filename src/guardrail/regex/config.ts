import { z } from 'zod'
import { detectorSchema } from '../names.ts'
import { compilePattern } from './patterns.ts'

const MAX_PATTERNS = 1000
const MAX_PATTERN_CHARS = 4096

const patternSchema = z
  .strictObject({
    name: detectorSchema().describe('The category that findings carry.'),
    pattern: z
      .string()
      .min(1)
      .max(MAX_PATTERN_CHARS)
      .describe('RE2 syntax: no backreferences, no lookaround.'),
    flags: z
      .string()
      .regex(/^(?!.*(.).*\1)[ims]*$/)
      .optional()
      .describe('Any of i (case-insensitive), m (^ and $ at line breaks), s (. takes line breaks).'),
  })
  .superRefine((entry, context) => {
    const fault = syntaxFault(entry)
    if (fault === undefined) return
    context.addIssue({ code: 'custom', path: ['pattern'], message: `pattern "${entry.name}" ${fault}` })
  })

export const configSchema = z.strictObject({
  kind: z.literal('regex'),
  patterns: z.array(patternSchema).min(1).max(MAX_PATTERNS),
})

export type RegexConfig = z.output<typeof configSchema>
type PatternConfig = z.output<typeof patternSchema>

/** What is wrong with a pattern, or undefined. The engine's message quotes the pattern, which is config, not content. */
export function syntaxFault(entry: PatternConfig): string | undefined {
  try {
    compilePattern(entry)
    return undefined
  } catch (error) {
    return `does not compile: ${error instanceof Error ? error.message : 'unknown fault'}`
  }
}
