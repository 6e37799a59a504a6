import { z } from 'zod'
import type { Finding, Verdict } from '../guardrail.ts'
import { GuardrailFailure } from '../guardrail.ts'
import { nameOrUndefined } from '../names.ts'
import { type Detection, readDetection, strongest } from './detections.ts'
import { placedFindings } from './redactable.ts'
import type { SentMessage } from './request.ts'

/** `flagged` alone decides; a missing, null or non-boolean one is a fault, never clean. */
const answerSchema = z.object({ flagged: z.boolean() })

/** What may be absent, null or strange without changing the verdict: it only describes it. */
const detailsSchema = z.object({
  payload: z.unknown().optional(),
  breakdown: z.array(z.unknown()).nullish().catch(undefined),
  metadata: z.object({ request_uuid: z.string().nullish() }).nullish().catch(undefined),
})

/**
 * Decodes the answer to `POST /v2/guard` for these messages. Its findings have spans, all of them, when nothing but
 * personal data was detected and all of that is found in the messages. Throws GuardrailFailure `bad-response` without a
 * boolean `flagged`.
 */
export function lakeraVerdict(answer: unknown, messages: readonly SentMessage[]): Verdict {
  const decided = answerSchema.safeParse(answer)
  if (!decided.success) throw new GuardrailFailure('bad-response', 'the answer has no boolean "flagged"')
  const details = detailsSchema.safeParse(answer).data
  const requestId = nameOrUndefined(details?.metadata?.request_uuid)
  if (!decided.data.flagged) return { kind: 'clean', requestId }
  const entries = (details?.breakdown ?? []).map(readDetection)
  const detections = entries.filter(entry => entry !== undefined)
  // An entry that cannot be read may stand for something else than personal data.
  const isWhole = entries.length === detections.length
  const placed = isWhole ? placedFindings(detections, details?.payload, messages) : undefined
  return {
    kind: 'flagged',
    findings: placed ?? unplacedFindings(detections),
    requestId,
    breakdown: strongest(detections),
  }
}

/** Each detector and level once, however many messages it was seen in; never empty. */
function unplacedFindings(detections: readonly Detection[]): readonly Finding[] {
  const findings = new Map<string, Finding>()
  for (const { detector, detected, level } of detections) {
    if (detected)
      findings.set(`${detector} ${level}`, level === undefined ? { detector } : { detector, level })
  }
  return findings.size === 0 ? [{ detector: 'lakera' }] : [...findings.values()]
}
