import type { TextSyntax } from '../llm/format.ts'
import type { Replacement } from './redact.ts'

/** A placeholder as a model may write it: in JSON source `<` may be escaped. */
const PLACEHOLDER = /(?:<|\\u003c)([A-Z0-9_]+)(?:>|\\u003e)/gi
/** The beginning of one, at the end of a text that may go on. */
const OPEN_TAIL = /(?:(?:<|\\u003c)[A-Z0-9_]*(?:\\(?:u(?:0(?:03?)?)?)?)?|\\(?:u(?:0(?:03?)?)?)?)$/i

/** Finds placeholders in what a model says, and knows what stood in their place. */
export class Restorer {
  readonly #originals: ReadonlyMap<string, string>
  /** No beginning that is longer can become a placeholder. */
  readonly #longest: number

  constructor(originals: ReadonlyMap<string, string>) {
    this.#originals = originals
    const lengths = Array.from(originals.keys(), placeholder => placeholder.length)
    this.#longest = lengths.reduce((a, b) => Math.max(a, b), 0) + ESCAPES
  }

  /** The placeholders of a text that begins at position `from` of a longer one, each with its original. */
  find(text: string, from: number, syntax: TextSyntax | undefined): readonly Replacement[] {
    if (!text.includes('>') && !text.includes('\\')) return NONE
    const found: Replacement[] = []
    for (const match of text.matchAll(PLACEHOLDER)) {
      const original = this.#originals.get(`<${match[1]}>`)
      if (original === undefined) continue
      const start = from + match.index
      found.push({ start, end: start + match[0].length, text: spelled(original, syntax) })
    }
    return found
  }

  /** How many characters at the end of a text may be the beginning of a placeholder. */
  openTail(text: string): number {
    const tail = text.slice(-this.#longest)
    if (!tail.includes('<') && !tail.includes('\\')) return 0
    const match = OPEN_TAIL.exec(tail)
    return match === null || match[0].length >= this.#longest ? 0 : match[0].length
  }

  /** For a text that comes piece by piece. */
  open(syntax: TextSyntax | undefined): RestoreScan {
    return new RestoreScan(this, syntax)
  }
}

/** `\u003c` and `\u003e` are each five characters longer than what they stand for. */
const ESCAPES = 10
const NONE: readonly Replacement[] = []

/** JSON source takes a text as the inside of a string. */
function spelled(original: string, syntax: TextSyntax | undefined): string {
  return syntax === 'json' ? JSON.stringify(original).slice(1, -1) : original
}

/** Looks for placeholders in one text as it grows. Its cost is linear: it looks again at an open tail only. */
export class RestoreScan {
  readonly #restorer: Restorer
  readonly #syntax: TextSyntax | undefined
  #tail = ''
  /** What stands before can no longer become part of a placeholder. */
  safeTo = 0

  constructor(restorer: Restorer, syntax: TextSyntax | undefined) {
    this.#restorer = restorer
    this.#syntax = syntax
  }

  push(text: string): readonly Replacement[] {
    const piece = this.#tail + text
    const found = this.#restorer.find(piece, this.safeTo, this.#syntax)
    const open = this.#restorer.openTail(piece)
    this.safeTo += piece.length - open
    this.#tail = open === 0 ? '' : piece.slice(-open)
    return found
  }

  /** No more of it comes: what was waited for is text like any other. */
  end(): void {
    this.safeTo += this.#tail.length
    this.#tail = ''
  }
}
