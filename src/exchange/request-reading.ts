import type { LlmFormat, LlmRequest, RequestPlace } from '../llm/format.ts'
import type { Policy } from '../policy/policy.ts'
import type { DecodeFault } from './content-coding.ts'

/** What a whole request body holds for a guard. */
export type RequestReading =
  | { readonly kind: 'texts'; readonly request: LlmRequest }
  | { readonly kind: 'undecodable' }
  /** What its content coding makes of it is too much. */
  | { readonly kind: 'over-limit' }
  /** Parts that no guard can read, and the policy denies them. */
  | { readonly kind: 'uninspectable'; readonly request: LlmRequest }
  /** By its nature it has no text. */
  | { readonly kind: 'textless'; readonly request: LlmRequest }
  /** Nothing that was written: fail_mode. `request` is undefined where there is no body at all. */
  | { readonly kind: 'no-text'; readonly request: LlmRequest | undefined }

export function readRequest(
  format: LlmFormat,
  policy: Policy,
  body: Uint8Array | DecodeFault,
  place: RequestPlace,
): RequestReading {
  if (body === 'over-limit') return { kind: 'over-limit' }
  if (body === 'broken') return { kind: 'undecodable' }
  if (body.byteLength === 0) return { kind: 'no-text', request: undefined }
  const decoded = format.decodeRequest(body, place)
  if (decoded.kind === 'undecodable') return { kind: 'undecodable' }
  const request = decoded.value
  if (request.uninspectable > 0 && policy.uninspectable === 'deny') return { kind: 'uninspectable', request }
  if (request.segments.length > 0) return { kind: 'texts', request }
  return { kind: request.isTextless && request.uninspectable === 0 ? 'textless' : 'no-text', request }
}
