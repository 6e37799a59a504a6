import { z } from 'zod'
import type { TextSegment } from '../../llm/format.ts'
import { openBase64Runs } from '../base64-runs.ts'
import type { Finding, IncrementalScan, LocalGuardrail } from '../guardrail.ts'
import type { NormalisedText } from '../normalise.ts'
import { normalise } from '../normalise.ts'
import { guide } from './guide.ts'
import type { Rule } from './rule.ts'
import { RULES } from './rules.ts'

const DETECTOR = 'prompt_attack'
/** Signs of one rule in one text. Past it the rest of the text counts as one sign, so that redaction misses nothing. */
const MAX_SIGNS_PER_RULE = 100

const configSchema = z.strictObject({
  kind: z.literal('local-prompt-attack'),
  threshold: z
    .number()
    .gt(0)
    .max(1)
    .default(0.5)
    .describe(
      'The score, 0 to 1, from which a text is flagged. Higher means fewer false alarms and more misses.',
    ),
  decode_base64: z
    .boolean()
    .default(false)
    .describe(
      'Also read what runs of at least 16 base64 characters say, up to 64 KiB a text; a finding is the whole run.',
    ),
})

export type LocalPromptAttackConfig = z.output<typeof configSchema>

function create(name: string, config: LocalPromptAttackConfig): LocalGuardrail {
  return {
    name,
    locality: 'local',
    scan(subject) {
      // An answer attacks nobody, and one that discusses attacks reads like one.
      if (subject.side === 'output') return { kind: 'clean' }
      const findings = subject.segments.flatMap((segment, index) =>
        isUntrusted(segment) ? findAttack(segment.text, index, config) : [],
      )
      return findings.length === 0 ? { kind: 'clean' } : { kind: 'flagged', findings }
    },
    openScan,
  }
}

/** Of an answer nothing is looked at, so nothing has to wait. */
function openScan(): IncrementalScan {
  let length = 0
  return {
    push(text) {
      length += text.length
      return { findings: [], safeTo: length }
    },
    end: () => ({ findings: [], safeTo: length }),
  }
}

/** System and developer texts are the operator's own, and full of phrases that would be an attack elsewhere. */
function isUntrusted({ role, kind }: TextSegment): boolean {
  if (role === 'system' || role === 'developer') return false
  return role === 'user' || role === 'tool' || kind === 'tool-result'
}

/** Where a rule matched, in UTF-16 offsets of the original text. */
interface Sign {
  readonly start: number
  readonly end: number
}

function findAttack(text: string, segment: number, config: LocalPromptAttackConfig): Finding[] {
  const normalised = normalise(text)
  const runs = config.decode_base64 ? decodeRuns(text) : []
  const signs: Sign[] = []
  // Chance that none of the signs is an attack, each rule counted once however often it matched.
  let innocence = 1
  for (const rule of RULES) {
    const before = signs.length
    signs.push(...signsOf(rule, normalised), ...runs.filter(run => run.text.search(rule.pattern) !== -1))
    if (signs.length > before) innocence *= 1 - rule.weight
  }
  const score = Math.round((1 - innocence) * 1000) / 1000
  if (signs.length === 0 || score < config.threshold) return []
  return signs.map(({ start, end }) => ({ detector: DETECTOR, score, span: { segment, start, end } }))
}

/** What base64 in the text says, as rules read it, and where it stands. */
function decodeRuns(text: string): readonly (Sign & { readonly text: string })[] {
  const open = openBase64Runs()
  const runs = [...open.push(text).runs, ...open.end().runs]
  return runs.map(({ start, end, text: decoded }) => ({ start, end, text: normalise(decoded).text }))
}

function signsOf(rule: Rule, { text, originalRange }: NormalisedText): Sign[] {
  const signs: Sign[] = []
  for (const match of text.matchAll(rule.pattern)) {
    const isLast = signs.length === MAX_SIGNS_PER_RULE - 1
    signs.push(originalRange(match.index, isLast ? text.length : match.index + match[0].length))
    if (isLast) break
  }
  return signs
}

/** Prompt attacks by their usual phrasing, in this process. It catches the plain ones, not a determined author. */
export const localPromptAttack = { configSchema, secretKeys: [], locality: 'local', guide, create } as const
