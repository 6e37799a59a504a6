import type {
  DetectorResult,
  Finding,
  LocalGuardrail,
  Outcome,
  RunningText,
  ScanSubject,
} from '../../../src/guardrail/guardrail.ts'
import type { Role, TextKind, TextSegment } from '../../../src/llm/format.ts'

/** What a model says. */
export const ANSWER: RunningText = { side: 'output', role: 'assistant', kind: 'content' }

interface SegmentOptions {
  readonly message?: number
  readonly role?: Role
  readonly kind?: TextKind
}

export function segment(
  text: string,
  { message = 0, role = 'user', kind = 'content' }: SegmentOptions = {},
): TextSegment {
  return { message, role, kind, text, path: [] }
}

/** Texts of the user, each its own message. */
export function input(...texts: readonly string[]): ScanSubject {
  return { side: 'input', segments: texts.map((text, message) => segment(text, { message })) }
}

/** Texts of an answer, each its own choice. */
export function output(...texts: readonly string[]): ScanSubject {
  const segments = texts.map((text, message) => segment(text, { message, role: 'assistant' }))
  return { side: 'output', conversation: [], segments, final: true }
}

/** The findings, none when the verdict is clean. */
export function findingsIn(guardrail: LocalGuardrail, subject: ScanSubject): readonly Finding[] {
  const verdict = guardrail.scan(subject)
  return verdict.kind === 'flagged' ? verdict.findings : []
}

/** Each finding as `detector: the text that its span covers`. */
export function evidence(guardrail: LocalGuardrail, subject: ScanSubject): readonly string[] {
  return findingsIn(guardrail, subject).map(({ detector, span }) => {
    const text = span && subject.segments[span.segment]?.text.slice(span.start, span.end)
    return `${detector}: ${text}`
  })
}

/** What the verdict tells of every detector. */
export function breakdownOf(outcome: Outcome): readonly DetectorResult[] {
  if (outcome.kind === 'failure' || outcome.verdict.kind === 'clean') throw new Error('nothing was flagged')
  return outcome.verdict.breakdown ?? []
}

/** `count` words of which no two are the same, so that a piece of the text stands in one place of it. */
export function numberedWords(count: number): string {
  return Array.from({ length: count }, (_, index) => `word${index}. `).join('')
}

/** Whether the pieces, which may overlap and come in any order, are together the whole of a text without repetitions. */
export function cover(text: string, pieces: readonly string[]): boolean {
  const places = pieces.map(piece => ({ start: text.indexOf(piece), length: piece.length }))
  let covered = 0
  for (const { start, length } of places.sort((a, b) => a.start - b.start)) {
    if (start < 0 || start > covered) return false
    covered = Math.max(covered, start + length)
  }
  return covered === text.length
}
