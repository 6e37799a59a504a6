import type { TextSegment } from '../llm/format.ts'

/** What a guardrail looks at. `segments` is what it judges; spans in its findings index into that list. */
export type ScanSubject =
  | { readonly side: 'input'; readonly segments: readonly TextSegment[] }
  | {
      readonly side: 'output'
      /** The request's texts, for guardrails that judge an answer by its question. */
      readonly conversation: readonly TextSegment[]
      readonly segments: readonly TextSegment[]
      /** No more text follows. */
      readonly final: boolean
    }

/** UTF-16 offsets into `segments[segment].text`, end exclusive. */
export interface Span {
  readonly segment: number
  readonly start: number
  readonly end: number
}

/** Evidence. `detector` is a category such as `prompt_attack` or `pii/email`, never content. */
export interface Finding {
  readonly detector: string
  /** 0 to 1. */
  readonly score?: number
  /** The service's own word for its confidence, such as `l1_confident`. */
  readonly level?: string
  readonly span?: Span
}

/** A guardrail's answer. It knows no action and no fail_open. `requestId` is the service's id of the check. */
export type Verdict =
  | { readonly kind: 'clean'; readonly requestId?: string }
  | {
      readonly kind: 'flagged'
      readonly findings: readonly Finding[]
      readonly requestId?: string
      /** Part of the text got no verdict: a failure beside the finding, and each has its say. */
      readonly incomplete?: FailureReason
    }

/** Why there is no verdict. */
export type FailureReason =
  | 'timeout'
  | 'unreachable'
  | 'bad-response'
  | 'rate-limited'
  | 'undecodable'
  | 'over-limit'
  | 'cancelled'
  | 'internal'

/** A guardrail that could not answer throws this; any other throw counts as `internal`. */
export class GuardrailFailure extends Error {
  readonly reason: FailureReason

  constructor(reason: FailureReason, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'GuardrailFailure'
    this.reason = reason
  }
}

/** Why something that a guardrail threw counts as a failure. */
export function failureReason(error: unknown): FailureReason {
  return error instanceof GuardrailFailure ? error.reason : 'internal'
}

/** What a scan came to. A failure is not a verdict: only policy/decide.ts may turn it into release or deny. */
export type Outcome =
  | { readonly kind: 'verdict'; readonly verdict: Verdict; readonly ms: number }
  | { readonly kind: 'failure'; readonly reason: FailureReason; readonly ms: number }

interface GuardrailIdentity {
  /** The key under `guardrails` in the config. */
  readonly name: string
}

/** What an incremental scan knows after a piece of text. */
export interface ScanProgress {
  /** New since the last call. Spans count from the start of the running text; `segment` is 0. */
  readonly findings: readonly Finding[]
  /** UTF-16 position in the running text: what stands before it can no longer become part of a finding. */
  readonly safeTo: number
}

/**
 * Judges one running text piece by piece, at a cost linear in its length. All findings together are those of a scan of
 * the whole text, however it was cut.
 */
export interface IncrementalScan {
  push(text: string): ScanProgress
  /** The text is over: what was waited for does not come. */
  end(): ScanProgress
}

/** Judges in this process, at once. May throw; run-scan turns that into a failure. */
export interface LocalGuardrail extends GuardrailIdentity {
  readonly locality: 'local'
  scan(subject: ScanSubject): Verdict
  /** For one text of an answer that streams. Absent where a match has no bound. */
  openScan?(): IncrementalScan
}

/** Asks a service. Must end soon after `signal` aborts. May reject; run-scan turns that into a failure. */
export interface RemoteGuardrail extends GuardrailIdentity {
  readonly locality: 'remote'
  /** Milliseconds for the whole scan, all attempts included. */
  readonly timeoutMs: number
  scan(subject: ScanSubject, signal: AbortSignal): Promise<Verdict>
}

export type Guardrail = LocalGuardrail | RemoteGuardrail
