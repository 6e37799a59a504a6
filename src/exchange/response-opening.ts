import type { LlmFormat } from '../llm/format.ts'
import { canIntervene } from '../policy/decide.ts'
import { contentEncodingOf } from './content-coding.ts'
import type { HeaderReader } from './events.ts'
import type { ExchangeInit } from './host.ts'
import type { PinnedGuard } from './pinned.ts'

/** What the headers of a guarded response say of its body. */
export interface ResponseHead {
  readonly contentType: string | undefined
  /** As the upstream wrote it; undefined for identity. */
  readonly contentEncoding: string | undefined
  readonly contentLength: string | undefined
  /** The body goes on without its coding, which the headers still name. */
  readonly isDecoded: boolean
}

/** What becomes of a guarded response, as far as its headers tell. */
export type ResponseOpening =
  | { readonly kind: 'read'; readonly as: ReadAs }
  /** Its first bytes have to tell what it is. */
  | { readonly kind: 'unread' }
  /** In a coding that nothing here can read, and of no format that could say so. */
  | { readonly kind: 'undecodable' }
  /** No format takes it. */
  | { readonly kind: 'unsupported' }

/** How a body is to be read. `unreadable`: its coding or charset is none that is known. */
export interface ReadAs {
  readonly format: LlmFormat
  readonly shape: 'json' | 'event-stream'
  readonly charset: 'readable' | 'unreadable'
}

/** Nothing of the response can be denied or changed. */
export function isLive({ policy, restorer }: PinnedGuard, { observed }: ExchangeInit): boolean {
  return observed || (!canIntervene(policy.outputRules) && restorer === undefined)
}

export function responseOpening(
  headers: HeaderReader,
  guarded: PinnedGuard,
  init: ExchangeInit,
): readonly [ResponseHead, ResponseOpening] {
  const contentType = headers.get('content-type')
  const contentEncoding = contentEncodingOf(headers.get('content-encoding'))
  const { format } = guarded
  const shape = format?.shapeOf(contentType, NO_BYTES)
  const isKnown = contentEncoding === undefined || init.codings.knows(contentEncoding)
  const opening = openingBy(format, isKnown ? shape : 'unknown-encoding')
  const head = { contentType, contentEncoding, contentLength: headers.get('content-length') }
  // A stream has to be cut into its events, and a body of unknown shape to be read, before anything goes on.
  const isCut = opening.kind === 'unread' || (opening.kind === 'read' && opening.as.shape === 'event-stream')
  const isPassed = opening.kind === 'read' && isLive(guarded, init)
  return [{ ...head, isDecoded: isCut && !isPassed && contentEncoding !== undefined }, opening]
}

function openingBy(
  format: LlmFormat | undefined,
  shape: ReturnType<LlmFormat['shapeOf']> | undefined,
): ResponseOpening {
  if (shape === 'unknown-encoding') {
    if (format === undefined) return { kind: 'undecodable' }
    return { kind: 'read', as: { format, shape: 'json', charset: 'unreadable' } }
  }
  if (shape === 'opaque') return { kind: 'unsupported' }
  if (format === undefined || (shape !== 'json' && shape !== 'event-stream')) return { kind: 'unread' }
  return { kind: 'read', as: { format, shape, charset: 'readable' } }
}

const NO_BYTES = new Uint8Array(0)
