import { z } from 'zod'
import { type Finding, type LocalGuardrail, verdictFrom } from '../guardrail.ts'
import { listFilesSchema } from '../list-files.ts'
import { detectorSchema } from '../names.ts'
import { foldCase } from './fold-case.ts'
import { guide } from './guide.ts'
import { openKeywordSearch, searchWhole } from './incremental.ts'
import type { Occurrence, SearchProgress } from './multi-search.ts'
import { compileDisguisableWords } from './search-text.ts'

const MAX_WORDS = 10_000
const MAX_WORD_CHARS = 1024

const configSchema = z.strictObject({
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

function create(name: string, config: KeywordsConfig): LocalGuardrail {
  const fold = config.case_sensitive ? (text: string) => text : foldCase
  const search = {
    words: compileDisguisableWords(config.words, fold),
    base64: config.decode_base64 ? 'decoded' : 'as-text',
  } as const
  const add = (findings: Finding[], segment: number, found: readonly Occurrence[]): void => {
    for (const { start, end } of found)
      findings.push({ detector: config.detector, score: 1, span: { segment, start, end } })
  }
  const inStream = ({ found, safeTo }: SearchProgress) => {
    const findings: Finding[] = []
    add(findings, 0, found)
    return { findings, safeTo }
  }
  return {
    name,
    locality: 'local',
    scan({ segments }) {
      const findings: Finding[] = []
      for (let segment = 0; segment < segments.length; segment++)
        add(findings, segment, searchWhole(search, segments[segment]!.text))
      return verdictFrom(findings)
    },
    openScan() {
      const open = openKeywordSearch(search)
      return { push: text => inStream(open.push(text)), end: () => inStream(open.end()) }
    },
  }
}

/** Finds fixed phrases, in one pass over the text however many there are. */
export const keywords = {
  configSchema,
  secretKeys: [],
  listFiles: { words_files: 'words' },
  locality: 'local',
  guide,
  create,
} as const
