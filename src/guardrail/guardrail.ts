import type { Role, TextKind, TextSegment } from '../llm/format.ts'

/** Whose text it is: for services that keep it beside their verdict, or judge by it. Never content. */
export interface ScanOrigin {
  /** The exchange's id, as the log and `x-weir-request-id` show it. */
  readonly exchangeId: string
  /** The model that the request asks for; undefined where it names none. */
  readonly model: string | undefined
}

/** What a guardrail looks at. `segments` is what it judges; spans in its findings index into that list. */
export type ScanSubject =
  | { readonly side: 'input'; readonly segments: readonly TextSegment[]; readonly origin?: ScanOrigin }
  | {
      readonly side: 'output'
      readonly origin?: ScanOrigin
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

/** What one detector of a service came to, detected or not: for the log. Names and numbers only, never text. */
export interface DetectorResult {
  readonly detector: string
  readonly detected: boolean
  /** 0 to 1. */
  readonly score?: number
  readonly level?: string
}

/** A guardrail's answer. It knows no action and no fail_open. `requestId` is the service's id of the check. */
export type Verdict =
  | { readonly kind: 'clean'; readonly requestId?: string }
  | {
      readonly kind: 'flagged'
      readonly findings: readonly Finding[]
      readonly requestId?: string
      /** Every detector that ran, where the service tells. */
      readonly breakdown?: readonly DetectorResult[]
      /** Part of the text got no verdict: a failure beside the finding, and each has its say. */
      readonly incomplete?: FailureReason
    }

/** The verdict of a guardrail that flags whatever it finds. */
export function verdictFrom(findings: readonly Finding[]): Verdict {
  return findings.length === 0 ? { kind: 'clean' } : { kind: 'flagged', findings }
}

/** Why there is no verdict. */
export type FailureReason =
  | 'timeout'
  | 'unreachable'
  | 'bad-response'
  | 'rate-limited'
  /** Too many failures of late: the service was not asked. */
  | 'circuit-open'
  /** Too many scans wait for this service already: it was not asked. */
  | 'overloaded'
  | 'undecodable'
  | 'over-limit'
  /** The process holds as many bytes as it may: there was no room for the text. */
  | 'over-budget'
  | 'cancelled'
  | 'internal'

/** What exactly went wrong, where that is known: the log, the metrics and the traces tell it beside the reason. */
export type FailureDetail =
  | 'timeout-connect'
  | 'timeout-first-byte'
  | 'timeout-total'
  | 'dns'
  | 'connection'
  | 'tls'
  /** The address is one that Weir never connects to. */
  | 'egress-forbidden'
  /** A public address, without TLS. */
  | 'egress-plaintext'
  | 'redirect'
  /** Any other status below 500 that is not 2xx. */
  | 'status-4xx'
  | 'status-5xx'
  | 'not-http'
  | 'too-large'
  | 'truncated'
  | 'not-json'
  /** The whole answer is `null`. */
  | 'null'
  | 'wrong-shape'
  /** The service asked for a pause, which is not over. */
  | 'paused'

export interface GuardrailFailureOptions {
  readonly cause?: unknown
  readonly detail?: FailureDetail | undefined
  /** The service's wish, in milliseconds from now. */
  readonly retryAfterMs?: number | undefined
}

/** A guardrail that could not answer throws this; any other throw counts as `internal`. */
export class GuardrailFailure extends Error {
  readonly reason: FailureReason
  readonly detail: FailureDetail | undefined
  readonly retryAfterMs: number | undefined

  constructor(reason: FailureReason, message: string, options: GuardrailFailureOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    this.name = 'GuardrailFailure'
    this.reason = reason
    // What an answer lacks is its shape, unless whoever read it knew better.
    this.detail = options.detail ?? (reason === 'bad-response' ? 'wrong-shape' : undefined)
    this.retryAfterMs = options.retryAfterMs
  }
}

/** Why something that a guardrail threw counts as a failure. */
export function failureReason(error: unknown): FailureReason {
  return error instanceof GuardrailFailure ? error.reason : 'internal'
}

/** The closer cause, for a failure that has one. */
export function failureDetail(error: unknown): FailureDetail | undefined {
  return error instanceof GuardrailFailure ? error.detail : undefined
}

/** What a scan came to. A failure is not a verdict: only policy/decide.ts may turn it into release or deny. */
export type Outcome =
  | { readonly kind: 'verdict'; readonly verdict: Verdict; readonly ms: number }
  | {
      readonly kind: 'failure'
      readonly reason: FailureReason
      readonly detail?: FailureDetail | undefined
      readonly ms: number
    }

/** Runs one scan, and gives what it gives: for who watches how it goes. `index`: of its guardrail. */
export type AroundScan = <T extends Outcome | Promise<Outcome>>(index: number, scan: () => T) => T

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

/** Whose running text it is: all that a guardrail may judge a text by, beside the text. */
export interface RunningText {
  readonly side: ScanSubject['side']
  readonly role: Role
  readonly kind: TextKind
}

/** Judges in this process. May throw; run-scan turns that into a failure. */
export interface LocalGuardrail extends GuardrailIdentity {
  readonly locality: 'local'
  /** At once, however long it takes. */
  scan(subject: ScanSubject): Verdict
  /** For one text, piece by piece; all in all what `scan` says of it. Absent where a match has no bound. */
  openScan?(text: RunningText): IncrementalScan
  /**
   * For texts that are too large to be judged at once, where a scan cannot be cut: what `scan` says of them, found on
   * another thread. Settles soon after `signal` aborts. May reject.
   */
  scanApart?(subject: ScanSubject, signal: AbortSignal): Promise<Verdict>
  /** The largest weight (`text-weight.ts`) that `scan` judges within milliseconds, where it is not the usual one. */
  readonly atOnceWeight?: number
}

/** Asks a service. Must end soon after `signal` aborts. May reject; run-scan turns that into a failure. */
export interface RemoteGuardrail extends GuardrailIdentity {
  readonly locality: 'remote'
  /** Milliseconds for the whole scan, all attempts included. */
  readonly timeoutMs: number
  /** Texts do not explain each other to it: asked again for one it already judged, it would answer the same. */
  readonly judges?: 'each-text'
  scan(subject: ScanSubject, signal: AbortSignal): Promise<Verdict>
}

export type Guardrail = LocalGuardrail | RemoteGuardrail
