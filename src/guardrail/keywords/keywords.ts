import { z } from 'zod'
import type { LocalGuardrail } from '../guardrail.ts'
import { openKeywordScan } from './incremental.ts'
import { compileWords } from './multi-search.ts'

const MAX_WORDS = 10_000
const MAX_WORD_CHARS = 1024

const configSchema = z.strictObject({
  kind: z.literal('keywords'),
  words: z
    .array(z.string().min(1).max(MAX_WORD_CHARS))
    .min(1)
    .max(MAX_WORDS)
    .describe('Found anywhere in a text, also inside of words.'),
  case_sensitive: z.boolean().default(false),
  detector: z
    .string()
    .regex(/^[\w./:-]{1,64}$/)
    .default('keyword')
    .describe('The category that findings carry.'),
})

export type KeywordsConfig = z.output<typeof configSchema>

function create(name: string, config: KeywordsConfig): LocalGuardrail {
  const fold = config.case_sensitive ? (text: string) => text : foldCase
  const search = compileWords(config.words.map(fold))
  return {
    name,
    locality: 'local',
    scan({ segments }) {
      const findings = segments.flatMap(({ text }, segment) =>
        search(fold(text)).map(({ start, end }) => ({
          detector: config.detector,
          score: 1,
          span: { segment, start, end },
        })),
      )
      return findings.length === 0 ? { kind: 'clean' } : { kind: 'flagged', findings }
    },
    openScan: () => openKeywordScan(search.open(), fold, config.detector),
  }
}

/**
 * Lower case with every UTF-16 offset kept. Only U+0130 grows when lowered (to i and a combining dot), so it goes
 * first; a final sigma is lowered by its place in the word, so both sigmas become one.
 */
export function foldCase(text: string): string {
  return text.replaceAll('\u0130', 'i').toLowerCase().replaceAll('\u03c2', '\u03c3')
}

/** Finds fixed phrases, in one pass over the text however many there are. */
export const keywords = { configSchema, secretKeys: [], locality: 'local', create } as const
