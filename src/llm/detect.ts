import { openEventStream } from './event-stream.ts'
import type { LlmFormat, RequestPlace } from './format.ts'
import { FORMATS, formatAt } from './formats.ts'
import { decodeJsonBody, parseJson } from './json-body.ts'
import { responseShape } from './response-shape.ts'

/** A path that an operator's config gives to a format. */
export interface OwnPath {
  /** A prefix of the normalised path. */
  readonly path: string
  readonly format: LlmFormat
}

/** The format that a request's place claims: of the operator's own paths the first, else by the API's own. */
export function detectFormat(place: RequestPlace, ownPaths: readonly OwnPath[] = []): LlmFormat | undefined {
  const own = ownPaths.find(({ path }) => place.path.startsWith(path))
  return own === undefined ? formatAt(place) : own.format
}

/** A `:path` as policies and formats read it: normalised, and its query apart. */
export function placeOf(rawPath: string): RequestPlace {
  const mark = rawPath.indexOf('?')
  const query = mark === -1 ? '' : rawPath.slice(mark + 1).replace(/#.*$/s, '')
  return { path: normalisePath(rawPath), query }
}

/**
 * A `:path` as policies and formats match it: without query and fragment, percent-decoded once, without dot
 * segments, doubled slashes, path parameters (`;x=1`) and blanks at a segment's end; a backslash is a slash. Case and
 * a trailing slash stay. An upstream that undoes any of these finds the same path as this. Percent sequences that
 * are not UTF-8 stay as they are.
 */
export function normalisePath(rawPath: string): string {
  const bare = rawPath.replace(/[?#].*$/s, '')
  if (PLAIN_PATH.test(bare)) return bare
  const path = bare.replace(/(?:%[0-9a-f]{2})+/gi, decodePercent)
  const segments: string[] = []
  let last = ''
  for (const segment of path.split(/[/\\]/).map(bareSegment)) {
    last = segment
    if (segment === '..') segments.pop()
    else if (segment !== '' && segment !== '.') segments.push(segment)
  }
  const isDirectory = segments.length > 0 && (last === '' || last === '.' || last === '..')
  return `/${segments.join('/')}${isDirectory ? '/' : ''}`
}

/** Nothing in it to undo: most paths are so. */
const PLAIN_PATH = /^(?:\/[\w-][\w.:-]*)+\/?$/

/**
 * Java servers take a segment's parameters away before they look for dots; readers of C strings stop at a NUL. A `$`
 * in a route's pattern fits before a last line end in Python (FastAPI, and so vLLM) and PCRE, and others trim blanks.
 */
function bareSegment(segment: string): string {
  return segment.replace(/[;\0].*$/s, '').trimEnd()
}

function decodePercent(run: string): string {
  try {
    return decodeURIComponent(run)
  } catch {
    // One bad byte must not hide the slashes and letters next to it.
    return run.replace(/%[0-7][0-9a-f]/gi, ascii => decodeURIComponent(ascii))
  }
}

export type ResponseDetection =
  | { readonly kind: 'format'; readonly format: LlmFormat; readonly shape: 'json' | 'event-stream' }
  /** Ask again when more bytes are there; never the answer for a whole body. */
  | { readonly kind: 'more' }
  | { readonly kind: 'none' }
  /** It says that it is JSON or an event stream, and is none, or in a charset that is not read here. */
  | { readonly kind: 'undecodable' }

/** How far into an event stream the first event with data is looked for: past it, no format claims the stream. */
const MAX_DETECTED_BYTES = 65_536

const MORE = { kind: 'more' } as const
const NONE = { kind: 'none' } as const
const UNDECODABLE = { kind: 'undecodable' } as const

/**
 * Which format a response is in whose request was never seen: told by its own shape. `bytes` are all that came
 * so far, or, when `extent` is `whole`, all there are. A JSON body is told only when it is whole, an event
 * stream by its first event with data. `bytes` must be decoded from any content-encoding.
 */
export function detectResponseFormat(
  contentType: string | undefined,
  bytes: Uint8Array,
  extent: 'prefix' | 'whole',
): ResponseDetection {
  const shape = responseShape(contentType, bytes)
  if (shape !== 'event-stream') {
    const found = detectOtherStream(contentType, bytes, extent)
    if (found !== undefined) return found
  }
  if (shape === 'json') return extent === 'whole' ? detectJson(bytes) : MORE
  if (shape === 'event-stream') return detectEventStream(bytes, extent)
  if (shape === 'unknown-encoding') return UNDECODABLE
  return shape === 'more' && extent === 'prefix' ? MORE : NONE
}

function detectJson(body: Uint8Array): ResponseDetection {
  const json = decodeJsonBody(body)
  return json.kind === 'ok' ? claimedBy(json.value, 'json') : UNDECODABLE
}

function detectEventStream(bytes: Uint8Array, extent: 'prefix' | 'whole'): ResponseDetection {
  const framer = openEventStream()
  const frames = [...framer.push(bytes.subarray(0, MAX_DETECTED_BYTES))]
  if (extent === 'whole') frames.push(...framer.end())
  for (const frame of frames) {
    if (frame.kind === 'undecodable') return UNDECODABLE
    if (frame.data === undefined || frame.data.trim() === '') continue
    const json = parseJson(frame.data)
    return json.kind === 'ok' ? claimedBy(json.value, 'event-stream') : NONE
  }
  return extent === 'prefix' && bytes.length < MAX_DETECTED_BYTES ? MORE : NONE
}

/**
 * Streams that are not SSE: a format that has such ones reads them, and the first frame that means something tells.
 * Undefined where no format takes the content type for a stream.
 */
function detectOtherStream(
  contentType: string | undefined,
  bytes: Uint8Array,
  extent: 'prefix' | 'whole',
): ResponseDetection | undefined {
  const candidates = FORMATS.filter(({ shapeOf }) => shapeOf(contentType, bytes) === 'event-stream')
  if (candidates.length === 0) return undefined
  let isOpen = false
  for (const format of candidates) {
    const decoder = format.openStream()
    const frames = [...decoder.push(bytes.subarray(0, MAX_DETECTED_BYTES))]
    if (extent === 'whole') frames.push(...decoder.end())
    const telling = frames.find(({ parts }) => parts.some(({ kind }) => kind !== 'uninspectable'))
    if (telling === undefined) isOpen = true
    else if (!telling.parts.some(({ kind }) => kind === 'undecodable')) {
      return { kind: 'format', format, shape: 'event-stream' }
    }
  }
  return isOpen && extent === 'prefix' && bytes.length < MAX_DETECTED_BYTES ? MORE : UNDECODABLE
}

function claimedBy(value: unknown, shape: 'json' | 'event-stream'): ResponseDetection {
  const format = FORMATS.find(candidate => candidate.claimsResponse(value))
  return format === undefined ? NONE : { kind: 'format', format, shape }
}
