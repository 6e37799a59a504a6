import { z } from 'zod'
import type { Finding, Verdict } from '../guardrail.ts'
import { GuardrailFailure } from '../guardrail.ts'

/** `flagged` alone decides; a missing, null or non-boolean one is a fault, never clean. */
const answerSchema = z.object({ flagged: z.boolean() })

/** What may be absent, null or strange without changing the verdict: it only describes it. */
const detailsSchema = z.object({
  breakdown: z.array(z.unknown()).nullish().catch(undefined),
  metadata: z.object({ request_uuid: z.string().nullish() }).nullish().catch(undefined),
})

/** One detector's entry, as Lakera's screen-content reference documents it; nulls are seen in the wild. */
const detectionSchema = z.object({
  detector_type: z.string().nullish(),
  detected: z.literal(true),
  result: z.string().nullish().catch(undefined),
})

/** Detector names end up in headers and logs: only what looks like a name is passed on. */
const NAME = /^[\w./:-]{1,128}$/

/** Decodes the answer to `POST /v2/guard`. Throws GuardrailFailure `bad-response` without a boolean `flagged`. */
export function lakeraVerdict(answer: unknown): Verdict {
  const decided = answerSchema.safeParse(answer)
  if (!decided.success) throw new GuardrailFailure('bad-response', 'the answer has no boolean "flagged"')
  const details = detailsSchema.safeParse(answer).data
  const requestId = nameOrUndefined(details?.metadata?.request_uuid)
  if (!decided.data.flagged) return { kind: 'clean', requestId }
  return { kind: 'flagged', findings: findingsOf(details?.breakdown ?? []), requestId }
}

/** Each detector and level once, however many messages it was seen in; never empty. */
function findingsOf(breakdown: readonly unknown[]): readonly Finding[] {
  const findings = new Map<string, Finding>()
  for (const entry of breakdown) {
    const detection = detectionSchema.safeParse(entry)
    if (!detection.success) continue
    const detector = nameOrUndefined(detection.data.detector_type) ?? 'lakera'
    const level = nameOrUndefined(detection.data.result)
    findings.set(`${detector} ${level}`, level === undefined ? { detector } : { detector, level })
  }
  return findings.size === 0 ? [{ detector: 'lakera' }] : [...findings.values()]
}

function nameOrUndefined(text: string | null | undefined): string | undefined {
  return typeof text === 'string' && NAME.test(text) ? text : undefined
}
