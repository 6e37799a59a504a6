import {
  type Completion,
  type Decoded,
  type JsonPath,
  type ResponseShape,
  type TextSegment,
  WRONG_SHAPE,
} from '../format.ts'
import { decodeJsonBody, isJsonObject, isPresent, type JsonObject } from '../json-body.ts'
import { responseShape } from '../response-shape.ts'

function mediaTypeOf(contentType: string | undefined): string {
  return (contentType ?? '').replace(/;.*$/s, '').trim().toLowerCase()
}

/** Speech is sound, unless it comes in events or is an error. Sound without a content type looks like nothing else. */
export function speechShape(contentType: string | undefined, firstBytes: Uint8Array): ResponseShape {
  const mediaType = mediaTypeOf(contentType)
  if (/^audio\/|^application\/octet-stream$/.test(mediaType)) return 'opaque'
  const shape = responseShape(contentType, firstBytes)
  return shape === 'unknown' && mediaType === '' ? 'opaque' : shape
}

/** A JSON answer of this path is an error or an extension: what is in it is not known. */
export function decodeSpeechResponse(body: Uint8Array): Decoded<Completion> {
  const json = decodeJsonBody(body)
  return json.kind === 'ok' ? WRONG_SHAPE : json
}

export function claimsSpeechEvent(value: unknown): boolean {
  return isJsonObject(value) && typeof value.type === 'string' && value.type.startsWith('speech.audio.')
}

/** Plain text, and the two forms of subtitles, under the names that servers give them. */
const TEXT_TYPES: ReadonlySet<string> = new Set([
  'text/plain',
  'text/vtt',
  'text/srt',
  'application/x-subrip',
])

/** The beginning of an event as a transcript would not begin by itself; clients that stream ask for no content type. */
const EVENT_START = /^\s*(?:event: ?transcript\.|data: ?\{)/
const EVENT_START_BYTES = 32

/** Text is read whole, like JSON. Only its first bytes tell it from events that are labelled as text. */
export function transcriptionShape(contentType: string | undefined, firstBytes: Uint8Array): ResponseShape {
  const mediaType = mediaTypeOf(contentType)
  if (!TEXT_TYPES.has(mediaType)) {
    const shape = responseShape(contentType, firstBytes)
    return shape === 'unknown' && mediaType === '' ? 'json' : shape
  }
  const asText = responseShape(contentType!.replace(/^[^;]*/, 'application/json'), firstBytes)
  if (asText !== 'json') return asText
  const start = new TextDecoder('latin1').decode(firstBytes.subarray(0, EVENT_START_BYTES))
  if (EVENT_START.test(start)) return 'event-stream'
  return firstBytes.length < EVENT_START_BYTES ? 'more' : 'json'
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * A transcript: JSON with the text, mostly once more in `segments` and in `words`, or a body that is nothing but text.
 * That is one text with an empty path.
 */
export function decodeTranscript(body: Uint8Array, contentType?: string): Decoded<Completion> {
  const json = decodeJsonBody(body)
  if (json.kind === 'ok' && isTranscript(json.value)) return { kind: 'ok', value: readTranscript(json.value) }
  const mediaType = mediaTypeOf(contentType)
  if (mediaType !== '' && !TEXT_TYPES.has(mediaType)) return json.kind === 'ok' ? WRONG_SHAPE : json
  // Without a content type JSON that is no transcript is more likely something else than a text.
  if (mediaType === '' && json.kind === 'ok') return WRONG_SHAPE
  try {
    const text = utf8.decode(body)
    const segments = text === '' ? [] : [said(text, [])]
    return { kind: 'ok', value: { segments, uninspectable: 0 } }
  } catch {
    return { kind: 'undecodable', reason: 'not-utf8' }
  }
}

function said(text: string, path: JsonPath): TextSegment {
  return { message: 0, role: 'assistant', kind: 'content', text, path }
}

function isTranscript(value: unknown): value is JsonObject {
  return isJsonObject(value) && (typeof value.text === 'string' || Array.isArray(value.segments))
}

/** A text of a transcript in JSON and the path to it. */
export interface Said {
  readonly text: string
  readonly path: JsonPath
}

/** The texts of a list's items under `key`. */
export function textsOf(transcript: JsonObject, list: 'segments' | 'words', key: 'text' | 'word'): Said[] {
  const items = transcript[list]
  if (!Array.isArray(items)) return []
  return items.flatMap((item: unknown, index) => {
    const text = isJsonObject(item) ? item[key] : undefined
    return typeof text === 'string' ? [{ text, path: [list, index, key] }] : []
  })
}

function readTranscript(transcript: JsonObject): Completion {
  const { text } = transcript
  const segments = textsOf(transcript, 'segments', 'text')
  const words = textsOf(transcript, 'words', 'word')
  // Thousands of words that only say the text again would be as many texts to judge, none of which means anything.
  const whole = typeof text === 'string' ? text : segments.map(segment => segment.text).join(' ')
  const isRepeat = lettersOf(words.map(word => word.text).join('')) === lettersOf(whole)
  const all = [
    ...(typeof text === 'string' ? [{ text, path: ['text'] }] : []),
    ...segments,
    ...(isRepeat ? [] : words),
  ]
  return {
    segments: all.filter(one => one.text !== '').map(one => said(one.text, one.path)),
    uninspectable: countOdd(transcript),
  }
}

/** Words come without the spaces and the punctuation of the text. */
function lettersOf(text: string): string {
  return text.replace(/[^\p{L}\p{N}]/gu, '')
}

/** Where text should be and something else is. */
function countOdd({ text, segments, words }: JsonObject): number {
  const odd = (list: unknown, key: string): number => {
    if (!Array.isArray(list)) return isPresent(list) ? 1 : 0
    return list.filter((item: unknown) => !isJsonObject(item) || typeof item[key] !== 'string').length
  }
  return (isPresent(text) && typeof text !== 'string' ? 1 : 0) + odd(segments, 'text') + odd(words, 'word')
}

const TRANSCRIPT_KEYS: ReadonlySet<string> = new Set([
  'text',
  'task',
  'language',
  'duration',
  'segments',
  'words',
  'logprobs',
  'usage',
  'x_groq',
])

/** Other APIs have a `text` as well: only a transcript has nothing beside it but these. */
export function claimsTranscript(value: unknown): boolean {
  if (!isJsonObject(value)) return false
  if (typeof value.type === 'string') return value.type.startsWith('transcript.text.')
  return typeof value.text === 'string' && Object.keys(value).every(key => TRANSCRIPT_KEYS.has(key))
}
