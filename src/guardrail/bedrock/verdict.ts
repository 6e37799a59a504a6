import { z } from 'zod'
import type { DetectorResult, Finding, Verdict } from '../guardrail.ts'
import { GuardrailFailure } from '../guardrail.ts'
import type { Piece } from '../pieces.ts'
import { mergedBreakdown } from '../pieces.ts'
import { occurrences, spansCoverMasks } from './spans.ts'

/** `action` alone decides; the service's model has `assessments` as required, also when nothing was found. */
const answerSchema = z.object({
  action: z.enum(['NONE', 'GUARDRAIL_INTERVENED']),
  assessments: z.unknown().optional(),
})

/** One entry of any policy, as the service's model documents them. `match` is raw content: it goes nowhere. */
const entrySchema = z.object({
  action: z.string().nullish().catch(undefined),
  detected: z.boolean().nullish().catch(undefined),
  type: z.string().nullish().catch(undefined),
  name: z.string().nullish().catch(undefined),
  match: z.string().nullish().catch(undefined),
  confidence: z.string().nullish().catch(undefined),
})

type Entry = z.output<typeof entrySchema>

const entryList = z.array(entrySchema).nullish()

/** Null policies are seen in the wild. Automated reasoning never intervenes, so it is not read. */
const assessmentSchema = z.object({
  topicPolicy: z.object({ topics: entryList }).nullish(),
  contentPolicy: z.object({ filters: entryList }).nullish(),
  wordPolicy: z.object({ customWords: entryList, managedWordLists: entryList }).nullish(),
  sensitiveInformationPolicy: z.object({ piiEntities: entryList, regexes: entryList }).nullish(),
  contextualGroundingPolicy: z.object({ filters: entryList }).nullish(),
})

/** The masked texts; `output` is an older name of the same. */
const outputsSchema = z.array(z.object({ text: z.string() }))
const outputSchema = z.object({
  outputs: outputsSchema.nullish().catch(undefined),
  output: outputsSchema.nullish().catch(undefined),
})

/** An entry, named by its policy. */
interface Detection {
  readonly detector: string
  readonly level: string | undefined
  /** What a policy only watches is detected, and does not flag. */
  readonly effect: 'intervened' | 'watched' | 'none'
  /** What was masked; undefined for what was blocked, which no redaction can mend. */
  readonly masked: string | undefined
}

/**
 * Decodes the answer to ApplyGuardrail. `pieces` are the guarded texts that were sent. Throws GuardrailFailure
 * `bad-response` when the answer does not say what the guardrail did, or says two things.
 */
export function bedrockVerdict(answer: unknown, pieces: readonly Piece[], requestId?: string): Verdict {
  const decided = answerSchema.safeParse(answer)
  if (!decided.success) throw new GuardrailFailure('bad-response', 'the answer has no known "action"')
  const assessments = z.array(assessmentSchema).safeParse(decided.data.assessments)
  const entries = assessments.data?.flatMap(detectionsIn)
  const interventions = entries?.filter(({ effect }) => effect === 'intervened') ?? []
  if (decided.data.action === 'NONE') {
    if (entries === undefined) throw new GuardrailFailure('bad-response', 'the answer has no assessments')
    if (interventions.length > 0) throw new GuardrailFailure('bad-response', 'the answer contradicts itself')
    return { kind: 'clean', requestId }
  }
  // Unreadable assessments of an intervention only describe it.
  return {
    kind: 'flagged',
    findings: findingsOf(interventions, pieces, answer),
    breakdown: mergedBreakdown((entries ?? []).map(resultOf)),
    requestId,
  }
}

function resultOf({ detector, level, effect }: Detection): DetectorResult {
  const detected = effect !== 'none'
  return level === undefined ? { detector, detected } : { detector, detected, level }
}

function detectionsIn(assessment: z.output<typeof assessmentSchema>): readonly Detection[] {
  const { topicPolicy, contentPolicy, wordPolicy, sensitiveInformationPolicy, contextualGroundingPolicy } =
    assessment
  return [
    ...detected(topicPolicy?.topics, ({ name }) => `topic/${slug(name)}`),
    ...detected(contentPolicy?.filters, ({ type }) => slug(type)),
    ...detected(wordPolicy?.customWords, () => 'word/custom'),
    ...detected(wordPolicy?.managedWordLists, ({ type }) => `word/${slug(type)}`),
    ...detected(sensitiveInformationPolicy?.piiEntities, ({ type }) => `pii/${slug(type)}`),
    ...detected(sensitiveInformationPolicy?.regexes, ({ name }) => `regex/${slug(name)}`),
    // Without its score, which is high where an answer is well grounded.
    ...detected(contextualGroundingPolicy?.filters, ({ type }) => slug(type)),
  ]
}

function detected(
  list: readonly Entry[] | null | undefined,
  detectorOf: (entry: Entry) => string,
): readonly Detection[] {
  return (list ?? []).map(entry => ({
    detector: detectorOf(entry),
    level: entry.confidence?.match(/^[A-Z_]{1,32}$/)?.[0],
    effect: effectOf(entry),
    masked: entry.action === 'ANONYMIZED' ? (entry.match ?? '') : undefined,
  }))
}

/** An action of another name counts as a block: it is not known to be less. */
function effectOf({ action, detected }: Entry): Detection['effect'] {
  if (action === 'NONE') return detected === false ? 'none' : 'watched'
  return detected === false && typeof action !== 'string' ? 'none' : 'intervened'
}

/** Names are the operator's own words and may hold spaces; they end up in headers and logs. */
function slug(name: string | null | undefined): string {
  const plain = (name ?? '')
    .toLowerCase()
    .replace(/[^a-z0-9_.-]+/g, '_')
    .slice(0, 100)
  return plain === '' ? 'unnamed' : plain
}

/**
 * Each finding once, never none. Masked text has a span per place where it stands; where it is not found, or where
 * the service's masked texts show that it masked more, there is a finding without a span, so that nothing is released
 * on the strength of half a redaction.
 */
function findingsOf(
  detections: readonly Detection[],
  pieces: readonly Piece[],
  answer: unknown,
): readonly Finding[] {
  const findings = detections.flatMap(detection => findingsFor(detection, pieces))
  const spans = findings.flatMap(({ span }) => span ?? [])
  const isAllMasked = findings.length > 0 && spans.length === findings.length
  if (findings.length === 0 || (isAllMasked && !spansCoverMasks(pieces, spans, maskedTexts(answer)))) {
    return [...findings, { detector: 'bedrock' }]
  }
  return findings
}

function findingsFor({ detector, level, masked }: Detection, pieces: readonly Piece[]): readonly Finding[] {
  const finding: Finding = level === undefined ? { detector } : { detector, level }
  const spans = masked === undefined ? [] : occurrences(masked, pieces)
  return spans.length === 0 ? [finding] : spans.map(span => ({ ...finding, span }))
}

function maskedTexts(answer: unknown): readonly string[] {
  const { outputs, output } = outputSchema.safeParse(answer).data ?? {}
  return (outputs ?? output ?? []).map(({ text }) => text)
}
