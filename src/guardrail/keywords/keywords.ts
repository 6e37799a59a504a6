import { type Finding, type LocalGuardrail, verdictFrom } from '../guardrail.ts'
import { configSchema, type KeywordsConfig } from './config.ts'
import { foldCase } from './fold-case.ts'
import { guide } from './guide.ts'
import { openKeywordSearch, searchWhole } from './incremental.ts'
import type { Occurrence, SearchProgress } from './multi-search.ts'
import { compileDisguisableWords } from './search-text.ts'

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
