import { z } from 'zod'
import type { DetectorResult, Finding, Verdict } from '../guardrail.ts'
import { GuardrailFailure } from '../guardrail.ts'
import type { Piece } from '../pieces.ts'
import { mergedBreakdown } from '../pieces.ts'
import type { Checks } from './checks.ts'
import { spanOf } from './places.ts'

const score = z.number().min(0).max(1)
const list = z.array(z.unknown())

/** Each of these for what was asked; what was not asked is not looked at. */
const answerSchema = z.object({
  results: z.object({
    contentFilter: z.object({ results: list }).nullish().catch(undefined),
    promptAttack: z.object({ results: list }).nullish().catch(undefined),
    sensitiveInformation: z
      .object({ results: list, truncated: z.unknown().optional() })
      .nullish()
      .catch(undefined),
  }),
})

const severitySchema = z.object({ category: z.string(), severityScore: score })

const offset = z.int().nullish().catch(undefined)
const entitySchema = z.object({
  type: z.string(),
  confidenceScore: score,
  messageIndex: offset,
  contentIndex: offset,
  beginOffset: offset,
  endOffset: offset,
})

/** What one check came to. `whole`: it told all that it was asked. */
interface CheckResult {
  readonly findings: readonly Finding[]
  readonly breakdown: readonly DetectorResult[]
  readonly whole: boolean
}

/**
 * Decodes the answer to InvokeGuardrailChecks, which has a score for each category that was asked for, and an entry for
 * each entity that was found. What scores enough is a finding, whatever else is wrong with the answer; but one that
 * lacks something is never clean, and one that found something says that it is not all: `truncated` means that there
 * are more entities than fit. Throws GuardrailFailure `bad-response`.
 */
export function checksVerdict(
  answer: unknown,
  checks: Checks,
  places: readonly (readonly Piece[])[],
  requestId?: string,
): Verdict {
  const { results } = answerSchema.safeParse(answer).data ?? {}
  const { contentFilter, promptAttack, sensitiveInformation } = results ?? {}
  const all = [
    severities(contentFilter?.results, checks.contentFilter, category => category.toLowerCase()),
    severities(
      promptAttack?.results,
      checks.promptAttack,
      category => `prompt_attack/${category.toLowerCase()}`,
    ),
    entities(sensitiveInformation, checks, places),
  ]
  const findings = all.flatMap(one => one.findings)
  const whole = all.every(one => one.whole)
  if (findings.length === 0) {
    if (!whole) throw new GuardrailFailure('bad-response', 'the answer has no results for all that was asked')
    return { kind: 'clean', requestId }
  }
  const breakdown = mergedBreakdown(all.flatMap(one => one.breakdown))
  return whole
    ? { kind: 'flagged', findings, breakdown, requestId }
    : {
        kind: 'flagged',
        // Without a place: what was not told cannot be redacted.
        findings: [...findings, { detector: 'unscanned' }],
        breakdown,
        requestId,
        incomplete: 'bad-response',
      }
}

function severities(
  entries: readonly unknown[] | undefined,
  thresholds: ReadonlyMap<string, number>,
  detectorOf: (category: string) => string,
): CheckResult {
  const decoded = (entries ?? []).map(entry => severitySchema.safeParse(entry).data)
  const told = decoded.flatMap(entry => {
    const threshold = thresholds.get(entry?.category ?? '')
    if (entry === undefined || threshold === undefined) return []
    const { category, severityScore } = entry
    return [{ category, score: severityScore, detected: severityScore >= threshold }]
  })
  const missing = [...thresholds.keys()].some(asked => !told.some(({ category }) => category === asked))
  return {
    findings: told.flatMap(({ category, score, detected }) =>
      detected ? [{ detector: detectorOf(category), score }] : [],
    ),
    breakdown: told.map(({ category, score, detected }) => ({
      detector: detectorOf(category),
      detected,
      score,
    })),
    whole: !missing && (thresholds.size === 0 || !decoded.includes(undefined)),
  }
}

interface EntityResults {
  readonly results: readonly unknown[]
  readonly truncated?: unknown
}

function entities(
  answered: EntityResults | null | undefined,
  { entities: asked, confidence }: Checks,
  places: readonly (readonly Piece[])[],
): CheckResult {
  if (asked.length === 0) return { findings: [], breakdown: [], whole: true }
  const decoded = (answered?.results ?? []).map(entry => entitySchema.safeParse(entry).data)
  const told = decoded.flatMap(entry => (entry === undefined ? [] : [entry]))
  const { truncated } = answered ?? {}
  const isComplete = truncated === false || truncated === undefined || truncated === null
  return {
    findings: told
      .filter(({ confidenceScore }) => confidenceScore >= confidence)
      .map(entry => {
        const finding = { detector: entityDetector(entry.type), score: entry.confidenceScore }
        const span = spanOf(entry, places)
        return span === undefined ? finding : { ...finding, span }
      }),
    breakdown: [
      ...asked.map(type => ({ detector: entityDetector(type), detected: false })),
      ...told.map(({ type, confidenceScore }) => ({
        detector: entityDetector(type),
        detected: confidenceScore >= confidence,
        score: confidenceScore,
      })),
    ],
    whole: answered?.results !== undefined && !decoded.includes(undefined) && isComplete,
  }
}

/** Only what looks like a type: the rest could be anything. */
function entityDetector(type: string): string {
  return /^[A-Z_]{1,64}$/.test(type) ? `pii/${type.toLowerCase()}` : 'pii/other'
}
