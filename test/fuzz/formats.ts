import fc from 'fast-check'
import { detectFormat, detectResponseFormat, placeOf } from '../../src/llm/detect.ts'
import type { Frame, LlmFormat, Refusal, TextEdit } from '../../src/llm/format.ts'
import { FORMATS } from '../../src/llm/formats.ts'
import { anyBytes, cuts, nearly, pieces } from './bytes.ts'
import { CONTENT_TYPES, PLACES, requestBody, responseBody, streamBody } from './corpus.ts'
import { must, mustEqual } from './require.ts'
import { fuzzTarget } from './target.ts'

/** By its name, so that a case can be read. */
const format = fc.constantFrom(...FORMATS.map(({ name }) => name))
const named = (name: string): LlmFormat => FORMATS.find(one => one.name === name)!
const contentType = fc.constantFrom(...CONTENT_TYPES)
const ID = '0123456789abcdef0123456789abcdef'
const REFUSAL: Refusal = {
  message: 'no',
  id: ID,
  createdSec: 1_760_000_000,
  finishReason: 'auto',
  request: undefined,
}

/** Every text once, replaced by another. */
function editsOf(texts: readonly { readonly path: TextEdit['path'] }[]): readonly TextEdit[] {
  const paths = new Map(texts.map(({ path }) => [JSON.stringify(path), path]))
  return [...paths.values()].map(path => ({ path, text: 'y' }))
}

/** A request is read or refused; what was read can be written and refused in its own words. */
export const requests = fuzzTarget(
  'requests',
  200,
  fc.record({ format, place: fc.constantFrom(...PLACES), body: fc.oneof(nearly(requestBody), anyBytes(40)) }),
  ({ format: name, place, body }) => {
    const format = named(name)
    const decoded = format.decodeRequest(body, place)
    if (decoded.kind !== 'ok') return
    const request = decoded.value
    for (const { text } of request.segments) must(typeof text === 'string', 'a text that is none')
    if (request.segments.length > 0) {
      const again = format.decodeRequest(format.rewrite(body, editsOf(request.segments)), place)
      must(again.kind === 'ok', 'a body that was rewritten cannot be read')
    }
    for (const shape of ['json', 'event-stream'] as const) format.refusal({ ...REFUSAL, request }, shape)
    const error = { status: 400, message: 'no', code: 'invalid_request' } as const
    format.error(error, { id: ID, request })
  },
)

/** An answer is read or refused, whichever API it is taken for. */
export const answers = fuzzTarget(
  'answers',
  200,
  fc.record({ format, contentType, body: fc.oneof(nearly(responseBody), nearly(streamBody), anyBytes(40)) }),
  ({ format: name, contentType, body }) => {
    const format = named(name)
    format.shapeOf(contentType, body)
    detectResponseFormat(contentType, body, 'prefix')
    detectResponseFormat(contentType, body, 'whole')
    const decoded = format.decodeResponse(body, contentType)
    if (decoded.kind === 'ok' && decoded.value.segments.length > 0) {
      format.rewrite(body, editsOf(decoded.value.segments))
    }
  },
)

function framesOf(format: LlmFormat, chunks: readonly Buffer[]): readonly Frame[] {
  const decoder = format.openStream()
  let given = 0
  let taken = 0
  const count = (frames: readonly Frame[]): readonly Frame[] => {
    for (const { bytes } of frames) taken += bytes.byteLength
    must(decoder.buffered === given - taken, 'held bytes that are not those that no frame has')
    return frames
  }
  const frames = chunks.flatMap(chunk => {
    given += chunk.byteLength
    return count(decoder.push(chunk))
  })
  return [...frames, ...count(decoder.end())]
}

/** A stream is cut into frames that are its bytes, each can be rewritten, and it can be refused at any of them. */
export const streams = fuzzTarget(
  'streams',
  100,
  fc.record({ format, body: fc.oneof(nearly(streamBody), anyBytes(60)), cuts, stopAt: fc.nat(6) }),
  ({ format: name, body, cuts, stopAt }) => {
    const format = named(name)
    const frames = framesOf(format, pieces(body, cuts))
    must(body.equals(Buffer.concat(frames.map(({ bytes }) => bytes))), 'a stream that lost or gained bytes')
    // What no reader can frame any more comes in the pieces that it came in.
    const parts = (of: readonly Frame[]): unknown =>
      of.flatMap(frame => frame.parts.filter(({ kind }) => kind !== 'undecodable'))
    mustEqual(parts(framesOf(format, [body])), parts(frames), 'what a stream says depends on how it was cut')
    const position = format.openPosition()
    for (const frame of frames) {
      const texts = frame.parts.filter(part => part.kind === 'text-delta')
      const isReadable = !frame.parts.some(part => part.kind === 'undecodable')
      if (texts.length > 0 && isReadable) format.rewriteFrame(frame, editsOf(texts))
    }
    for (const frame of frames.slice(0, stopAt)) position.released(frame)
    must(format.streamRefusal(REFUSAL, position) instanceof Uint8Array, 'a refusal without bytes')
  },
)

const PATH_PIECES = [
  '/',
  '\\',
  '..',
  '.',
  ';',
  '%2f',
  '%2E',
  '%',
  '%c3',
  '%00',
  '?',
  '#',
  'v1',
  'chat',
  'completions',
  ' ',
  'é',
]
const path = fc.oneof(
  fc.array(fc.constantFrom(...PATH_PIECES), { maxLength: 14 }).map(parts => parts.join('')),
  fc.string({ unit: 'binary', maxLength: 20 }),
)

/** Any path has one reading, without a way out of it. */
export const paths = fuzzTarget('paths', 1000, path, raw => {
  const place = placeOf(raw)
  must(place.path.startsWith('/'), 'a path that does not begin at the root')
  must(!/\/\/|\/\.\.?(\/|$)/.test(place.path), 'a path that is not normal')
  detectFormat(place)
})
