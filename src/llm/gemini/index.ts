import type { LlmFormat, RequestPlace, ResponseShape } from '../format.ts'
import { responseShape } from '../response-shape.ts'
import {
  arrayRefusal,
  eventError,
  eventRefusal,
  GeminiPosition,
  renderArrayError,
  renderArrayRefusal,
  renderError,
  renderRefusal,
} from './refusal.ts'
import { decodeCountRequest, decodeEmbedRequest, decodeRequest } from './request.ts'
import {
  claimsArray,
  claimsEmbedding,
  claimsResponse,
  claimsTokenCount,
  decodeResponse,
  decodeTextless,
} from './response.ts'
import { rewrite, rewriteElement, rewriteEvent } from './rewrite.ts'
import { openArray, openEvents } from './stream.ts'

/** What the methods share. There is no frame that all clients skip: one of them fails on any comment. */
const base = {
  shapeOf: responseShape,
  decodeResponse,
  openStream: openEvents,
  openPosition: () => new GeminiPosition(),
  refusal: renderRefusal,
  streamRefusal: eventRefusal,
  error: renderError,
  rewrite,
  rewriteFrame: rewriteEvent,
  heartbeat: undefined,
} satisfies Partial<LlmFormat>

/** Gemini `…:generateContent`, on the Gemini API and on Vertex AI. */
export const gemini = {
  ...base,
  name: 'gemini',
  decodeRequest: (body, place) => decodeRequest(body, place, 'whole'),
  claimsResponse,
} satisfies LlmFormat

/** Gemini `…:streamGenerateContent?alt=sse`. */
export const geminiSse = {
  ...base,
  name: 'gemini-sse',
  decodeRequest: (body, place) => decodeRequest(body, place, 'streamed'),
  claimsResponse,
} satisfies LlmFormat

/** Gemini `…:streamGenerateContent` without `alt=sse`: the stream is a JSON array. */
export const geminiArray = {
  ...base,
  name: 'gemini-array',
  decodeRequest: (body, place) => decodeRequest(body, place, 'streamed'),
  shapeOf: arrayShape,
  openStream: openArray,
  refusal: renderArrayRefusal,
  streamRefusal: arrayRefusal,
  error: renderArrayError,
  rewriteFrame: rewriteElement,
  claimsResponse: claimsArray,
} satisfies LlmFormat

/** How `…:streamGenerateContent` streams at a place: the query says it. */
export function geminiStreamAt({ query }: RequestPlace): LlmFormat {
  const parameters = new URLSearchParams(query)
  const forms = [...parameters.getAll('alt'), ...parameters.getAll('$alt')]
  return forms.includes('sse') ? geminiSse : geminiArray
}

/** What answers with numbers has no text to refuse with. */
const textless = {
  ...base,
  decodeResponse: decodeTextless,
  refusal: () => undefined,
  streamRefusal: eventError,
} satisfies Partial<LlmFormat>

/** Gemini `…:countTokens`. */
export const geminiTokenCount = {
  ...textless,
  name: 'gemini-token-count',
  decodeRequest: decodeCountRequest,
  claimsResponse: claimsTokenCount,
} satisfies LlmFormat

/** Gemini `…:embedContent` and `…:batchEmbedContents`. */
export const geminiEmbed = {
  ...textless,
  name: 'gemini-embed',
  decodeRequest: decodeEmbedRequest,
  claimsResponse: claimsEmbedding,
} satisfies LlmFormat

/** White space looked at. Past it the whole body is read. */
const MAX_SNIFFED_BYTES = 4096

/** An array is the stream; an object, such as an error, is none. Both come as `application/json`. */
function arrayShape(contentType: string | undefined, firstBytes: Uint8Array): ResponseShape {
  const shape = responseShape(contentType, firstBytes)
  if (shape !== 'json') return shape
  const text = new TextDecoder('latin1').decode(firstBytes.subarray(0, MAX_SNIFFED_BYTES))
  const start = /^(?:\u00ef(?:\u00bb(?:\u00bf)?)?)?[ \t\r\n]*(.?)/s.exec(text)?.[1]
  if (start === '[') return 'event-stream'
  return start === '' && firstBytes.length < MAX_SNIFFED_BYTES ? 'more' : 'json'
}
