import type { FailureReason } from '../guardrail/guardrail.ts'
import type { Frame } from '../llm/format.ts'
import type { RuleOutcome } from '../policy/decide.ts'
import type { Rule } from '../policy/policy.ts'
import type { Restorer } from '../policy/restore.ts'
import type { HeldFrame } from './held-frames.ts'
import type { Judged } from './judge.ts'
import type { WindowScansPort } from './window-scans.ts'

/** What the gate asks of the side it stands in; `judge` is of the rules that scan by windows. */
export interface StreamGatePort extends WindowScansPort {
  /** The fault as one failure of every rule. */
  judgeFault(reason: FailureReason): Judged
  /** Outcomes of incremental rules, for the record. */
  note(outcomes: readonly RuleOutcome[]): void
  /** `skip`: bytes of the first frame that went out already. */
  release(frames: readonly HeldFrame[], skip: number): void
  /** Everything was released and the upstream is at its end. */
  finish(): void
  /** Must close the gate. */
  deny(because: 'flagged' | 'failed-closed'): void
  /** The policy forgave a fault: from here on everything passes unseen. `rest`: bytes of no whole frame. */
  passUnseen(rest: readonly Frame[]): void
  /** A part that no guard can read. */
  uninspectable(): void
  /** The stream is over and nothing of it could be read, although there was something: fail_mode decides. */
  unreadable(): 'release' | 'refused'
  /** Call `goOn` in another turn: there is more to read than one event may take. */
  goOnLater(): void
  pause(): void
  resume(): void
}

/** What one response brings to its gate. */
export interface StreamTerms {
  /** Of the whole stream. */
  readonly maxBytes: number
  /** Those that can deny or change it. */
  readonly rules: readonly Rule[]
  readonly restorer: Restorer | undefined
}
