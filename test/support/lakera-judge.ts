import { randomUUID } from 'node:crypto'
import { z } from 'zod'

/** A text with this in it is flagged as a prompt attack. */
export const FLAG_MARKER = 'FLAG-ME'
/** A text with this in it is flagged as holding an e-mail address; the payload says where. */
export const PII_MARKER = 'PII-ME'
/** As PII_MARKER, but for a credit card. */
export const CARD_MARKER = '4111 1111 1111 1111'
/** Flagged as profanity, which has a place in the payload too, but is no personal data. */
export const PROFANITY_MARKER = 'SWEAR-ME'

const DETECTORS = [
  { type: 'prompt_attack', marker: FLAG_MARKER, label: undefined },
  { type: 'pii/email', marker: PII_MARKER, label: 'EMAIL_ADDRESS' },
  { type: 'pii/credit_card', marker: CARD_MARKER, label: 'CREDIT_CARD' },
  { type: 'moderated_content/profanity', marker: PROFANITY_MARKER, label: 'PROFANITY' },
  { type: 'moderated_content/hate', marker: undefined, label: undefined },
] as const

/** How the payload counts, which the service does not document: `shifted` is wrong, `unmatched` masks the text too. */
export type LakeraOffsets = 'code-points' | 'utf-16' | 'inclusive' | 'shifted' | 'unmatched'

const contentPart = z.strictObject({ type: z.literal('text'), text: z.string().min(1) })

/** The documented keys and nothing else; content is text and never empty, or the service answers 400. */
export const requestSchema = z.strictObject({
  messages: z
    .array(
      z.strictObject({
        role: z.enum(['user', 'assistant', 'system', 'tool', 'developer']),
        content: z.union([z.string().regex(/\S/), z.array(contentPart).min(1)]),
      }),
    )
    .min(1),
  project_id: z.string().min(1).optional(),
  payload: z.boolean().optional(),
  breakdown: z.boolean().optional(),
  dev_info: z.boolean().optional(),
  metadata: z.record(z.string(), z.string()).optional(),
})

export type LakeraStubRequest = z.output<typeof requestSchema>

/** Flags by the markers, and reports every detector run in every message, detected or not, as the service does. */
export function judge(request: LakeraStubRequest, offsets: LakeraOffsets) {
  const texts = request.messages.map(({ content }) =>
    typeof content === 'string' ? content : content.map(part => part.text).join('\n'),
  )
  const breakdown = texts.flatMap((text, message) =>
    DETECTORS.map(({ type, marker }, index) => {
      const detected = marker !== undefined && text.includes(marker)
      return {
        project_id: request.project_id ?? null,
        policy_id: 'policy-a1',
        detector_id: `detector-${index + 1}`,
        detector_type: type,
        detected,
        result: detected ? 'l1_confident' : 'l5_unlikely',
        message_id: message,
      }
    }),
  )
  return {
    flagged: breakdown.some(({ detected }) => detected),
    ...(request.payload === true
      ? { payload: texts.flatMap((text, message) => matchesIn(text, message, offsets)) }
      : {}),
    ...(request.breakdown === true ? { breakdown } : {}),
    metadata: { request_uuid: randomUUID() },
  }
}

function matchesIn(text: string, message: number, offsets: LakeraOffsets) {
  return DETECTORS.flatMap(({ type, marker, label }) => {
    if (label === undefined) return []
    return Array.from(text.matchAll(new RegExp(marker, 'g')), ({ index }) => ({
      ...countedAs(offsets, text, index, marker),
      detector_type: type,
      labels: [label],
      message_id: message,
    }))
  })
}

function countedAs(offsets: LakeraOffsets, text: string, at: number, match: string) {
  const start = offsets === 'utf-16' ? at : Array.from(text.slice(0, at)).length
  const end = start + match.length
  switch (offsets) {
    case 'code-points':
    case 'utf-16':
      return { start, end, text: match }
    case 'inclusive':
      return { start, end: end - 1, text: match }
    case 'shifted':
      return { start: start + 7, end: end + 7, text: match }
    case 'unmatched':
      return { start, end, text: match.replaceAll(/\w/g, '*') }
    default:
      return offsets satisfies never
  }
}
