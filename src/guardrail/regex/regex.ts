import { z } from 'zod'
import { WeirError } from '../../errors.ts'
import { type LocalGuardrail, verdictFrom } from '../guardrail.ts'
import { detectorSchema } from '../names.ts'
import { guide } from './guide.ts'
import { MatchApart } from './match-apart.ts'
import { compilePattern, matchesIn } from './patterns.ts'

const MAX_PATTERNS = 1000
const MAX_PATTERN_CHARS = 4096

/**
 * What may be matched at once: instructions of all patterns times units of text. The costliest pattern known takes 22 ms
 * for as many.
 */
const AT_ONCE_WORK = 1_048_576

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

const configSchema = z.strictObject({
  kind: z.literal('regex'),
  patterns: z.array(patternSchema).min(1).max(MAX_PATTERNS),
})

export type RegexConfig = z.output<typeof configSchema>
type PatternConfig = z.output<typeof patternSchema>

/** What is wrong with a pattern, or undefined. The engine's message quotes the pattern, which is config, not content. */
function syntaxFault(entry: PatternConfig): string | undefined {
  try {
    compilePattern(entry)
    return undefined
  } catch (error) {
    return `does not compile: ${error instanceof Error ? error.message : 'unknown fault'}`
  }
}

function create(name: string, config: RegexConfig): LocalGuardrail {
  const patterns = config.patterns.map(entry => {
    const fault = syntaxFault(entry)
    if (fault !== undefined)
      throw new WeirError('bad-config', `guardrail ${name}: pattern "${entry.name}" ${fault}`)
    return compilePattern(entry)
  })
  const apart = new MatchApart(config.patterns)
  return {
    name,
    locality: 'local',
    scan: ({ segments }) =>
      verdictFrom(
        segments.flatMap(({ text }, segment) =>
          patterns.flatMap(pattern => matchesIn(text, segment, pattern)),
        ),
      ),
    // Where a match ends nobody knows before the text's end, so that a scan cannot be cut.
    scanApart: async ({ segments }, signal) =>
      verdictFrom(
        await apart.match(
          segments.map(({ text }) => text),
          signal,
        ),
      ),
    atOnceWeight: AT_ONCE_WORK / patterns.reduce((sum, { regex }) => sum + regex.programSize(), 0),
  }
}

/** The operator's own patterns, on an engine whose time grows with the text only. */
export const regex = { configSchema, secretKeys: [], locality: 'local', guide, create } as const
