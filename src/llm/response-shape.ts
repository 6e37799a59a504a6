import type { ResponseShape } from './format.ts'

/**
 * The content type decides; without one, or with one that says neither, the first bytes do. Of two charsets in
 * one content type any that is not read here counts: another reader might go by that one.
 */
export function responseShape(contentType: string | undefined, firstBytes: Uint8Array): ResponseShape {
  if (contentType === 'application/json') return 'json'
  if (contentType === 'text/event-stream') return 'event-stream'
  const [mediaType = '', ...parameters] = (contentType ?? '')
    .split(';')
    .map(piece => piece.trim().toLowerCase())
  const isJson = /^application\/(?:json|[^\s/,;]+\+json)$/.test(mediaType)
  const isEventStream = mediaType === 'text/event-stream'
  const shape = isJson ? 'json' : isEventStream ? 'event-stream' : sniffShape(firstBytes)
  const isText = shape === 'json' || shape === 'event-stream'
  return isText && !parameters.every(isReadCharset) ? 'unknown-encoding' : shape
}

/** Whether a content type names no charset but those that are read here. */
export function hasReadCharset(contentType: string | undefined): boolean {
  if (contentType === undefined || !contentType.includes(';')) return true
  const [, ...parameters] = contentType.split(';')
  return parameters.every(parameter => isReadCharset(parameter.trim().toLowerCase()))
}

/**
 * Whether a body would be read as a form of several fields by a server that goes by its content type. Clients send JSON
 * under that type too, which then is one field without a value.
 */
export function isForm(contentType: string | undefined, body: Uint8Array): boolean {
  const isLabelled = /^[^;]*form/i.test(contentType ?? '') && !/^multipart\//i.test(contentType ?? '')
  return isLabelled && /&[^&=\s"]+=/.test(new TextDecoder('latin1').decode(body))
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
