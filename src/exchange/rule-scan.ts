import { WeirError } from '../errors.ts'
import type { Finding, IncrementalScan, Outcome, RunningText, ScanProgress } from '../guardrail/guardrail.ts'
import type { TextKind } from '../llm/format.ts'
import type { RuleOutcome } from '../policy/decide.ts'
import type { Rule } from '../policy/policy.ts'
import { inSource, type Unescaped } from './unescape.ts'

/** UTF-16 units that the incremental rules of a stream may read in one event, all together. */
const UNITS_AN_EVENT = 16_384

/** What is left of what may be read in this event. It is begun anew with each. */
export class ReadingAllowance {
  left = UNITS_AN_EVENT

  renew(): void {
    this.left = UNITS_AN_EVENT
  }
}

/** What a scan was given and has not read yet. */
interface Unread {
  readonly text: string
  read: number
  /** Right before the text, for a scan that has to begin anew there: what it holds by itself was found before. */
  readonly tail: string
  /** Where the text begins in the track. */
  readonly from: number
  readonly ending: 'goes-on' | 'ends'
  /** Of JSON source that is read with its escapes undone. */
  readonly unescaped: Unescaped | undefined
}

const NONE: readonly RuleOutcome[] = []

/**
 * One incremental rule at work on one track. It reads as much in an event as there is left to read in it, and the rest
 * when it is told to go on. A scan that throws is a failure, never clean.
 */
export class RuleScan {
  readonly #rule: Rule
  readonly #running: RunningText
  readonly #allowance: ReadingAllowance
  #scan: IncrementalScan | undefined
  /** Where the scan at work began. */
  #base = 0
  #isBroken = false
  readonly #unread: Unread[] = []
  safeTo = 0

  constructor(rule: Rule, kind: TextKind, allowance: ReadingAllowance) {
    this.#rule = rule
    this.#running = { side: 'output', role: 'assistant', kind }
    this.#allowance = allowance
  }

  /** It was given more than it has read. */
  get isBehind(): boolean {
    return this.#unread.length > 0
  }

  push(text: string, from: number, tail: string): readonly RuleOutcome[] {
    if (text === '') return NONE
    return this.#take({ text, read: 0, tail, from, ending: 'goes-on', unescaped: undefined })
  }

  end(length: number): readonly RuleOutcome[] {
    return this.#take({ text: '', read: 0, tail: '', from: length, ending: 'ends', unescaped: undefined })
  }

  /** JSON source that is complete, as it is to be read. */
  whole(source: string, unescaped: Unescaped | undefined): readonly RuleOutcome[] {
    const text = unescaped?.text ?? source
    return this.#take({ text, read: 0, tail: '', from: 0, ending: 'ends', unescaped })
  }

  /** Reads on, as far as may be. */
  goOn(): readonly RuleOutcome[] {
    if (this.#unread.length === 0) return NONE
    const outcomes: RuleOutcome[] = []
    for (let next = this.#unread[0]; next !== undefined && this.#allowance.left > 0; next = this.#unread[0]) {
      for (const one of this.#read(next)) outcomes.push(one)
      if (next.read === next.text.length) this.#unread.shift()
    }
    return outcomes
  }

  #take(unread: Unread): readonly RuleOutcome[] {
    this.#unread.push(unread)
    return this.goOn()
  }

  /** Reads a piece of it, and its end where the piece is the last. */
  #read(unread: Unread): readonly RuleOutcome[] {
    const { text, tail, from, ending, unescaped } = unread
    const piece = text.slice(unread.read, unread.read + this.#allowance.left)
    const isFirst = unread.read === 0
    unread.read += piece.length
    // Of what has no text the reading costs something as well.
    this.#allowance.left -= piece.length + 1
    const isLast = unread.read === text.length
    const length = from + unread.read
    const outcomes = this.#progress(from - (isFirst ? tail.length : 0), length, scan => {
      if (isFirst && tail !== '') scan.push(tail)
      return piece === '' ? undefined : scan.push(piece)
    })
    const placed = (all: readonly RuleOutcome[]): readonly RuleOutcome[] =>
      unescaped === undefined ? all : all.map(one => inSource(one, () => unescaped))
    if (!isLast || ending === 'goes-on') return placed(outcomes)
    const ended = this.#progress(length, length, scan => scan.end())
    this.#scan = undefined
    this.safeTo = Math.max(this.safeTo, length)
    return placed([...outcomes, ...ended])
  }

  #progress(
    from: number,
    length: number,
    work: (scan: IncrementalScan) => ScanProgress | undefined,
  ): readonly RuleOutcome[] {
    if (this.#isBroken) {
      this.safeTo = length
      return NONE
    }
    try {
      const progress = work(this.#open(from))
      if (progress === undefined) return NONE
      this.safeTo = Math.max(this.safeTo, Math.min(length, this.#base + progress.safeTo))
      return progress.findings.length > 0 ? [this.#outcome(this.#flagged(progress.findings))] : NONE
    } catch {
      // What it would have said of this text and of all that follows nobody knows: the policy decides, once.
      this.#isBroken = true
      this.safeTo = length
      return [this.#outcome({ kind: 'failure', reason: 'internal', ms: 0 })]
    }
  }

  #open(from: number): IncrementalScan {
    if (this.#scan !== undefined) return this.#scan
    const { guardrail } = this.#rule
    const scan = guardrail.locality === 'local' ? guardrail.openScan?.(this.#running) : undefined
    if (scan === undefined) throw new WeirError('bug', 'a rule without an incremental scan')
    this.#base = from
    this.#scan = scan
    return scan
  }

  #flagged(findings: readonly Finding[]): Outcome {
    const placed = findings.map(finding => ({
      ...finding,
      span: finding.span && {
        segment: 0,
        start: finding.span.start + this.#base,
        end: finding.span.end + this.#base,
      },
    }))
    return { kind: 'verdict', verdict: { kind: 'flagged', findings: placed }, ms: 0 }
  }

  #outcome(outcome: Outcome): RuleOutcome {
    return { rule: this.#rule, outcome }
  }
}
