import { assertNever } from '../../errors.ts'
import type { TextSegment } from '../../llm/format.ts'
import type { ScanSubject } from '../guardrail.ts'
import { GuardrailFailure } from '../guardrail.ts'
import { halvesOf } from '../halves.ts'
import type { Piece } from '../pieces.ts'
import { batchesOf, MAX_REQUESTS } from '../pieces.ts'

/** As the ApplyGuardrail reference has it: a text without qualifiers is guarded by every policy. */
interface ContentBlock {
  readonly text: { readonly text: string; readonly qualifiers?: readonly ('grounding_source' | 'query')[] }
}

/** One ApplyGuardrail request. Its guarded texts are `pieces`, in this order; `context` only explains them. */
export interface GuardrailRequest {
  readonly source: 'INPUT' | 'OUTPUT'
  readonly context: readonly ContentBlock[]
  readonly pieces: readonly Piece[]
}

/** Whether answers are judged by the request that they answer. */
export type Grounding = 'off' | 'conversation'

interface Limits {
  readonly grounding: Grounding
  /** Of guarded text in one request, in UTF-16 units: never fewer than the characters that the service counts. */
  readonly maxChars: number
}

/** The service's limits of contextual grounding, in characters. */
const GROUNDING_LIMITS = { source: 100_000, query: 1000, answer: 5000 } as const

/**
 * The requests that scan all of a subject, none when all is blank. The service knows no roles: `source` tells
 * prompts from answers, and each text is a block of its own. Throws GuardrailFailure `over-limit`.
 */
export function guardrailRequests(subject: ScanSubject, limits: Limits): readonly GuardrailRequest[] {
  const requests = planned(subject, limits)
  if (requests.length > MAX_REQUESTS) {
    throw new GuardrailFailure('over-limit', `the text needs more than ${MAX_REQUESTS} requests`)
  }
  return requests
}

/** FULL: filters that found nothing are listed as well, which is what a breakdown is made of. */
export function applyBody({ source, context, pieces }: GuardrailRequest) {
  const content: readonly ContentBlock[] = [...context, ...pieces.map(({ text }) => ({ text: { text } }))]
  return { source, content, outputScope: 'FULL' }
}

export function requestHalves(request: GuardrailRequest): readonly GuardrailRequest[] {
  return halvesOf(request.pieces).map(pieces => ({ ...request, pieces }))
}

function planned(subject: ScanSubject, { grounding, maxChars }: Limits): readonly GuardrailRequest[] {
  const segments = indexed(subject.segments)
  switch (subject.side) {
    case 'input':
      return pack('INPUT', segments, maxChars, [])
    case 'output': {
      const context = grounding === 'off' ? [] : groundingBlocks(subject.conversation)
      if (context.length === 0) return pack('OUTPUT', segments, maxChars, [])
      // Reasoning and tool calls claim nothing that a source must bear out.
      const isAnswer = ({ segment }: IndexedSegment) => segment.kind === 'content'
      const others = segments.filter(segment => !isAnswer(segment))
      const answerChars = Math.min(maxChars, GROUNDING_LIMITS.answer)
      return [
        ...groupByChoice(segments.filter(isAnswer)).flatMap(answer =>
          pack('OUTPUT', answer, answerChars, context),
        ),
        ...pack('OUTPUT', others, maxChars, []),
      ]
    }
    default:
      return assertNever(subject)
  }
}

interface IndexedSegment {
  readonly segment: TextSegment
  readonly index: number
}

function indexed(segments: readonly TextSegment[]): IndexedSegment[] {
  return segments.map((segment, index) => ({ segment, index }))
}

/** Each choice is an answer of its own to the query. */
function groupByChoice(segments: readonly IndexedSegment[]): readonly (readonly IndexedSegment[])[] {
  return [...Map.groupBy(segments, ({ segment }) => segment.message).values()]
}

/** Pieces count among all segments of the subject. A lone surrogate, which is no JSON text, becomes U+FFFD. */
function pack(
  source: 'INPUT' | 'OUTPUT',
  segments: readonly IndexedSegment[],
  maxChars: number,
  context: readonly ContentBlock[],
): readonly GuardrailRequest[] {
  const batches = batchesOf(
    segments.map(({ segment }) => segment),
    maxChars,
  )
  return batches.map(batch => ({
    source,
    context,
    pieces: batch.map(piece => ({
      ...piece,
      segment: segments[piece.segment]!.index,
      text: piece.text.toWellFormed(),
    })),
  }))
}

/**
 * What the model was given to answer from (instructions and tool results) and what it was asked (the last message of
 * the user). Empty when one of them is missing: the service judges grounding by both.
 */
function groundingBlocks(conversation: readonly TextSegment[]): readonly ContentBlock[] {
  const texts = conversation.filter(({ text }) => text.trim() !== '')
  const sources = texts.filter(({ role }) => role === 'system' || role === 'developer' || role === 'tool')
  const asked = texts.findLast(({ role }) => role === 'user')?.message
  const query = texts
    .filter(({ role, message }) => role === 'user' && message === asked)
    .map(({ text }) => text)
    .join('\n')
  if (sources.length === 0 || query === '') return []
  const sourceChars = sources.reduce((sum, { text }) => sum + text.length, 0)
  if (sourceChars > GROUNDING_LIMITS.source || query.length > GROUNDING_LIMITS.query) {
    throw new GuardrailFailure('over-limit', 'the conversation is too long to judge grounding by')
  }
  return [
    ...sources.map(({ text }) => ({
      text: { text: text.toWellFormed(), qualifiers: ['grounding_source'] as const },
    })),
    { text: { text: query.toWellFormed(), qualifiers: ['query'] } },
  ]
}
