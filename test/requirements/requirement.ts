/** One thing that Weir promises, and the tests that prove it. */
export interface Requirement {
  /** Names it for good: lower case, words joined by `-`. */
  readonly id: string
  /** One sentence, or a few, as they stand in docs/behaviour.md. */
  readonly says: string
  /**
   * Whether it can be seen from outside. What a client or an LLM can see, one of its tests at least sees through a
   * real Envoy.
   */
  readonly seen: 'outside' | 'inside'
  /** `file › block › test`: the file under test/ without `.test.ts`, the titles as they stand in it. */
  readonly provedBy: readonly string[]
}

/** The requirements about one subject, under one heading of the page. */
export interface Chapter {
  readonly title: string
  readonly requirements: readonly Requirement[]
}
