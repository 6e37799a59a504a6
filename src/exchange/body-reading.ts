import type { FailureReason } from '../guardrail/guardrail.ts'
import type { Completion, Decoded, LlmFormat, LlmRequest, RequestPlace, TextEdit } from '../llm/format.ts'
import { canonicalJson } from '../llm/json-body.ts'
import { type JsonStructure, scanJson } from '../llm/json-scan.ts'
import { type BodyFault, type ContentCodings, type DecodeBounds, decodeBody } from './content-coding.ts'
import { readEventStream } from './stream-text.ts'

/** A whole body as it came, and how it is coded. `contentEncoding`: one that is known, or undefined. */
export interface CodedBody extends DecodeBounds {
  readonly body: Uint8Array
  readonly contentEncoding: string | undefined
}

/** Something to be made of a whole body. The time it takes depends on the body's shape, not only on its length. */
export type ReadJob =
  | (CodedBody & {
      readonly kind: 'request'
      readonly format: LlmFormat
      readonly place: RequestPlace
      /** `canonical`: the value is to be written anew as well. */
      readonly form: 'as-it-came' | 'canonical'
    })
  | (CodedBody & {
      readonly kind: 'response'
      readonly format: LlmFormat
      readonly shape: 'json' | 'event-stream'
      readonly contentType: string | undefined
    })
  /** `body` has no coding any more. */
  | {
      readonly kind: 'rewrite'
      readonly format: LlmFormat
      readonly body: Uint8Array
      readonly edits: readonly TextEdit[]
    }

export type ReadResult =
  | {
      readonly kind: 'request'
      /** Without its coding. */
      readonly body: Uint8Array
      readonly decoded: Decoded<LlmRequest>
      /** Undefined where it was not asked for, or the body is no JSON. */
      readonly canonical: Uint8Array | undefined
    }
  | { readonly kind: 'response'; readonly body: Uint8Array; readonly decoded: Decoded<Completion> }
  | { readonly kind: 'rewrite'; readonly body: Uint8Array }
  /** Nothing was made of it: a failure of every rule. */
  | { readonly kind: 'fault'; readonly reason: FailureReason }

/**
 * More texts in one body than anybody sends: an agent's longest conversations have some ten thousand. Each is an object
 * with a path, and is looked at by itself. A body with more is over the limit.
 */
export const MAX_TEXTS = 32_768

/** Every body up to here is light, however it is made: of nothing but short keys it takes some 15 ms. */
const LIGHT_BYTES = 131_072
/** And none from here on: of quotes in escapes it takes as long. */
const HEAVY_BYTES = 4_194_304
/** A form is searched a few times over. */
const LIGHT_FORM_BYTES = 1_048_576
/** What a coding may make of a body before it is another thread's work. */
const LIGHT_DECODED_BYTES = 1_048_576
/** A thousand texts are changed in a millisecond or two. */
const LIGHT_EDITS = 1000
/** The weight of a body of which nothing but short keys takes some 20 ms, and of honest ones a few. */
const LIGHT_WEIGHT = 200_000

/** By what they cost to parse and to walk: a key that no other object has costs as much as ten numbers. */
function weightOf({ members, containers, commas }: JsonStructure): number {
  return 8 * members + 2 * containers + commas
}

/** What is made of the body, where that holds up nobody for long; undefined where it is another thread's work. */
export function readIfLight(job: ReadJob, codings: ContentCodings): ReadResult | undefined {
  if (job.kind === 'rewrite') {
    const isLight = job.body.byteLength <= LIGHT_FORM_BYTES && job.edits.length <= LIGHT_EDITS
    return isLight ? readBody(job, codings) : undefined
  }
  const isCoded = job.contentEncoding !== undefined
  if (isCoded && job.body.byteLength > LIGHT_DECODED_BYTES) return undefined
  const most = isCoded ? Math.min(job.maxBytes, LIGHT_DECODED_BYTES) : job.maxBytes
  const body = decodeBody(codings, job.contentEncoding, job.body, { ...job, maxBytes: most })
  if (body === 'over-limit' && most < job.maxBytes) return undefined
  return typeof body === 'string' || isLight(job, body) ? readDecoded(job, body) : undefined
}

function isLight(job: ReadJob, body: Uint8Array): boolean {
  if (body.byteLength <= LIGHT_BYTES) return true
  // Its events cost what they cost, however many bytes they have.
  if (job.kind === 'response' && job.shape === 'event-stream') return false
  if (body[0] === DASH) return body.byteLength <= LIGHT_FORM_BYTES
  return body.byteLength <= HEAVY_BYTES && weightOf(scanJson(body)) <= LIGHT_WEIGHT
}

/** So a form begins, and no JSON but a negative number. */
const DASH = 0x2d

/** What is made of the body, however long it takes. */
export function readBody(job: ReadJob, codings: ContentCodings): ReadResult {
  if (job.kind === 'rewrite') return { kind: 'rewrite', body: job.format.rewrite(job.body, job.edits) }
  return readDecoded(job, decodeBody(codings, job.contentEncoding, job.body, job))
}

function readDecoded(job: Exclude<ReadJob, { kind: 'rewrite' }>, body: Uint8Array | BodyFault): ReadResult {
  if (typeof body === 'string') {
    return { kind: 'fault', reason: body === 'broken' ? 'undecodable' : body }
  }
  if (job.kind === 'response') return readResponse(job, body)
  const decoded = job.format.decodeRequest(body, job.place)
  if (hasTooManyTexts(decoded)) return TOO_MANY_TEXTS
  const wantsCanonical = job.form === 'canonical' && decoded.kind === 'ok'
  return { kind: 'request', body, decoded, canonical: wantsCanonical ? canonicalJson(body) : undefined }
}

function readResponse(job: Extract<ReadJob, { kind: 'response' }>, body: Uint8Array): ReadResult {
  const { format, shape, contentType } = job
  const decoded =
    shape === 'json' ? format.decodeResponse(body, contentType) : readEventStream(format, [body])
  return hasTooManyTexts(decoded) ? TOO_MANY_TEXTS : { kind: 'response', body, decoded }
}

const TOO_MANY_TEXTS = { kind: 'fault', reason: 'over-limit' } as const

function hasTooManyTexts(decoded: Decoded<Completion>): boolean {
  return decoded.kind === 'ok' && decoded.value.segments.length > MAX_TEXTS
}

/** Reads bodies where nobody is held up by it. */
export interface BodyReader {
  /**
   * `done` is called once, after this has returned, with a fault where nothing came of it. What is returned is to be
   * called when nobody waits for it any more: `done` is not called then.
   */
  read(job: ReadJob, done: (result: ReadResult) => void): () => void
}
