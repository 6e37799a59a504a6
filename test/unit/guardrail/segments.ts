import type { Finding, LocalGuardrail, ScanSubject } from '../../../src/guardrail/guardrail.ts'
import type { Role, TextKind, TextSegment } from '../../../src/llm/format.ts'

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
