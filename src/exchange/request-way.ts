/** How the body of a guarded request is looked at. Asked only while the request is on its way. */
export interface RequestWay {
  /** A verdict is on its way without which nothing goes on. */
  readonly judging: boolean
  /** What comes now is kept until a verdict. */
  readonly gathers: boolean
  push(chunk: Uint8Array): void
  /** Lets go of a copy that nobody waits for; returns whether there was one. */
  drop(why: 'over-limit' | 'over-budget'): boolean
  /** The body is complete. */
  end(): void
}
