import { openEventStream } from './event-stream.ts'
import type { LlmFormat } from './format.ts'
import { decodeJsonBody, parseJson } from './json-body.ts'
import { openaiChat } from './openai-chat/index.ts'

/** In order: the first row whose pattern the normalised path fits claims the exchange. */
const PATHS: readonly { readonly pattern: RegExp; readonly format: LlmFormat }[] = [
  // Any prefix: gateways and Azure deployments put their own before it. Any case: Azure's own paths ignore it.
  { pattern: /\/chat\/completions\/?$/i, format: openaiChat },
]

/** In the order in which they are asked about a response whose request was never seen. */
const FORMATS: readonly LlmFormat[] = [openaiChat]

/** The format that a path claims; `path` comes from `normalisePath`. */
export function detectFormat(path: string): LlmFormat | undefined {
  return PATHS.find(row => row.pattern.test(path))?.format
}

/**
 * A `:path` as policies and formats match it: without query and fragment, percent-decoded once, without dot
 * segments and doubled slashes; case and a trailing slash stay. An upstream that undoes any of these finds the
 * same path as this. Percent sequences that are not UTF-8 stay as they are.
 */
export function normalisePath(rawPath: string): string {
  const path = rawPath.replace(/[?#].*$/s, '').replace(/(?:%[0-9a-f]{2})+/gi, decodePercent)
  const segments: string[] = []
  let last = ''
  for (const segment of path.split('/')) {
    last = segment
    if (segment === '..') segments.pop()
    else if (segment !== '' && segment !== '.') segments.push(segment)
  }
  const isDirectory = segments.length > 0 && (last === '' || last === '.' || last === '..')
  return `/${segments.join('/')}${isDirectory ? '/' : ''}`
}

function decodePercent(run: string): string {
  try {
    return decodeURIComponent(run)
  } catch {
    // One bad byte must not hide the slashes and letters next to it.
    return run.replace(/%[0-7][0-9a-f]/gi, ascii => decodeURIComponent(ascii))
  }
}

/** How a body is to be read. */
export type ResponseShape =
  | 'json'
  | 'event-stream'
  /** A charset that is not read here: undecodable. */
  | 'unknown-encoding'
  /** Too few bytes to tell. */
  | 'more'
  | 'unknown'

/**
 * The content type decides; without one, or with one that says neither, the first bytes do. Of two charsets in
 * one content type any that is not read here counts: another reader might go by that one.
 */
export function responseShape(contentType: string | undefined, firstBytes: Uint8Array): ResponseShape {
  const [mediaType = '', ...parameters] = (contentType ?? '')
    .split(';')
    .map(piece => piece.trim().toLowerCase())
  const isJson = /^application\/(?:json|[^\s/,;]+\+json)$/.test(mediaType)
  const isEventStream = mediaType === 'text/event-stream'
  const shape = isJson ? 'json' : isEventStream ? 'event-stream' : sniffShape(firstBytes)
  const isText = shape === 'json' || shape === 'event-stream'
  return isText && !parameters.every(isReadCharset) ? 'unknown-encoding' : shape
}

const CHARSETS: ReadonlySet<string> = new Set(['utf-8', 'utf8', 'us-ascii', 'ascii'])

function isReadCharset(parameter: string): boolean {
  const [name = '', value = ''] = parameter.split('=', 2)
  return name.trim() !== 'charset' || CHARSETS.has(value.trim().replace(/^"(.*)"$/, '$1'))
}

/** Leading whitespace looked at. Past it only JSON is possible, whose decoder then judges the body. */
const MAX_SNIFFED_BYTES = 4096
const STREAM_STARTS: readonly string[] = [':', 'data:', 'event:', 'id:', 'retry:']
const LONGEST_START = 6

function sniffShape(firstBytes: Uint8Array): ResponseShape {
  const latin1 = new TextDecoder('latin1')
  const text = latin1.decode(firstBytes.subarray(0, MAX_SNIFFED_BYTES)).replace(/^\u00ef\u00bb\u00bf/, '')
  const start = text.search(/[^ \t\r\n]/)
  if (start === -1) return firstBytes.length < MAX_SNIFFED_BYTES ? 'more' : 'json'
  const first = text.slice(start, start + LONGEST_START)
  if (first.startsWith('{') || first.startsWith('[')) return 'json'
  if (STREAM_STARTS.some(known => first.startsWith(known))) return 'event-stream'
  const isCut = firstBytes.length < MAX_SNIFFED_BYTES && first.length < LONGEST_START
  const mayGrow = [...STREAM_STARTS, '\u00ef\u00bb\u00bf'].some(known => known.startsWith(first))
  return isCut && mayGrow ? 'more' : 'unknown'
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

function claimedBy(value: unknown, shape: 'json' | 'event-stream'): ResponseDetection {
  const format = FORMATS.find(candidate => candidate.claimsResponse(value))
  return format === undefined ? NONE : { kind: 'format', format, shape }
}
