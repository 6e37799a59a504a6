import { assertNever } from '../../errors.ts'
import type { Role, TextSegment } from '../../llm/format.ts'
import type { ScanSubject } from '../guardrail.ts'
import { GuardrailFailure } from '../guardrail.ts'
import { joined } from '../joined.ts'
import type { Piece } from '../pieces.ts'
import { batchesOf, MAX_REQUESTS, newestWithin } from '../pieces.ts'

/** One message of a request. Lakera names it by its index in the list as sent. */
export interface SentMessage {
  /** The roles that Lakera's guard documents: "user, assistant, system, tool or developer". */
  readonly role: Role
  readonly content: string
  /** Where the content came from, in order, joined by line breaks; none for what only stands before an answer. */
  readonly pieces: readonly Piece[]
}

/**
 * The messages of each request, at most `maxChars` UTF-16 units in one; no request when all is blank. Of the input side
 * every message with its role; of the output side one assistant message per choice, behind the request's messages where
 * the rule wants to see them. What does not fit goes in several requests, in order, long texts cut with an overlap.
 * Blank texts are left out, since the service refuses empty content with 400. Throws GuardrailFailure `over-limit`.
 */
export function lakeraRequests(subject: ScanSubject, maxChars: number): readonly (readonly SentMessage[])[] {
  const requests = planned(subject, maxChars)
  if (requests.length > MAX_REQUESTS) {
    throw new GuardrailFailure('over-limit', `the text needs more than ${MAX_REQUESTS} requests`)
  }
  return requests
}

function planned(subject: ScanSubject, maxChars: number): readonly (readonly SentMessage[])[] {
  switch (subject.side) {
    case 'input':
      return said(subject.segments, maxChars)
    case 'output':
      return answered(subject, maxChars)
    default:
      return assertNever(subject)
  }
}

function said(segments: readonly TextSegment[], maxChars: number): readonly (readonly SentMessage[])[] {
  return batchesOf(segments, maxChars).map(batch => gather(batch, segments))
}

/**
 * An answer behind what was asked. Where both are too long for one request, what was asked is judged by itself, nothing
 * left out, and the newest of it stands before each part of the answer as well, in half of the room at most.
 */
function answered(
  { segments, conversation }: Extract<ScanSubject, { side: 'output' }>,
  maxChars: number,
): readonly (readonly SentMessage[])[] {
  const answers = answersWithin(segments, maxChars)
  if (answers.length === 0) return []
  const asked = said(conversation, maxChars).map(asContext)
  if (charsOf(conversation) + charsOf(segments) <= maxChars) return [[...asked.flat(), ...answers.flat()]]
  const newest = newestWithin(conversation, maxChars >> 1)
  const before = said(newest, maxChars).flatMap(asContext)
  const parts = answersWithin(segments, maxChars - charsOf(newest))
  return [...asked, ...parts.map(part => [...before, ...part])]
}

/** Choices may be interleaved; the sort is stable, so each choice keeps its own order. */
function answersWithin(
  segments: readonly TextSegment[],
  maxChars: number,
): readonly (readonly SentMessage[])[] {
  const order = [...segments.keys()].sort((a, b) => segments[a]!.message - segments[b]!.message)
  const sorted = order.map(index => segments[index]!)
  return batchesOf(sorted, maxChars).map(batch => {
    const pieces = batch.map(piece => ({
      ...piece,
      segment: order[piece.segment]!,
      role: 'assistant' as const,
    }))
    return gather(pieces, segments)
  })
}

/** What was asked stands for no segment of the answer. */
function asContext(messages: readonly SentMessage[]): readonly SentMessage[] {
  return messages.map(message => ({ ...message, pieces: [] }))
}

/** As batchesOf counts, a unit for what joins two texts included. */
function charsOf(segments: readonly TextSegment[]): number {
  return segments.reduce((sum, { text }) => sum + text.length + 1, 0)
}

interface OpenMessage {
  readonly message: number
  readonly role: Role
  readonly pieces: Piece[]
}

/** Neighbours of one message and role become one Lakera message. */
function gather(batch: readonly Piece[], segments: readonly TextSegment[]): readonly SentMessage[] {
  const open: OpenMessage[] = []
  for (const piece of batch) {
    const { role } = piece
    const { message } = segments[piece.segment]!
    const last = open.at(-1)
    if (last !== undefined && last.message === message && last.role === role) last.pieces.push(piece)
    else open.push({ message, role, pieces: [piece] })
  }
  return open.map(({ role, pieces }) => ({ role, content: joined(pieces), pieces }))
}
