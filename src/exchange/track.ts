import type { Part, TextKind, TextPart, TextSyntax } from '../llm/format.ts'
import type { RuleOutcome } from '../policy/decide.ts'
import { plainName } from '../policy/placeholder.ts'
import type { Rule } from '../policy/policy.ts'
import { insertRedaction, overlay, type Redacted, type Replacement, redactPiece } from '../policy/redact.ts'
import type { Redaction } from '../policy/redaction.ts'
import type { Restorer, RestoreScan } from '../policy/restore.ts'
import { type ReadingAllowance, RuleScan } from './rule-scan.ts'
import { unescapeJson } from './unescape.ts'

type TextDelta = Extract<Part, { kind: 'text-delta' }>
type Finish = Extract<Part, { kind: 'finish' }>

/** Where a frame's text stands in its running text. */
export interface TextPlace {
  readonly track: Track
  readonly from: number
  readonly to: number
  readonly part: TextPart
}

/**
 * One running text of a stream (one choice, kind and block), and how far each step has come with it. Positions are
 * UTF-16 and count from the text's start; `releasedTo ≤ clearedTo ≤ scannedTo ≤ safeTo ≤ length`, as far as rules of
 * that sort exist.
 */
export class Track {
  readonly choice: number
  readonly kind: TextKind
  readonly block: number
  length = 0
  /** No more of it is expected. */
  isComplete = false
  /** Scans by windows have seen it up to here. */
  scannedTo = 0
  /** What stands before may go, as far as scans by windows are concerned. */
  clearedTo = 0
  #releasedTo = 0
  readonly #scans: readonly RuleScan[]
  /** The text from `#base` on; what stands before is of no use any more. */
  #text = ''
  #base = 0
  readonly #syntax: TextSyntax | undefined
  readonly #keepsAll: boolean
  readonly #redacted: Redacted[] = []
  readonly #restore: RestoreScan | undefined
  readonly #restored: Replacement[] = []

  constructor(
    { choice, textKind, block, syntax }: TextDelta,
    incrementalRules: readonly Rule[],
    allowance: ReadingAllowance,
    restorer: Restorer | undefined,
    keeps: 'what-scans-see' | 'all',
  ) {
    this.#syntax = syntax
    this.#keepsAll = keeps === 'all' || syntax === 'json'
    this.choice = choice
    this.kind = textKind
    this.block = block
    this.#scans = incrementalRules.map(rule => new RuleScan(rule, textKind, allowance))
    this.#restore = restorer?.open(syntax)
  }

  /** What stands before can no longer become part of a finding of an incremental rule, nor of a placeholder. */
  get safeTo(): number {
    const restorable = this.#restore?.safeTo ?? this.length
    // An escape may be cut anywhere: source is read when it is whole.
    if (this.#syntax === 'json')
      return this.isComplete && !this.isBehind ? restorable : Math.min(restorable, this.#releasedTo)
    let least = restorable
    for (const scan of this.#scans) least = Math.min(least, scan.safeTo)
    return least
  }

  /** An incremental rule has not read all that is here. */
  get isBehind(): boolean {
    return this.#scans.some(scan => scan.isBehind)
  }

  /** Has the incremental rules that are behind read on. */
  goOn(): readonly RuleOutcome[] {
    return this.#scans.flatMap(scan => scan.goOn())
  }

  /** The client has it up to here. */
  get releasedTo(): number {
    return this.#releasedTo
  }

  released(to: number): void {
    this.#releasedTo = to
    // Scans by windows say themselves what they still want. Cut now and then: every cut copies what stays.
    if (this.scannedTo === 0 && to - this.#base > 2 * KEPT_CHARS) this.#forget(to - KEPT_CHARS)
  }

  append(part: TextDelta): { readonly place: TextPlace; readonly outcomes: readonly RuleOutcome[] } {
    const from = this.length
    const tail = this.isComplete ? this.#text.slice(-REPLAYED_CHARS) : ''
    this.#text += part.text
    this.length += part.text.length
    if (part.text !== '') this.isComplete = false
    const isSource = this.#syntax === 'json'
    const outcomes: RuleOutcome[] = []
    if (!isSource) for (const scan of this.#scans) outcomes.push(...scan.push(part.text, from, tail))
    if (this.#restore) this.#restored.push(...this.#restore.push(part.text))
    return { place: { track: this, from, to: this.length, part }, outcomes }
  }

  /** Nothing more is expected: incremental scans say what they waited with. */
  complete(): readonly RuleOutcome[] {
    if (this.isComplete) return []
    this.isComplete = true
    this.#restore?.end()
    if (this.#syntax !== 'json') return this.#scans.flatMap(scan => scan.end(this.length))
    const unescaped = unescapeJson(this.#text)
    return this.#scans.flatMap(scan => scan.whole(this.#text, unescaped))
  }

  get syntax(): TextSyntax | undefined {
    return this.#syntax
  }

  redact(redactions: readonly Redaction[]): void {
    const original = (start: number, end: number): string =>
      this.#text.slice(start - this.#base, end - this.#base)
    for (const one of redactions) insertRedaction(this.#redacted, one, original, plainName)
  }

  /** What was redacted so far, in order. */
  get redacted(): readonly Redacted[] {
    return this.#redacted
  }

  #forget(before: number): void {
    if (this.#keepsAll) return
    this.#text = this.#text.slice(before - this.#base)
    this.#base = before
  }

  /** Whether all of it is this text. Only where all of it is kept. */
  says(text: string): boolean {
    return this.#keepsAll && this.#text === text
  }

  /** Whether that part says that it is complete. */
  isFinishedBy({ choice, block }: Finish): boolean {
    return this.kind === 'tool-call' && this.choice === choice && (block ?? this.block) === this.block
  }

  /** Nothing in it was redacted or restored so far. */
  get isAsItCame(): boolean {
    return this.#redacted.length === 0 && this.#restored.length === 0
  }

  isRedactedIn(from: number, to: number): boolean {
    return overlay(this.#redacted, [], from, to).length > 0
  }

  /** A piece of the text, which begins at `from`, as the client is to see it. */
  render(piece: string, from: number): string {
    const changes = overlay(this.#redacted, this.#restored, from, from + piece.length)
    return changes.length === 0 ? piece : redactPiece(piece, from, changes)
  }

  /**
   * What a scan may see: the text that it has to clear, up to `to`, and `contextChars` of what was cleared before, all
   * redacted. What stands before that is forgotten.
   */
  pieceTo(to: number, contextChars: number): { readonly start: number; readonly text: string } {
    const start = Math.max(this.#base, this.clearedTo - contextChars)
    this.#forget(start)
    const piece = this.#text.slice(start - this.#base, to - this.#base)
    return { start, text: redactPiece(piece, start, this.#redacted) }
  }
}

/** An upstream that writes on after it had finished a text: a new scan sees so much of what stands before. */
const REPLAYED_CHARS = 1000
/** So much of what was released is kept at least: more than REPLAYED_CHARS. */
const KEPT_CHARS = 4096

/** Whether the rule's guardrail can judge a text as it grows. */
export function isIncremental({ guardrail }: Rule): boolean {
  return guardrail.locality === 'local' && guardrail.openScan !== undefined
}
