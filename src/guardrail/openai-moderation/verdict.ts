import { z } from 'zod'
import type { DetectorResult, Finding, Verdict } from '../guardrail.ts'
import { GuardrailFailure } from '../guardrail.ts'
import { detectorName, nameOrUndefined } from '../names.ts'
import { mergedBreakdown } from '../pieces.ts'
import type { Criteria } from './categories.ts'
import { categorySchema } from './categories.ts'

/** A category that the model does not know, as `illicit` of older ones, is null or absent. */
const resultSchema = z.object({
  flagged: z.boolean(),
  categories: z.record(z.string(), z.boolean().nullable()),
  category_scores: z.record(z.string(), z.number().min(0).max(1).nullable()),
})

type Result = z.output<typeof resultSchema>

const answerSchema = z.object({
  results: z.array(resultSchema),
  id: z.string().nullish().catch(undefined),
})

/**
 * Decodes the answer to `POST /v1/moderations` for that many inputs. Throws GuardrailFailure `bad-response` when it is
 * not one result per input, each with all that the criteria need.
 */
export function moderationVerdict(answer: unknown, inputs: number, criteria: Criteria): Verdict {
  const decoded = answerSchema.safeParse(answer)
  if (!decoded.success) throw new GuardrailFailure('bad-response', 'the answer is no list of moderations')
  const { results, id } = decoded.data
  if (results.length !== inputs) {
    throw new GuardrailFailure('bad-response', 'the answer has not one result for each input')
  }
  const requestId = nameOrUndefined(id)
  const findings = highestOfEach(results.flatMap(result => findingsOf(result, criteria)))
  if (findings.length === 0) return { kind: 'clean', requestId }
  const breakdown = mergedBreakdown([
    ...results.flatMap(scoresOf),
    ...findings.map(finding => ({ ...finding, detected: true })),
  ])
  return { kind: 'flagged', findings, requestId, breakdown }
}

/** Every category that the service tells something of, with its score; which of them count the findings say. */
function scoresOf(result: Result): readonly DetectorResult[] {
  return Object.keys({ ...result.categories, ...result.category_scores }).map(category => {
    const score = result.category_scores[category]
    const known = typeof score === 'number' ? { score } : {}
    return { detector: detectorOf(category), detected: false, ...known }
  })
}

function detectorOf(category: string): string {
  return detectorName(category, 'openai-moderation')
}

function findingsOf(result: Result, { serviceFlags, thresholds }: Criteria): readonly Finding[] {
  const categories = new Set(overThreshold(result, thresholds))
  if (serviceFlags === 'use') {
    for (const [category, isFlagged] of Object.entries(result.categories)) {
      if (isFlagged === true) categories.add(category)
    }
    // Flagged for a reason that it does not tell is flagged all the same.
    if (result.flagged && categories.size === 0) return [{ detector: 'openai-moderation' }]
  }
  return [...categories].map(category => {
    const detector = detectorOf(category)
    const score = result.category_scores[category]
    return typeof score === 'number' ? { detector, score } : { detector }
  })
}

function overThreshold(result: Result, thresholds: Criteria['thresholds']): readonly string[] {
  return categorySchema.options.filter(category => {
    const threshold = thresholds[category]
    if (threshold === undefined) return false
    const score = result.category_scores[category]
    // Not a low score: without one there is nothing to hold against the threshold.
    if (typeof score !== 'number') {
      throw new GuardrailFailure('bad-response', `the answer has no score for ${category}`)
    }
    return score >= threshold
  })
}

/** Each category once, however many inputs it was seen in. */
function highestOfEach(findings: readonly Finding[]): readonly Finding[] {
  const highest = new Map<string, Finding>()
  for (const finding of findings) {
    const known = highest.get(finding.detector)
    if (known === undefined || (finding.score ?? 0) > (known.score ?? 0)) {
      highest.set(finding.detector, finding)
    }
  }
  return [...highest.values()]
}
