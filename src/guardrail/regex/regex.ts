import { WeirError } from '../../errors.ts'
import { type LocalGuardrail, verdictFrom } from '../guardrail.ts'
import { configSchema, type RegexConfig, syntaxFault } from './config.ts'
import { guide } from './guide.ts'
import { MatchApart } from './match-apart.ts'
import { compilePattern, matchesIn } from './patterns.ts'

/**
 * What may be matched at once: instructions of all patterns times units of text. The costliest pattern known takes 22 ms
 * for as many.
 */
const AT_ONCE_WORK = 1_048_576

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
