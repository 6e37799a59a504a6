import type { PolicySet } from '../policy/policy.ts'
import type { ReadJob, ReadResult } from './body-reading.ts'
import type { ContentCodings } from './content-coding.ts'
import type { BodyMode, Effect, ScanLifetime } from './events.ts'
import type { OpenStage } from './judge.ts'
import type { ExchangeStamp } from './local-reply.ts'

/** What is fixed when a call begins. */
export interface ExchangeInit {
  readonly stamp: ExchangeStamp
  readonly policies: PolicySet
  readonly codings: ContentCodings
  /**
   * Bytes that the process may still take on now. All that an exchange asks of outside while it works: what it is told
   * belongs to the event that it asks in.
   */
  readonly roomBytes: () => number
  /** gRPC initial metadata `x-weir-policy`. */
  readonly policyName: string | undefined
  readonly requestMode: BodyMode
  readonly responseMode: BodyMode
  /** STREAMED, by Envoy's config: body messages may be on their way before the header reply. */
  readonly sendsBodyBeforeHeaderReply: boolean
  /** Envoy runs the filter in observability_mode: it takes no replies, so nothing can be denied or held. */
  readonly observed: boolean
}

/** Has a body read: `done` is called before it returns where that takes no time, else later, unless the call ends. */
export type OpenRead = (job: ReadJob, lifetime: ScanLifetime, done: (result: ReadResult) => void) => void

/** What both sides of an exchange ask of it. */
export interface ExchangeHost {
  readonly init: ExchangeInit
  readonly openStage: OpenStage
  readonly openRead: OpenRead
  /** Response headers have come: the upstream may answer before it has the whole request. */
  readonly responseSeen: boolean
  /** They were taken on, so that a header reply may be out: a whole answer of the request's may come too late. */
  readonly responseOpen: boolean
  emit(effect: Effect): void
}
