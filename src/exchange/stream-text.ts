import type { Part, TextSegment } from '../llm/format.ts'

/** The running texts of a stream, one per choice, kind and block, as guardrails see them. */
export class StreamText {
  readonly #texts = new Map<string, TextSegment>()
  /** Grows with every text, so that "anything new since?" is one comparison. */
  length = 0

  add(part: Extract<Part, { kind: 'text-delta' }>): void {
    if (part.text === '') return
    this.length += part.text.length
    const key = `${part.choice}/${part.textKind}/${part.block}`
    const known = this.#texts.get(key)
    this.#texts.set(
      key,
      known
        ? { ...known, text: known.text + part.text }
        : { message: part.choice, role: 'assistant', kind: part.textKind, text: part.text, path: [] },
    )
  }

  segments(): readonly TextSegment[] {
    return [...this.#texts.values()]
  }
}
