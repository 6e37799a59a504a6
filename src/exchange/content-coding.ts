import { concatBytes } from './bytes.ts'

/** What an exchange asks of content codings (RFC 9110, section 8.4.1). The room `coding/` implements it. */
export interface ContentCodings {
  /** Whether a body with this `content-encoding`, several in a row included, can be read and written. */
  knows(contentEncoding: string): boolean
  /**
   * A decoder for a body with this `content-encoding`; undefined where it is not known. It gives at most `maxBytes`.
   */
  open(contentEncoding: string, maxBytes: number): BodyDecoder | undefined
  /** The body as that `content-encoding` says, which must be known. */
  encode(contentEncoding: string, body: Uint8Array): Uint8Array
}

/** `broken`: not in that coding, or cut. `over-limit`: more than `maxBytes`, or out of all proportion: a bomb. */
export type DecodeFault = 'broken' | 'over-limit'

/** Decodes one body as it comes, at a cost linear in its length. After a fault it decodes no more. */
export interface BodyDecoder {
  push(chunk: Uint8Array): Uint8Array | DecodeFault
  /** The body is over: what is left of it. */
  end(): Uint8Array | DecodeFault
}

/** Why a whole body cannot be decoded. `over-budget`: it would be more than there is room for. */
export type BodyFault = DecodeFault | 'over-budget'

/** What bounds a decoded body: the policy, and what the process has room for. */
export interface DecodeBounds {
  readonly maxBytes: number
  readonly roomBytes: number
}

/** A whole body without its content coding, within bounds. A coding that is not known is `broken`. */
export function decodeBody(
  codings: ContentCodings,
  contentEncoding: string | undefined,
  body: Uint8Array,
  { maxBytes, roomBytes }: DecodeBounds,
): Uint8Array | BodyFault {
  if (contentEncoding === undefined || body.byteLength === 0) return body
  // Before it is inflated: afterwards the memory is spent.
  const decoder = codings.open(contentEncoding, Math.min(maxBytes, roomBytes))
  if (decoder === undefined) return 'broken'
  const fault = (why: DecodeFault): BodyFault =>
    why === 'over-limit' && roomBytes < maxBytes ? 'over-budget' : why
  const first = decoder.push(body)
  if (typeof first === 'string') return fault(first)
  const rest = decoder.end()
  if (typeof rest === 'string') return fault(rest)
  return rest.byteLength === 0 ? first : concatBytes([first, rest])
}

/** The header's value as codings to be undone; undefined when there is none. */
export function contentEncodingOf(value: string | undefined): string | undefined {
  if (value === undefined) return undefined
  const named = value
    .toLowerCase()
    .split(',')
    .map(name => name.trim())
    .filter(name => name !== '' && name !== 'identity')
  return named.length === 0 ? undefined : named.join(', ')
}
