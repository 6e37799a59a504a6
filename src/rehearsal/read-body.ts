import { type ReadJob, readBody } from '../exchange/body-reading.ts'
import type { ContentCodings } from '../exchange/content-coding.ts'
import { type FaultStatus, faultStatus } from '../exchange/local-reply.ts'
import { readingOf } from '../exchange/request-reading.ts'
import type { FailureReason } from '../guardrail/guardrail.ts'
import { detectFormat, detectResponseFormat } from '../llm/detect.ts'
import type { LlmFormat, LlmRequest, RequestPlace, TextSegment } from '../llm/format.ts'
import { hasReadCharset } from '../llm/response-shape.ts'
import type { Policy, PolicySet } from '../policy/policy.ts'

/** One body without a content coding, and what its headers would have said. */
export interface BodyToRead {
  readonly side: 'input' | 'output'
  readonly policy: Policy
  readonly body: Uint8Array
  /** Undefined for a response whose request is not known. */
  readonly place: RequestPlace | undefined
  readonly contentType: string | undefined
  /** Paths of the operator's own; none when absent. */
  readonly formats?: PolicySet['formats']
}

/** What a whole body holds for a guard. */
export type BodyReading =
  | (BodyTexts & {
      /**
       * `nothing`: by its nature it has no text, or it is an empty answer. `unsupported`: no text at all, so fail_mode.
       * `uninspectable`: parts that no guard can read, and the policy denies them.
       */
      readonly kind: 'texts' | 'nothing' | 'unsupported' | 'uninspectable'
    })
  /** One failure of every rule. `status`: of the error that a request gets. */
  | { readonly kind: 'fault'; readonly reason: FailureReason; readonly status: FaultStatus }

export interface BodyTexts {
  /** Undefined for a response, and where there is no body. */
  readonly request: LlmRequest | undefined
  readonly segments: readonly TextSegment[]
  readonly uninspectable: number
}

/** Who reads a body, and what of it. */
export interface BodyReader {
  readonly format: LlmFormat
  readonly shape: 'json' | 'event-stream'
  read(): BodyReading
}

/** How serving would read a body; undefined when no format takes it. */
export function readerOf(task: BodyToRead): BodyReader | 'undecodable' | undefined {
  const { side, place, contentType, body, formats = [] } = task
  const claimed = place === undefined ? undefined : detectFormat(place, formats)
  if (side === 'input') return claimed && place && requestReader(claimed, place, task)
  if (claimed !== undefined) {
    const shape = claimed.shapeOf(contentType, body)
    if (shape === 'opaque') return undefined
    if (shape === 'unknown-encoding') {
      return { format: claimed, shape: 'json', read: () => faultOf('undecodable') }
    }
    return responseReader(claimed, shape === 'event-stream' ? shape : 'json', task)
  }
  const found =
    place === undefined ? detectResponseFormat(contentType, body, 'whole') : { kind: 'none' as const }
  if (found.kind === 'undecodable') return 'undecodable'
  return found.kind === 'format' ? responseReader(found.format, found.shape, task) : undefined
}

function requestReader(format: LlmFormat, place: RequestPlace, task: BodyToRead): BodyReader {
  const job = { ...wholeOf(task), kind: 'request', format, place, form: 'as-it-came' } as const
  return { format, shape: 'json', read: () => readRequest(job, task) }
}

function responseReader(format: LlmFormat, shape: 'json' | 'event-stream', task: BodyToRead): BodyReader {
  const { contentType } = task
  const job = { ...wholeOf(task), kind: 'response', format, shape, contentType } as const
  return { format, shape, read: () => readResponse(job, task.policy) }
}

type Job<Kind extends ReadJob['kind']> = Extract<ReadJob, { kind: Kind }>

function readRequest(job: Job<'request'>, { policy, contentType }: BodyToRead): BodyReading {
  if (!hasReadCharset(contentType)) return { kind: 'fault', reason: 'undecodable', status: 415 }
  const result = readBody(job, NO_CODINGS)
  if (result.kind === 'fault') return faultOf(result.reason)
  if (result.kind !== 'request') return faultOf('internal')
  const reading = readingOf(result, policy, contentType)
  if (reading.kind === 'undecodable') return { ...reading, kind: 'fault', reason: 'undecodable' }
  const { request } = reading
  const texts = { request, segments: request?.segments ?? [], uninspectable: request?.uninspectable ?? 0 }
  if (reading.kind === 'textless') return { ...texts, kind: 'nothing' }
  if (reading.kind !== 'no-text') return { ...texts, kind: reading.kind }
  const isComplete = request === undefined && job.format.answersWithoutBody === true
  return { ...texts, kind: isComplete ? 'nothing' : 'unsupported' }
}

function readResponse(job: Job<'response'>, policy: Policy): BodyReading {
  const result = readBody(job, NO_CODINGS)
  if (result.kind === 'fault') return faultOf(result.reason)
  if (result.kind !== 'response') return faultOf('internal')
  if (result.decoded.kind === 'undecodable') return faultOf('undecodable')
  const { segments, uninspectable } = result.decoded.value
  const texts = { request: undefined, segments, uninspectable }
  if (uninspectable > 0 && policy.uninspectable === 'deny') return { ...texts, kind: 'uninspectable' }
  if (segments.length > 0) return { ...texts, kind: 'texts' }
  return { ...texts, kind: uninspectable === 0 ? 'nothing' : 'unsupported' }
}

function faultOf(reason: FailureReason): BodyReading {
  return { kind: 'fault', reason, status: faultStatus(reason) }
}

/** What `limits` of a policy say of a body of this side, in bytes. */
export function maxBytesOf({ side, policy }: Pick<BodyToRead, 'side' | 'policy'>): number {
  const { maxRequestBytes, maxResponseBytes } = policy.limits
  return side === 'input' ? maxRequestBytes : maxResponseBytes
}

function wholeOf(task: BodyToRead) {
  const maxBytes = maxBytesOf(task)
  return { body: task.body, contentEncoding: undefined, maxBytes, roomBytes: maxBytes }
}

/** A body from disk or from a page has none. */
const NO_CODINGS: ContentCodings = {
  knows: () => false,
  open: () => undefined,
  encode: (_coding, body) => body,
}
