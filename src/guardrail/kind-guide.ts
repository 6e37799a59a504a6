/** A whole config that works as it stands, once the secrets that it refers to are there. */
export interface KindExample {
  /** What it shows, for a kind with several; else empty. */
  readonly title: string
  readonly yaml: string
}

/** Whether `action: redact` can redact what the kind finds; `where` is a sentence on the findings that have a place. */
export type Redactable =
  | { readonly kind: 'always' }
  | { readonly kind: 'sometimes'; readonly where: string }
  | { readonly kind: 'never' }

/** What there is to know of a kind before it is used: docs/en/guardrails.md is made of it. Texts are Markdown. */
export interface KindGuide {
  /** One or two sentences. */
  readonly summary: string
  readonly examples: readonly KindExample[]
  /** The sides of an exchange on which it can find anything. */
  readonly sides: 'both' | 'input'
  /** What leaves Weir for the service: which texts, with which roles, and what beside them. */
  readonly sends: string
  /** The names of its detectors, and where score and level come from. */
  readonly finds: string
  readonly redacts: Redactable
  /** What becomes of long texts, in numbers. */
  readonly limits: string
  /** What is particular about its failures. */
  readonly failures?: string
  readonly notes: readonly string[]
  /** For a kind with a service: what was checked against it, and what was not. */
  readonly tried?: string
}
