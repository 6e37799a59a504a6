import type { ScanSubject } from '../guardrail/guardrail.ts'
import type { RuleOutcome } from '../policy/decide.ts'
import type { Rule } from '../policy/policy.ts'
import type { ReadJob, ReadResult } from './body-reading.ts'
import type { DecisionRecord } from './record.ts'

/** What Envoy and the clock tell an exchange, and what the exchange wants done. No bytes of protobuf in sight. */

export type Side = 'request' | 'response'

/** How Envoy sends a body, by ext_proc's names. */
export type BodyMode = 'none' | 'streamed' | 'buffered' | 'buffered-partial' | 'full-duplex' | 'grpc'

/** Header names are lower case, pseudo-headers included (`:path`, `:status`). */
export interface HeaderReader {
  get(name: string): string | undefined
}

/** A side's headers. */
export interface HeadersEvent {
  readonly kind: 'headers'
  readonly side: Side
  readonly headers: HeaderReader
  /** Envoy's `request_attributes` / `response_attributes`, by full name such as `xds.route_name`. */
  readonly attributes: HeaderReader
  readonly endOfStream: boolean
}

/** A chunk of a side's body. */
export interface BodyEvent {
  readonly kind: 'body'
  readonly side: Side
  readonly body: Uint8Array
  readonly endOfStream: boolean
}

/** A side's trailers: its end. */
export interface TrailersEvent {
  readonly kind: 'trailers'
  readonly side: Side
}

/** A message of one side, as Envoy sends it. */
export type MessageEvent = HeadersEvent | BodyEvent | TrailersEvent

export type ExchangeEvent =
  | MessageEvent
  | { readonly kind: 'scan-end'; readonly scan: number; readonly outcomes: readonly RuleOutcome[] }
  | { readonly kind: 'read-end'; readonly read: number; readonly result: ReadResult }
  /** `heartbeatMs` passed without a byte to the client. */
  | { readonly kind: 'heartbeat-due' }
  /** The time that a `start-window` asked for has passed. */
  | { readonly kind: 'window-due' }
  /** The turn that `go-on-later` asked for. */
  | { readonly kind: 'go-on' }
  /** `maxDurationMs` passed. */
  | { readonly kind: 'deadline' }
  /** The process holds as many bytes as it may: this exchange cannot gather what it goes on to gather. */
  | { readonly kind: 'over-budget' }
  /** Envoy is done with the call, or gone: nothing can be sent any more. */
  | { readonly kind: 'closed' }

export interface HeaderMutation {
  readonly set?: Readonly<Record<string, string>>
  readonly remove?: readonly string[]
}

/** STREAMED: asks Envoy to buffer this one response body. Both modes are named: a body mode left out means NONE. */
export interface ModeOverride {
  readonly requestBody: BodyMode
  readonly responseBody: BodyMode
}

/** What we owe Envoy for a phase. */
export type Reply =
  | {
      readonly kind: 'headers'
      readonly side: Side
      readonly mutation?: HeaderMutation
      readonly override?: ModeOverride
    }
  /** One per body message outside full duplex; without `replace` the chunk goes on as it came. */
  | {
      readonly kind: 'body'
      readonly side: Side
      readonly replace?: Uint8Array
      readonly mutation?: HeaderMutation
    }
  /** Full duplex: any number of them. */
  | {
      readonly kind: 'streamed-body'
      readonly side: Side
      readonly body: Uint8Array
      readonly endOfStream: boolean
    }
  | { readonly kind: 'trailers'; readonly side: Side }
  | ({ readonly kind: 'local' } & LocalReply)

/** A whole answer of ours in place of the upstream's. */
export interface LocalReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  /** Shows in Envoy's access log as %RESPONSE_CODE_DETAILS%: no blanks, no content. */
  readonly details: string
}

/** Whether a scan, or a body's reading, ends with the call, or runs on after it because nobody waits for its verdict. */
export type ScanLifetime = 'call' | 'shadow'

/** Have the texts judged; `scan-end` brings the outcomes. */
export interface ScanEffect {
  readonly kind: 'scan'
  readonly scan: number
  /** Scans of one stage are judged together: once one outcome is final, nobody waits for the others. */
  readonly stage: number
  readonly rules: readonly Rule[]
  readonly subject: ScanSubject
  readonly lifetime: ScanLifetime
}

/** Have a body that would hold up others read where it does not; `read-end` brings what it holds. */
export interface ReadEffect {
  readonly kind: 'read'
  readonly read: number
  readonly job: ReadJob
  readonly lifetime: ScanLifetime
}

/** Something was decided. */
export interface RecordEffect {
  readonly kind: 'record'
  readonly record: DecisionRecord
}

export type Effect =
  | { readonly kind: 'reply'; readonly reply: Reply }
  | ScanEffect
  | ReadEffect
  | RecordEffect
  | { readonly kind: 'count'; readonly what: Counted }
  /** A scan by windows begins, of so many characters that none has seen. */
  | { readonly kind: 'window'; readonly chars: number }
  /** Envoy only lets us watch, and the policy has rules that would deny or change what passes. */
  | { readonly kind: 'unenforced'; readonly policy: string }
  | { readonly kind: 'setup-gap'; readonly gap: SetupGap }
  | { readonly kind: 'start-heartbeats'; readonly everyMs: number }
  | { readonly kind: 'stop-heartbeats' }
  /** This and the next take the place of the one asked for before. */
  | { readonly kind: 'start-deadline'; readonly afterMs: number }
  | { readonly kind: 'start-window'; readonly afterMs: number }
  /** Answer with `go-on` in another turn, so that others have theirs: there is more to read than one event may take. */
  | { readonly kind: 'go-on-later' }
  /** Take no more from Envoy until `resume`: what is held has reached its cap and a scan is on its way. */
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume' }
  | {
      readonly kind: 'end'
      /** `ok` lets everything that follows pass unseen: only when nothing is left to inspect. */
      readonly status: 'ok' | 'unavailable' | 'failed-precondition'
      readonly why: string
    }

/** Something about how Envoy or the policies are set up that lets traffic pass, and that an operator may not intend. */
export type SetupGap =
  /** No policy takes an exchange, and `unmatched: pass` lets it through. */
  | { readonly kind: 'passed-unmatched' }
  /** `policy` asks for the name of a route, would else take the exchange, and Envoy names none. */
  | { readonly kind: 'unnamed-route'; readonly policy: string }

export type Counted = 'unmatched' | 'unsupported' | 'uninspectable' | 'heartbeat'

/**
 * How an exchange came to its end: all was done; Envoy closed the call; Envoy's config hides what a policy must see;
 * a fault of ours; the drain deadline.
 */
export type ExchangeEnd = 'done' | 'closed-by-envoy' | 'refused' | 'failed' | 'drained'
