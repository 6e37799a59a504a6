import { z } from 'zod'
import type { Finding, Verdict } from '../guardrail.ts'
import { GuardrailFailure } from '../guardrail.ts'
import { detectorName, nameOrUndefined } from '../names.ts'
import { type Dialect, joinedText, modelOf } from './dialect.ts'

/** Any one of the three decides. Present but no boolean is a fault: it may have been meant as a "no". */
const answerSchema = z.object({
  allowed: z.boolean().optional(),
  flagged: z.boolean().optional(),
  blocked: z.boolean().optional(),
})

/** What only describes the verdict. */
const detailsSchema = z.object({
  categories: z.array(z.unknown()).nullish().catch(undefined),
  scores: z.record(z.string(), z.unknown()).nullish().catch(undefined),
})

/**
 * `{"input": text, "model": name, "phase": "input" | "output"}` (the model where it is known), answered by one of `allowed`, `flagged`, `blocked`, with optional
 * `categories` (names) and `scores` (0 to 1 by name).
 */
export function generic(url: string): Dialect {
  return {
    question: (batch, subject) => ({
      url,
      body: { input: joinedText(batch), ...modelOf(subject), phase: subject.side },
    }),
    verdict: answer => genericVerdict(answer),
  }
}

function genericVerdict(answer: unknown): Verdict {
  const decided = answerSchema.safeParse(answer).data
  const says =
    decided && [not(decided.allowed), decided.flagged, decided.blocked].filter(one => one !== undefined)
  if (says === undefined || says.length === 0) {
    throw new GuardrailFailure('bad-response', 'the answer has no boolean "allowed", "flagged" or "blocked"')
  }
  // Where they contradict each other, the strictest counts.
  return says.includes(true) ? { kind: 'flagged', findings: findingsOf(answer) } : { kind: 'clean' }
}

function not(value: boolean | undefined): boolean | undefined {
  return value === undefined ? undefined : !value
}

/** Categories with their scores; never empty. */
function findingsOf(answer: unknown): readonly Finding[] {
  const details = detailsSchema.safeParse(answer).data
  const scores = new Map(Object.entries(details?.scores ?? {}))
  const findings = (details?.categories ?? []).flatMap((category): Finding[] => {
    if (nameOrUndefined(category) === undefined) return []
    const score = scores.get(String(category))
    const detector = detectorName(category, 'webhook')
    return [isScore(score) ? { detector, score } : { detector }]
  })
  return findings.length === 0 ? [{ detector: 'webhook' }] : findings
}

function isScore(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= 1
}
