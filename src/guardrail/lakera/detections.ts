import { z } from 'zod'
import type { DetectorResult } from '../guardrail.ts'
import { detectorName, nameOrUndefined } from '../names.ts'

/** What one detector came to, in one message where the service says in which. */
export interface Detection extends DetectorResult {
  readonly message: number | undefined
}

/** No message has this index. */
const NO_MESSAGE = -1

/** One detector's entry, as Lakera's screen-content reference documents it; nulls are seen in the wild. */
const entrySchema = z.object({
  detector_type: z.string().nullish().catch(undefined),
  detected: z.boolean(),
  result: z.string().nullish().catch(undefined),
  message_id: z.int().min(0).nullish().catch(NO_MESSAGE),
})

/** Undefined for an entry that does not say whether it detected anything. */
export function readDetection(entry: unknown): Detection | undefined {
  const parsed = entrySchema.safeParse(entry)
  if (!parsed.success) return undefined
  const { detector_type, detected, result, message_id } = parsed.data
  const named = { detector: detectorOf(detector_type), detected, message: message_id ?? undefined }
  const level = nameOrUndefined(result)
  return level === undefined ? named : { ...named, level }
}

/** A type that does not look like a name could be anything, text of the scan included. */
export function detectorOf(type: unknown): string {
  return detectorName(type, 'lakera')
}

/** Every detector that ran, once, as it came to the most over all messages; undefined when none is told. */
export function strongest(results: readonly DetectorResult[]): readonly DetectorResult[] | undefined {
  const byDetector = new Map<string, DetectorResult>()
  for (const { detector, detected, level } of results) {
    const result = level === undefined ? { detector, detected } : { detector, detected, level }
    const known = byDetector.get(detector)
    if (known === undefined || isStronger(result, known)) byDetector.set(detector, result)
  }
  return byDetector.size === 0 ? undefined : [...byDetector.values()]
}

function isStronger(one: DetectorResult, other: DetectorResult): boolean {
  if (one.detected !== other.detected) return one.detected
  return rankOf(one.level) < rankOf(other.level)
}

/** Lakera's levels fall from l1_confident to l5_unlikely; what is none of them comes last. */
function rankOf(level: string | undefined): number {
  return Number(/^l(\d)_/.exec(level ?? '')?.[1] ?? 10)
}
