import { RE2JS } from 're2js'
import { z } from 'zod'
import { WeirError } from '../../errors.ts'
import type { Finding, LocalGuardrail } from '../guardrail.ts'
import { guide } from './guide.ts'

/**
 * Matches of one pattern in one text. Past it the rest of the text counts as one match: nothing is missed, and a
 * pattern that looks far ahead for each match (`a(.*b)?`) stays linear in the text.
 */
const MAX_MATCHES = 1000
const MAX_PATTERNS = 1000
const MAX_PATTERN_CHARS = 4096

const FLAGS: Readonly<Record<string, number>> = {
  i: RE2JS.CASE_INSENSITIVE,
  m: RE2JS.MULTILINE,
  s: RE2JS.DOTALL,
}

const patternSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[\w./:-]{1,64}$/)
      .describe('The category that findings carry.'),
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

function compile({ pattern, flags = '' }: PatternConfig): RE2JS {
  return RE2JS.compile(
    pattern,
    [...flags].reduce((bits, flag) => bits | (FLAGS[flag] ?? 0), 0),
  )
}

/** What is wrong with a pattern, or undefined. The engine's message quotes the pattern, which is config, not content. */
function syntaxFault(entry: PatternConfig): string | undefined {
  try {
    compile(entry)
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
    return { detector: entry.name, regex: compile(entry) }
  })
  return {
    name,
    locality: 'local',
    scan({ segments }) {
      const findings = segments.flatMap(({ text }, segment) =>
        patterns.flatMap(({ detector, regex }) => matches(regex, text, detector, segment)),
      )
      return findings.length === 0 ? { kind: 'clean' } : { kind: 'flagged', findings }
    },
  }
}

function matches(regex: RE2JS, text: string, detector: string, segment: number): Finding[] {
  const findings: Finding[] = []
  const matcher = regex.matcher(text)
  while (matcher.find()) {
    const start = matcher.start()
    const isLast = findings.length === MAX_MATCHES - 1
    const end = isLast ? text.length : matcher.end()
    // A pattern such as `x*` matches nothing everywhere; that is no evidence.
    if (end > start) findings.push({ detector, score: 1, span: { segment, start, end } })
    if (findings.length === MAX_MATCHES) break
  }
  return findings
}

/** The operator's own patterns, on an engine whose time grows with the text only. */
export const regex = { configSchema, secretKeys: [], locality: 'local', guide, create } as const
