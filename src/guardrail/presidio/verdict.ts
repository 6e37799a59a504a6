import { z } from 'zod'
import type { DetectorResult, Finding, Verdict } from '../guardrail.ts'
import { GuardrailFailure } from '../guardrail.ts'
import { joined, spansIn } from '../joined.ts'
import { detectorName } from '../names.ts'
import type { Piece } from '../pieces.ts'
import { mergedBreakdown } from '../pieces.ts'
import { codePointOffsets } from '../text/code-points.ts'

/** RecognizerResults. One that lacks any of these makes the answer a fault: something was found, nobody knows what. */
const answerSchema = z.array(
  z.object({
    entity_type: z.string().min(1),
    start: z.int(),
    end: z.int(),
    score: z.number().min(0).max(1),
  }),
)

type RecognizerResult = z.output<typeof answerSchema>[number]

/**
 * Decodes the answer to `POST /analyze`: a list, empty when nothing was found. `asked`: the entities that were asked
 * for, undefined for all that there are. Throws GuardrailFailure `bad-response`.
 */
export function presidioVerdict(
  answer: unknown,
  batch: readonly Piece[],
  asked: readonly string[] | undefined,
): Verdict {
  const decoded = answerSchema.safeParse(answer)
  if (!decoded.success) throw new GuardrailFailure('bad-response', 'the answer is not a list of results')
  if (decoded.data.length === 0) return { kind: 'clean' }
  // Presidio counts in Python's characters: code points.
  const offsets = codePointOffsets(joined(batch))
  return {
    kind: 'flagged',
    findings: decoded.data.flatMap(result => findingsOf(result, batch, offsets)),
    breakdown: mergedBreakdown([...(asked ?? []).map(notFound), ...decoded.data.map(found)]),
  }
}

function detectorOf(entity: string): string {
  return detectorName(`pii/${entity}`, 'pii/other')
}

function notFound(entity: string): DetectorResult {
  return { detector: detectorOf(entity), detected: false }
}

function found({ entity_type, score }: RecognizerResult): DetectorResult {
  return { detector: detectorOf(entity_type), detected: true, score }
}

/** Results may overlap; whoever redacts merges them. One that points nowhere has no span, so that a redaction denies. */
function findingsOf(
  { entity_type, start, end, score }: RecognizerResult,
  batch: readonly Piece[],
  offsets: readonly number[],
): readonly Finding[] {
  const detector = detectorOf(entity_type)
  const from = offsets[start]
  const to = offsets[end]
  const spans = from === undefined || to === undefined ? [] : spansIn(batch, from, to)
  return spans.length === 0 ? [{ detector, score }] : spans.map(span => ({ detector, score, span }))
}
