import { z } from 'zod'
import type { Finding, Span } from '../guardrail.ts'
import { type Detection, detectorOf, strongest } from './detections.ts'
import { type Places, placesIn } from './places.ts'
import type { SentMessage } from './request.ts'

const offset = z.int().min(0).nullish().catch(undefined)

/** Matches and where they stand. One entry that lacks its text or its type makes all of them useless. */
const payloadSchema = z.array(
  z.object({
    start: offset,
    end: offset,
    text: z.string().min(1),
    detector_type: z.string(),
    message_id: z.int().min(0).nullish(),
  }),
)

type PayloadEntry = z.output<typeof payloadSchema>[number]

/**
 * Findings that all have a span, or undefined when that cannot be had: when anything but personal data was detected or
 * matched, a match is not where the service says and nowhere else in its message either, or nothing matched for a
 * detector in a message where it detected something. To redact what is left would hide only part of what was found.
 */
export function placedFindings(
  detections: readonly Detection[],
  payload: unknown,
  messages: readonly SentMessage[],
): readonly Finding[] | undefined {
  const detected = detections.filter(one => one.detected)
  const matches = payloadSchema.safeParse(payload)
  if (!matches.success || !detected.every(({ detector }) => isPersonalData(detector))) return undefined
  const levels = new Map(strongest(detected)?.map(({ detector, level }) => [detector, level]))
  const places = messages.map(placesIn)
  const findings: Finding[] = []
  const covered = new Set<string>()
  for (const match of matches.data) {
    const detector = detectorOf(match.detector_type)
    const placed = isPersonalData(detector) ? placesOf(match, places) : []
    if (placed.length === 0) return undefined
    const level = levels.get(detector)
    const found = level === undefined ? { detector } : { detector, level }
    for (const { message, spans } of placed) {
      covered.add(detector).add(`${detector} ${message}`)
      for (const span of spans) findings.push({ ...found, span })
    }
  }
  const isCovered = ({ detector, message }: Detection): boolean =>
    covered.has(message === undefined ? detector : `${detector} ${message}`)
  // Flagged with nothing detected: for a reason that is not told.
  return detected.length > 0 && detected.every(isCovered) ? findings : undefined
}

/** By prefix: entities have several spellings, such as `pii/email` and `pii/email_address`. */
function isPersonalData(detector: string): boolean {
  return detector.startsWith('pii/')
}

interface Placed {
  readonly message: number
  readonly spans: readonly Span[]
}

/** In the message that the match names; wherever its text stands when it names none of several. */
function placesOf(match: PayloadEntry, places: readonly Places[]): readonly Placed[] {
  const { text, start, end } = match
  const named = match.message_id ?? (places.length === 1 ? 0 : undefined)
  const placed =
    named === undefined
      ? places.map((place, message) => ({ message, spans: place.of({ text }) }))
      : [{ message: named, spans: places[named]?.of({ text, start, end }) ?? [] }]
  return placed.filter(({ spans }) => spans.length > 0)
}
