import type { TextSegment } from '../llm/format.ts'
import {
  type Finding,
  type IncrementalScan,
  type LocalGuardrail,
  type Outcome,
  type ScanProgress,
  type ScanSubject,
  verdictFrom,
} from './guardrail.ts'
import { type Clock, cancelled, checkFinding, failed, type OnFault } from './run-scan.ts'
import type { SteppedWork, Turns } from './turns.ts'

/** A local guardrail that judges a text piece by piece. */
export type Sliceable = LocalGuardrail & Required<Pick<LocalGuardrail, 'openScan'>>

export function isSliceable(guardrail: LocalGuardrail): guardrail is Sliceable {
  return guardrail.openScan !== undefined
}

export interface SlicedScanRun {
  readonly guardrail: Sliceable
  readonly subject: ScanSubject
  /** Ends the scan before its next slice, as a failure `cancelled`. */
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly onFault: OnFault
}

/**
 * What the guardrail's `scan` says of the subject, found in slices between which others have their turn. Never rejects.
 * It has no deadline: its work is linear in a text that a limit bounds. `ms` counts the waiting as well.
 */
export function runSlicedScan(run: SlicedScanRun, turns: Turns): Promise<Outcome> {
  return new Promise(resolve => turns.run(new SlicedScan(run, resolve)))
}

/** UTF-16 units. The first slices are short, as nobody knows yet what a text costs; the longest cost 4 ms at worst. */
const FIRST_SLICE = 1024
const SHORTEST_SLICE = 256
const LONGEST_SLICE = 8192
/** A text costs something by being one, however short it is: as much as so many units. */
const UNITS_OF_A_TEXT = 64
/** What a slice is to take, in milliseconds. */
const AIM_MS = 1

class SlicedScan implements SteppedWork {
  readonly #run: SlicedScanRun
  readonly #resolve: (outcome: Outcome) => void
  readonly #startedMs: number
  readonly #findings: Finding[] = []
  #slice = FIRST_SLICE
  /** The text at work, how much of it was read, and the scan that reads it. */
  #segment = 0
  #at = 0
  #scan: IncrementalScan | undefined

  constructor(run: SlicedScanRun, resolve: (outcome: Outcome) => void) {
    this.#run = run
    this.#resolve = resolve
    this.#startedMs = run.clock()
  }

  step(): 'more' | 'done' {
    const outcome = this.#advance()
    if (outcome === undefined) return 'more'
    this.#resolve(outcome)
    return 'done'
  }

  #advance(): Outcome | undefined {
    const { signal, onFault } = this.#run
    try {
      if (signal.aborted) return cancelled(this.#sinceStart())
      return this.#readSlice() === 'more' ? undefined : this.#outcome()
    } catch (error) {
      return failed(error, onFault, this.#sinceStart())
    }
  }

  /** Reads about as much as is to be read in a step: of one text, or several short ones. */
  #readSlice(): 'more' | 'done' {
    const { subject, clock } = this.#run
    const startedMs = clock()
    for (let left = this.#slice; left > 0; left -= UNITS_OF_A_TEXT) {
      const segment = subject.segments[this.#segment]
      if (segment === undefined) return 'done'
      left -= this.#readOn(segment, left)
    }
    this.#adapt(clock() - startedMs)
    return 'more'
  }

  /** Reads at most so many units of the text; returns how many there were. */
  #readOn({ role, kind, text }: TextSegment, most: number): number {
    this.#scan ??= this.#run.guardrail.openScan({ side: this.#run.subject.side, role, kind })
    const piece = text.slice(this.#at, this.#at + most)
    this.#at += piece.length
    if (piece !== '') this.#take(this.#scan.push(piece))
    if (this.#at === text.length) {
      this.#take(this.#scan.end())
      this.#scan = undefined
      this.#segment += 1
      this.#at = 0
    }
    return piece.length
  }

  #adapt(ms: number): void {
    if (ms > AIM_MS) this.#slice = Math.max(SHORTEST_SLICE, this.#slice >> 1)
    else if (ms < AIM_MS / 2) this.#slice = Math.min(LONGEST_SLICE, this.#slice << 1)
  }

  #take({ findings }: ScanProgress): void {
    for (const { span, ...found } of findings) {
      const finding = span === undefined ? found : { ...found, span: { ...span, segment: this.#segment } }
      checkFinding(finding, this.#run.subject)
      this.#findings.push(finding)
    }
  }

  #outcome(): Outcome {
    return { kind: 'verdict', verdict: verdictFrom(this.#findings), ms: this.#sinceStart() }
  }

  #sinceStart(): number {
    return this.#run.clock() - this.#startedMs
  }
}
