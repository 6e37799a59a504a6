import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { WeirError } from '../../../../src/errors.ts'
import type { LlmFormat, Refusal } from '../../../../src/llm/format.ts'
import {
  gemini,
  geminiArray,
  geminiEmbed,
  geminiSse,
  geminiTokenCount,
} from '../../../../src/llm/gemini/index.ts'
import { asked, ID, MESSAGE, refusalOf } from '../refused.ts'

const request = asked({ model: 'gemini-2.5-flash', streams: true })
const refusal = (changes: Partial<Refusal> = {}): Refusal => refusalOf({ request, ...changes })
const two = refusal({ request: { ...request, choices: 2 } })

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const fixture = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../../../fixtures/gemini/${name}`, import.meta.url)))

/** The answers of an event stream; every event must end with its blank line. */
function events(bytes: Uint8Array) {
  const all = text(bytes).split(/\r?\n\r?\n/)
  expect(all.pop()).toBe('')
  return all.map(event => {
    expect(event.startsWith('data: ')).toBe(true)
    return JSON.parse(event.slice('data: '.length))
  })
}

/** A position after the first frames of a recorded stream, and what the client has by then. */
function positionAfter(format: LlmFormat, name: string, frameCount: number) {
  const at = format.openPosition()
  const frames = format.openStream().push(fixture(name)).slice(0, frameCount)
  for (const frame of frames) at.released(frame)
  return { at, released: Buffer.concat(frames.map(frame => frame.bytes)) }
}

/** What each candidate still gets. */
const rest = (given: Refusal, name: string, frameCount: number) =>
  events(geminiSse.streamRefusal(given, positionAfter(geminiSse, name, frameCount).at)).flatMap(event =>
    event.candidates.map(
      (candidate: { index: number; content: { parts: [{ text: string }] }; finishReason: string }) => [
        candidate.index,
        candidate.content.parts[0].text,
        candidate.finishReason,
      ],
    ),
  )

const whole = {
  candidates: [{ content: { role: 'model', parts: [{ text: MESSAGE }] }, finishReason: 'SAFETY', index: 0 }],
  usageMetadata: { promptTokenCount: 0, candidatesTokenCount: 0, totalTokenCount: 0 },
  modelVersion: 'gemini-2.5-flash',
  responseId: ID,
}

describe('nothing sent yet', () => {
  test.each([
    ['gemini', 'json', gemini, 'application/json', JSON.stringify(whole)],
    ['gemini-sse', 'json', geminiSse, 'application/json', JSON.stringify(whole)],
    ['gemini-sse', 'event-stream', geminiSse, 'text/event-stream', `data: ${JSON.stringify(whole)}\n\n`],
    ['gemini', 'event-stream', gemini, 'text/event-stream', `data: ${JSON.stringify(whole)}\n\n`],
    ['gemini-array', 'event-stream', geminiArray, 'application/json', `[${JSON.stringify(whole)}]`],
    ['gemini-array', 'json', geminiArray, 'application/json', `[${JSON.stringify(whole)}]`],
  ] as const)('%s as %s', (_name, shape, format: LlmFormat, contentType, body) => {
    const reply = format.refusal(refusal(), shape)
    expect(reply && [reply.contentType, text(reply.body)]).toEqual([contentType, body])
  })

  test('every candidate asked for', () => {
    const { candidates } = JSON.parse(text(gemini.refusal(two, 'json').body))
    expect(candidates.map(({ index }: { index: number }) => index)).toEqual([0, 1])
  })

  test('a request that was never seen', () => {
    const answer = JSON.parse(text(gemini.refusal(refusal({ request: undefined }), 'json').body))
    expect(answer).toMatchObject({ modelVersion: 'unknown', candidates: [{ index: 0 }] })
  })

  test.each([
    ['auto', 'SAFETY'],
    ['content_filter', 'SAFETY'],
    ['stop', 'STOP'],
  ] as const)('finish_reason %s is %s', (finishReason, reason) => {
    const { candidates } = JSON.parse(text(gemini.refusal(refusal({ finishReason }), 'json').body))
    expect(candidates[0].finishReason).toBe(reason)
  })

  test('a message of any characters stays one event', () => {
    const odd = 'a\n\ndata: x\r\n"😀'
    const [event, ...more] = events(geminiSse.refusal(refusal({ message: odd }), 'event-stream').body)
    expect(more).toEqual([])
    expect(event.candidates[0].content.parts[0].text).toBe(odd)
  })

  test('what it says is an answer to its own format', () => {
    for (const format of [gemini, geminiSse]) {
      const decoded = format.decodeResponse(format.refusal(two, 'json').body)
      expect(decoded).toMatchObject({ value: { segments: [{ text: MESSAGE }, { text: MESSAGE }] } })
    }
    const stream = geminiArray.openStream()
    const parts = stream.push(geminiArray.refusal(two).body).flatMap(frame => frame.parts)
    expect(parts.map(({ kind }) => kind)).toEqual([
      'text-delta',
      'text-delta',
      'finish',
      'finish',
      'terminator',
    ])
  })
})

describe('event stream, going on', () => {
  test('with the id and the model that the client saw, and no usage over the one it has', () => {
    const { at } = positionAfter(geminiSse, 'streamed-call.sse', 1)
    const [event] = events(geminiSse.streamRefusal(refusal(), at))
    expect(event).toEqual({
      ...whole,
      modelVersion: 'gemini-3-pro-preview',
      responseId: 'p4Z3aZ_5OKbV2PgP',
      usageMetadata: undefined,
    })
  })

  test.each([
    ['nothing released', 'text.sse', 0, [[0, MESSAGE, 'SAFETY']]],
    ['text released', 'text.sse', 2, [[0, `\n\n${MESSAGE}`, 'SAFETY']]],
    ['the last event released', 'text.sse', 4, []],
    ['thoughts alone released', 'thoughts.sse', 2, [[0, MESSAGE, 'SAFETY']]],
    ['a call released', 'tool-calls.sse', 2, [[0, `\n\n${MESSAGE}`, 'SAFETY']]],
    ['a call open', 'streamed-call.sse', 3, [[0, MESSAGE, 'SAFETY']]],
    ['a blocked prompt released', 'blocked-prompt.sse', 1, [[0, `\n\n${MESSAGE}`, 'SAFETY']]],
    ['an error released', 'upstream-error.sse', 2, [[0, `\n\n${MESSAGE}`, 'SAFETY']]],
    [
      'every event says that it is the last one',
      'every-event-stops.sse',
      2,
      [[0, `\n\n${MESSAGE}`, 'SAFETY']],
    ],
  ])('%s', (_, name, frames, expected) => {
    expect(rest(refusal(), name, frames)).toEqual(expected)
  })

  test.each([
    ['both open', 1, [0, 1]],
    ['the first at its end', 2, [1]],
    ['both at their end', 3, []],
  ])('of two candidates %s', (_, frames, open) => {
    const indexes = open.map(index => [index, `\n\n${MESSAGE}`, 'SAFETY'])
    expect(rest(two, 'two-candidates.sse', frames)).toEqual(indexes)
    // Also where only one was asked for.
    expect(rest(refusal(), 'two-candidates.sse', frames)).toEqual(indexes)
  })

  test('an ordinary end where that is asked for', () => {
    expect(rest(refusal({ finishReason: 'stop' }), 'text.sse', 1)).toEqual([[0, `\n\n${MESSAGE}`, 'STOP']])
  })

  test('a text that goes on after its end is refused', () => {
    const at = geminiSse.openPosition()
    const event = (finishReason?: string) =>
      `data: ${JSON.stringify({ candidates: [{ content: { parts: [{ text: 'x' }] }, finishReason }] })}\n\n`
    for (const frame of geminiSse
      .openStream()
      .push(new TextEncoder().encode(event() + event('STOP') + event())))
      at.released(frame)
    expect(events(geminiSse.streamRefusal(refusal(), at))).toHaveLength(1)
  })

  test('candidates beyond those asked for stand in their order', () => {
    const at = geminiSse.openPosition()
    for (const index of [2, 1]) {
      const event = `data: ${JSON.stringify({ candidates: [{ content: { parts: [{ text: 'x' }] }, index }] })}\n\n`
      for (const frame of geminiSse.openStream().push(new TextEncoder().encode(event))) at.released(frame)
    }
    const [{ candidates }] = events(geminiSse.streamRefusal(refusal(), at))
    expect(candidates.map(({ index }: { index: number }) => index)).toEqual([0, 1, 2])
  })

  test('a frame of which only the parts are known', () => {
    const [frame] = geminiSse.openStream().push(fixture('text.sse'))
    const at = geminiSse.openPosition()
    at.released({ bytes: frame!.bytes, parts: frame!.parts })
    const [event] = events(geminiSse.streamRefusal(refusal(), at))
    expect(event).toMatchObject({
      responseId: ID,
      candidates: [{ content: { parts: [{ text: `\n\n${MESSAGE}` }] } }],
    })
  })
})

describe('array, going on', () => {
  const json = JSON.stringify
  test.each([
    ['nothing released', 'text.array.json', 0, `[${json(whole)}]`],
    ['after its last element', 'text.array.json', 3, '\r\n]'],
    ['after its end', 'text.array.json', 4, ''],
    ['after the white space that follows', 'text.array.json', 5, ''],
  ])('%s', (_, name, frames, expected) => {
    const { at } = positionAfter(geminiArray, name, frames)
    expect(text(geminiArray.streamRefusal(refusal(), at))).toBe(expected)
  })

  test.each([
    ['text.array.json', 1],
    ['text.array.json', 2],
    ['compact.array.json', 2],
    ['error.array.json', 2],
  ])('%s after %i elements stays one array', (name, frames) => {
    const { at, released } = positionAfter(geminiArray, name, frames)
    const all = JSON.parse(Buffer.concat([released, geminiArray.streamRefusal(refusal(), at)]).toString())
    expect(all).toHaveLength(frames + 1)
    expect(all.at(-1).candidates).toEqual([
      { content: { role: 'model', parts: [{ text: `\n\n${MESSAGE}` }] }, finishReason: 'SAFETY', index: 0 },
    ])
  })

  test('an empty array that is out is left alone', () => {
    const at = geminiArray.openPosition()
    for (const frame of geminiArray.openStream().push(new TextEncoder().encode('[]'))) at.released(frame)
    expect(geminiArray.streamRefusal(refusal(), at)).toHaveLength(0)
  })
})

describe('errors', () => {
  const error = (format: LlmFormat, status: number) => {
    const reply = format.error({ status, message: MESSAGE, code: 'content_filter' }, { id: ID, request })
    expect(reply.contentType).toBe('application/json')
    return JSON.parse(text(reply.body))
  }

  test.each([
    [400, 'INVALID_ARGUMENT'],
    [401, 'UNAUTHENTICATED'],
    [403, 'PERMISSION_DENIED'],
    [404, 'NOT_FOUND'],
    [409, 'ABORTED'],
    [413, 'INVALID_ARGUMENT'],
    [415, 'INVALID_ARGUMENT'],
    [422, 'INVALID_ARGUMENT'],
    [429, 'RESOURCE_EXHAUSTED'],
    [499, 'CANCELLED'],
    [500, 'INTERNAL'],
    [501, 'UNIMPLEMENTED'],
    [502, 'INTERNAL'],
    [503, 'UNAVAILABLE'],
    [504, 'DEADLINE_EXCEEDED'],
  ])('%i is %s', (status, word) => {
    for (const format of [gemini, geminiSse, geminiTokenCount, geminiEmbed]) {
      expect(error(format, status)).toEqual({ error: { code: status, message: MESSAGE, status: word } })
    }
  })

  test('in an array where the client parses one', () => {
    expect(error(geminiArray, 403)).toEqual([
      { error: { code: 403, message: MESSAGE, status: 'PERMISSION_DENIED' } },
    ])
  })
})

describe.each<LlmFormat>([geminiTokenCount, geminiEmbed])('$name', format => {
  test('has no answer that could say no', () => {
    expect(format.refusal(refusal(), 'json')).toBeUndefined()
    expect(format.refusal(refusal(), 'event-stream')).toBeUndefined()
  })

  test('ends a stream, if there ever is one, with an error', () => {
    expect(events(format.streamRefusal(refusal(), format.openPosition()))).toEqual([
      { error: { code: 403, message: MESSAGE, status: 'PERMISSION_DENIED' } },
    ])
  })
})

test('a position of another format is a bug', () => {
  const at = { released: () => undefined }
  for (const format of [geminiSse, geminiArray]) {
    expect(() => format.streamRefusal(refusal(), at)).toThrow(WeirError)
  }
})
