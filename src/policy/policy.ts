import type { Guardrail } from '../guardrail/guardrail.ts'
import type { LlmFormat } from '../llm/format.ts'
import type { RedactStyle } from './redaction.ts'
import type { View } from './view.ts'

export type Action = 'block' | 'redact' | 'alert'

/** One use of a guardrail in a policy. */
export interface Rule {
  readonly guardrail: Guardrail
  readonly action: Action
  readonly failOpen: boolean
  /** What of a request it judges; all of it when absent. An answer is judged whole. */
  readonly view?: View
  /** Whether it sees the request's texts beside those of an answer; not when absent. */
  readonly outputContext?: 'conversation'
  /** With action redact: what takes the place of what was found; the plain placeholder when absent. */
  readonly redact?: RedactStyle
}

/** Which exchanges a policy takes: keys AND, values OR; an absent key matches everything. */
export interface Match {
  /** Lower case, without port; `*.example.com` takes any depth below, not the name itself. */
  readonly hosts?: readonly string[]
  /** Prefixes of the normalised path. */
  readonly paths?: readonly string[]
  /** Envoy route names. */
  readonly routes?: readonly string[]
}

export interface StreamSettings {
  readonly delivery: 'window' | 'withhold'
  /** Whether the header reply of a withheld event stream goes out before the first verdict. */
  readonly headers: 'at_once' | 'on_first_release'
  readonly heartbeatMs: number
  readonly maxHeldBytes: number
  readonly onHeldLimit: 'window' | 'deny'
  readonly maxDurationMs: number
  /** Newest characters kept back since a finding of a scan by windows may still grow into them. */
  readonly holdBackChars: number
  readonly window: {
    /** New characters that the first scan waits for; each later one waits for `growth` times as many. */
    readonly firstChars: number
    readonly growth: number
    readonly maxChars: number
    /** Cleared characters that each scan sees again. */
    readonly contextChars: number
    /** Milliseconds after which the first scan is due whatever there is; grows alike. */
    readonly maxHeldMs: number
  }
}

/** Compiled and immutable; an exchange pins one at its start. */
export interface Policy {
  readonly name: string
  readonly match: Match | undefined
  readonly inputRules: readonly Rule[]
  /** Judge the request while the upstream already works on it; the response waits for their verdict. */
  readonly parallelRules: readonly Rule[]
  readonly outputRules: readonly Rule[]
  readonly stream: StreamSettings
  readonly limits: { readonly maxRequestBytes: number; readonly maxResponseBytes: number }
  readonly failMode: 'skip' | 'warn' | 'error'
  readonly uninspectable: 'pass' | 'deny'
  /** The upstream gets a JSON body as it was read here, written anew. */
  readonly canonicalize: boolean
  /** In the provider's own form, or by 403 and an error of type `guardrail_violation` while headers are ours. */
  readonly denyFormat: 'provider' | 'guardrail_violation'
  /** 200, or 400–499 except 408, 409, 425, 429. */
  readonly denyCode: number
  readonly requestFailureMessage: string
  readonly responseFailureMessage: string
  readonly revealFailureCategories: boolean
  readonly finishReason: 'auto' | 'content_filter' | 'stop'
}

/** All policies of a snapshot, in the order they are tried. */
export interface PolicySet {
  readonly policies: readonly Policy[]
  /** What traffic gets that no policy takes. */
  readonly unmatched: 'pass' | 'deny'
  /** Paths of the operator's own; they go before those of the APIs. */
  readonly formats: readonly { readonly path: string; readonly format: LlmFormat }[]
}
