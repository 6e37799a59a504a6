import type { DecisionRecord, TraceIds } from '../exchange/record.ts'
import { isShownWhole } from '../telemetry/decision-log.ts'
import { type Decided, decisionLine } from './decision-line.ts'

/** Decisions that are kept for whoever looks later; the oldest go first. */
export const KEPT_DECISIONS = 500

/** A decision waits as it came: nobody may ever ask for its line. */
type Kept =
  | { readonly kind: 'record'; readonly decided: Decided }
  | { readonly kind: 'line'; readonly line: string }

/** A line with its place in the row of all decisions; the first has 1. */
export interface NumberedLine {
  readonly number: number
  readonly line: string
}

/** What came after a place in the row. */
export interface Slice {
  readonly lines: readonly NumberedLine[]
  /** How many came before these and are no longer kept. */
  readonly missed: number
  /** The place to go on from. */
  readonly last: number
}

export interface DecisionRingOptions {
  /** Takes known secrets out of a line: a guard service may name a detector after one. */
  readonly scrub: (line: string) => string
  /** Of several processes, which one this is. */
  readonly worker?: number | undefined
  /** Unix time in milliseconds. */
  readonly nowMs?: () => number
}

/**
 * The newest decisions. Adding one keeps a reference and makes nothing of it; lines are made when somebody reads, who
 * comes by himself and holds nobody up.
 */
export class DecisionRing {
  readonly #options: DecisionRingOptions
  readonly #nowMs: () => number
  readonly #kept: (Kept | undefined)[] = Array.from({ length: KEPT_DECISIONS })
  /** How many there were in all, and so the place of the newest. */
  #last = 0

  constructor(options: DecisionRingOptions) {
    this.#options = options
    this.#nowMs = options.nowMs ?? Date.now
  }

  /** The place of the newest decision; 0 before the first. */
  get last(): number {
    return this.#last
  }

  /** `ms`: from the exchange's start to the decision. `trace`: of an exchange that is traced. */
  readonly add = (record: DecisionRecord, ms: number, trace?: TraceIds): void => {
    const decided = { record, ms, trace, atMs: this.#nowMs() }
    // What a guard service says without end is cut at once, so that the row keeps none of it in memory.
    this.#push(
      isShownWhole(record) ? { kind: 'record', decided } : { kind: 'line', line: this.#lineOf(decided) },
    )
  }

  /** A line that another process made. */
  addLine(line: string): void {
    this.#push({ kind: 'line', line })
  }

  /** So many were decided elsewhere and nobody kept them. */
  skip(count: number): void {
    for (let skipped = 0; skipped < Math.min(count, KEPT_DECISIONS); skipped++) this.#push(undefined)
    this.#last += Math.max(0, count - KEPT_DECISIONS)
  }

  /** The oldest of those that came after the place `after`, at most `most`. */
  after(after: number, most: number): Slice {
    const first = Math.max(after, this.#last - KEPT_DECISIONS, 0)
    const lines: NumberedLine[] = []
    let missed = first - after
    let at = first
    while (at < this.#last && lines.length < most) {
      at += 1
      const line = this.#lineAt(at)
      if (line === undefined) missed += 1
      else lines.push({ number: at, line })
    }
    return { lines, missed, last: at }
  }

  #push(one: Kept | undefined): void {
    this.#last += 1
    this.#kept[this.#last % KEPT_DECISIONS] = one
  }

  #lineAt(place: number): string | undefined {
    const one = this.#kept[place % KEPT_DECISIONS]
    if (one === undefined || one.kind === 'line') return one?.line
    const line = this.#lineOf(one.decided)
    this.#kept[place % KEPT_DECISIONS] = { kind: 'line', line }
    return line
  }

  #lineOf(decided: Decided): string {
    return this.#options.scrub(decisionLine(decided, this.#options.worker))
  }
}
