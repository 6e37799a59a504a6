import type { ScanSubject } from '../guardrail/guardrail.ts'
import type { TextSegment } from '../llm/format.ts'

/**
 * A keyed hash (HMAC-SHA-256) of a text, in hex. Keyed, since what is asked is guessable: a bare hash would tell who
 * can read the cache whether a given text was ever scanned. The text that it gets is plain ASCII where it matters:
 * JSON, whose escapes keep apart what UTF-8 would not, such as half of a surrogate pair.
 */
export type Digest = (text: string) => string

/** Whose verdict it is: what is the same for every scan of one guardrail. */
export interface KeyScope {
  /** The guardrail's name in the config. */
  readonly guardrail: string
  /** Another one for every change of the guardrail's config, its secrets included. */
  readonly configVersion: string
  readonly digest: Digest
}

/** Changes with what a key is made of, so that no verdict is taken for another's after an update. */
const KEY_VERSION = 1

/**
 * The key of a verdict over the whole subject. Two subjects share it only when a guardrail cannot tell them apart; the
 * exchange's id is no part of it, since it differs each time and no verdict may hang on it.
 */
export function subjectKey(scope: KeyScope, subject: ScanSubject): string {
  return keyOf(scope, [
    'subject',
    ...place(subject),
    subject.side === 'output' ? subject.conversation.map(wholeSegment) : [],
    subject.segments.map(wholeSegment),
  ])
}

/** The key of a verdict over one text of the subject, wherever in a conversation it stands. */
export function textKey(scope: KeyScope, subject: ScanSubject, segment: TextSegment): string {
  return keyOf(scope, ['text', ...place(subject), loneSegment(segment)])
}

/** A JSON list says where each part ends, so that no two lists of parts read the same. */
function keyOf({ guardrail, configVersion, digest }: KeyScope, parts: readonly unknown[]): string {
  return digest(JSON.stringify([KEY_VERSION, guardrail, configVersion, ...parts]))
}

function place(subject: ScanSubject): readonly unknown[] {
  const final = subject.side === 'output' ? subject.final : null
  return [subject.side, final, subject.origin?.model ?? null]
}

function wholeSegment(segment: TextSegment): readonly unknown[] {
  return [segment.message, ...loneSegment(segment)]
}

/** Without its path, which says where the bytes stand and which no guardrail reads. */
function loneSegment({ role, kind, syntax, text }: TextSegment): readonly unknown[] {
  return [role, kind, syntax ?? null, text]
}
