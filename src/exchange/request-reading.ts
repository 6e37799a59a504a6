import type { LlmRequest } from '../llm/format.ts'
import { isForm } from '../llm/response-shape.ts'
import type { Policy } from '../policy/policy.ts'
import type { ReadResult } from './body-reading.ts'
import { type FaultStatus, faultStatus } from './local-reply.ts'

/** What a whole request body holds for a guard. */
export type RequestReading =
  | { readonly kind: 'texts'; readonly request: LlmRequest }
  | { readonly kind: 'undecodable'; readonly status: FaultStatus }
  /** Parts that no guard can read, and the policy denies them. */
  | { readonly kind: 'uninspectable'; readonly request: LlmRequest }
  /** By its nature it has no text. */
  | { readonly kind: 'textless'; readonly request: LlmRequest }
  /** Nothing that was written: fail_mode. `request` is undefined where there is no body at all. */
  | { readonly kind: 'no-text'; readonly request: LlmRequest | undefined }

/** What the policy has to judge of a request that was read. `contentType`: what its headers call it. */
export function readingOf(
  { body, decoded }: Extract<ReadResult, { kind: 'request' }>,
  policy: Policy,
  contentType: string | undefined,
): RequestReading {
  if (isForm(contentType, body)) return { kind: 'undecodable', status: 415 }
  if (body.byteLength === 0) return { kind: 'no-text', request: undefined }
  if (decoded.kind === 'undecodable') return { kind: 'undecodable', status: faultStatus('undecodable') }
  const request = decoded.value
  if (request.uninspectable > 0 && policy.uninspectable === 'deny') return { kind: 'uninspectable', request }
  if (request.segments.length > 0) return { kind: 'texts', request }
  return { kind: request.isTextless && request.uninspectable === 0 ? 'textless' : 'no-text', request }
}
