import type { Span } from '../guardrail/guardrail.ts'

/** How a rule replaces what it found. */
export type RedactStyle =
  /** By the name of what it was, as in `<EMAIL>`; by a number more, `<EMAIL_1>`, where it is to be restored. */
  | { readonly kind: 'replace'; readonly restore: boolean }
  /** By as many asterisks. */
  | { readonly kind: 'mask' }
  /** By the name and a keyed hash of the text: the same for the same text. `digest` gives hexadecimal digits. */
  | { readonly kind: 'hash'; readonly restore: boolean; readonly digest: (text: string) => string }

export const PLAIN: RedactStyle = { kind: 'replace', restore: false }

/** One stretch of text to be replaced; its category and its rule's style say by what. */
export interface Redaction {
  readonly span: Span
  readonly detector: string
  readonly style: RedactStyle
}
