import { type Decoded, type LlmRequest, WRONG_SHAPE } from '../format.ts'
import { isPresent, type JsonObject } from '../json-body.ts'
import {
  type FormField,
  gatherForm,
  isMultipart,
  readFormStream,
  readMultipart,
  soleField,
} from '../multipart.ts'
import { readStream } from '../request-settings.ts'
import { gatherInput, RequestTexts, requestOf } from '../request-texts.ts'
import { decodeRequestObject } from '../strict-json.ts'

const NOT_UTF8 = { kind: 'undecodable', reason: 'not-utf8' } as const

/** A `POST …/audio/speech` body: what is to be said, and how. */
export function decodeSpeechRequest(body: Uint8Array): Decoded<LlmRequest> {
  const json = decodeRequestObject(body)
  if (json.kind !== 'ok') return json
  const root = json.value
  if (!isPresent(root.input)) return WRONG_SHAPE
  const into = new RequestTexts()
  gatherInput(into, root.instructions, ['instructions'])
  gatherInput(into, root.input, ['input'], into.segments.length)
  return requestOf(into, root.model, root.stream_format === 'sse')
}

/** What a transcription is asked for as: it decides how its client reads the answer. */
const RESPONSE_FORMATS = ['json', 'verbose_json', 'diarized_json', 'text', 'srt', 'vtt'] as const
export type ResponseFormat = (typeof RESPONSE_FORMATS)[number]

interface TranscriptionRequest extends LlmRequest {
  readonly responseFormat: ResponseFormat
}

/** How its client reads the answer; as JSON where nothing is known of the request. */
export function responseFormatOf(request: LlmRequest | undefined): ResponseFormat {
  return request !== undefined && isTranscription(request) ? request.responseFormat : 'json'
}

function isTranscription(request: LlmRequest): request is TranscriptionRequest {
  return 'responseFormat' in request
}

function transcription(request: LlmRequest, responseFormat: unknown): TranscriptionRequest {
  return { ...request, responseFormat: RESPONSE_FORMATS.find(known => known === responseFormat) ?? 'json' }
}

const SHAPE = {
  settings: new Set([
    'model',
    'language',
    'response_format',
    'temperature',
    'timestamp_granularities',
    'include',
    'chunking_strategy',
    'stream',
  ]),
  files: new Set(['file', 'known_speaker_references']),
} as const

/**
 * A `POST …/audio/transcriptions` or `…/translations` body: a form; some servers also take JSON with the sound in it.
 * Without a prompt there is no text.
 */
export function decodeTranscriptionRequest(body: Uint8Array): Decoded<LlmRequest> {
  if (!isMultipart(body)) {
    const json = decodeRequestObject(body)
    return json.kind === 'ok' ? readJson(json.value) : json
  }
  const form = readMultipart(body)
  return form.kind === 'ok' ? readForm(form.value) : form
}

function readForm(fields: readonly FormField[]): Decoded<LlmRequest> {
  const into = new RequestTexts()
  if (gatherForm(into, fields, SHAPE) === 'not-utf8') return NOT_UTF8
  const decoded = requestOf(into, soleField(fields, 'model'), readFormStream(fields))
  return withFormat(decoded, soleField(fields, 'response_format'))
}

function readJson(root: JsonObject): Decoded<LlmRequest> {
  const into = new RequestTexts()
  gatherInput(into, root.prompt, ['prompt'])
  into.uninspectable += ['file', 'input_audio', 'audio', 'url'].filter(key => isPresent(root[key])).length
  return withFormat(requestOf(into, root.model, readStream(root.stream)), root.response_format)
}

function withFormat(decoded: Decoded<LlmRequest>, responseFormat: unknown): Decoded<LlmRequest> {
  if (decoded.kind !== 'ok') return decoded
  return { kind: 'ok', value: transcription(decoded.value, responseFormat) }
}
