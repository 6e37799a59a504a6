import { assertNever } from '../../errors.ts'
import type { Role, TextSegment } from '../../llm/format.ts'
import type { ScanSubject } from '../guardrail.ts'

/** The roles that Lakera's guard documents: "user, assistant, system, tool or developer". */
export interface LakeraMessage {
  readonly role: Role
  readonly content: string
}

/** Lakera answers by index into `messages`; `sources[i]` are the indexes of the segments that message i came from. */
export interface LakeraConversation {
  readonly messages: readonly LakeraMessage[]
  readonly sources: readonly (readonly number[])[]
}

/**
 * The conversation as Lakera reads it. On the input side every message with its role; on the output side one assistant
 * message per choice, behind the request's where the rule wants to see them. Blank texts are left out, since the
 * service refuses empty content with 400.
 */
export function lakeraConversation(subject: ScanSubject): LakeraConversation {
  switch (subject.side) {
    case 'input':
      return gather(indexed(subject.segments), segment => segment.role)
    case 'output':
      return withContext(
        gather(indexed(subject.conversation), segment => segment.role),
        gather(byChoice(subject.segments), () => 'assistant'),
      )
    default:
      return assertNever(subject)
  }
}

/** What was asked stands for no segment of the answer. */
function withContext(asked: LakeraConversation, answered: LakeraConversation): LakeraConversation {
  if (answered.messages.length === 0) return answered
  return {
    messages: [...asked.messages, ...answered.messages],
    sources: [...asked.messages.map(() => []), ...answered.sources],
  }
}

interface IndexedSegment {
  readonly segment: TextSegment
  readonly index: number
}

function indexed(segments: readonly TextSegment[]): IndexedSegment[] {
  return segments.map((segment, index) => ({ segment, index }))
}

/** Choices may be interleaved; the sort is stable, so each choice keeps its own order. */
function byChoice(segments: readonly TextSegment[]): IndexedSegment[] {
  return indexed(segments).sort((a, b) => a.segment.message - b.segment.message)
}

interface OpenMessage {
  readonly message: number
  readonly role: Role
  readonly texts: string[]
  readonly sources: number[]
}

/** Neighbours of one message and role become one Lakera message, their texts joined by line breaks. */
function gather(
  segments: readonly IndexedSegment[],
  roleOf: (segment: TextSegment) => Role,
): LakeraConversation {
  const open: OpenMessage[] = []
  for (const { segment, index } of segments) {
    if (segment.text.trim() === '') continue
    const role = roleOf(segment)
    const last = open.at(-1)
    if (last !== undefined && last.message === segment.message && last.role === role) {
      last.texts.push(segment.text)
      last.sources.push(index)
    } else {
      open.push({ message: segment.message, role, texts: [segment.text], sources: [index] })
    }
  }
  return {
    messages: open.map(({ role, texts }) => ({ role, content: texts.join('\n') })),
    sources: open.map(({ sources }) => sources),
  }
}
