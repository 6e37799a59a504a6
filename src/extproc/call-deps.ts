import type { BodyReader } from '../exchange/body-reading.ts'
import type { ContentCodings } from '../exchange/content-coding.ts'
import type { Counted, ExchangeEnd, ScanEffect, SetupGap } from '../exchange/events.ts'
import type { DecisionRecord, TraceIds } from '../exchange/record.ts'
import type { AroundScan } from '../guardrail/guardrail.ts'
import type { PolicySet } from '../policy/policy.ts'
import type { ByteLedger } from './byte-ledger.ts'
import type { ShadowScans } from './shadow-scans.ts'

/** What the room tells the outside; telemetry implements it. Nothing here carries content. */
export interface CallTelemetry {
  exchangeOpened(): void
  exchangeEnded(how: ExchangeEnd): void
  /** `ms`: from the call's start to the decision. `trace`: of an exchange that is followed. */
  decision(record: DecisionRecord, ms: number, trace: TraceIds | undefined): void
  count(what: Counted): void
  /** A scan by windows begins, of so many new characters. */
  windowScanned(chars: number): void
  /** Envoy's config does not let Weir see what a policy must see. */
  refused(why: string, exchangeId: string, trace: TraceIds | undefined): void
  /** As many exchanges are open as may be: one more was not begun. */
  turnedAway(): void
  /** An exchange found no room for its bytes: `server.max_bytes` are kept. Once an exchange. */
  overBudget(): void
  /** Envoy runs the filter in observability_mode under a policy that would deny or change what passes. */
  unenforced(policy: string): void
  /** Traffic passes for how Envoy or the policies are set up. */
  setupGap(gap: SetupGap): void
  /** A bug, or the cause of a guardrail's failure. */
  fault(error: unknown, exchangeId: string, trace: TraceIds | undefined): void
}

/** Follows exchanges; telemetry implements it. Nothing here carries content. */
export interface Tracing {
  /** Undefined for an exchange that nobody wants to follow. */
  begin(start: {
    readonly id: string
    /** By the call's clock. */
    readonly startedAtMs: number
    readonly traceparent: string | undefined
    readonly tracestate: string | undefined
  }): ExchangeTrace | undefined
}

/** Follows one exchange. */
export interface ExchangeTrace {
  /** Of the exchange's own span. */
  readonly ids: TraceIds
  /** Goes around each scan of a stage, those that outlive the call as well. */
  around(effect: ScanEffect): AroundScan
  decided(record: DecisionRecord): void
  /** The call is over; what outlives it is still told. */
  closed(how: ExchangeEnd): void
  /** Nothing more will be told. `model`: what the request asked for, as the client wrote it. */
  end(model: string | undefined): void
}

/** What an exchange runs on. Nothing of it is closed before it is released. */
export interface PolicyPin {
  readonly policies: PolicySet
  /** To be called once, when neither the exchange nor a scan of it needs the policies any more. */
  release(): void
}

/** What a call needs from outside. */
export interface CallDeps {
  readonly telemetry: CallTelemetry
  /** Left out where nothing is traced. */
  readonly tracing?: Tracing | undefined
  /** Of the newest snapshot: an exchange keeps what it gets here for its whole life. */
  pin(): PolicyPin
  readonly codings: ContentCodings
  /** Of bodies that would hold up others. */
  readonly reader: BodyReader
  readonly shadows: ShadowScans
  readonly ledger: ByteLedger
  /** Milliseconds, monotonic. */
  readonly clock: () => number
  readonly unixSeconds: () => number
  /** 32 hex digits, unique. */
  readonly newId: () => string
}
