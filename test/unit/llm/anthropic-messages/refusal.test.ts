import { describe, expect, test } from 'vitest'
import {
  anthropicBatches,
  anthropicMessages,
  anthropicTokenCount,
} from '../../../../src/llm/anthropic-messages/index.ts'
import type { Refusal } from '../../../../src/llm/format.ts'
import {
  decode,
  eventsOf,
  ID,
  MESSAGE,
  positionAfter,
  readFixture,
  refusal,
  structured,
  textOf,
} from './given.ts'

const json = (given: Refusal) => JSON.parse(textOf(anthropicMessages.refusal(given, 'json').body))
/** The events that a client still gets. */
const rest = (given: Refusal, name: string, frameCount: number) =>
  eventsOf(anthropicMessages.streamRefusal(given, positionAfter(name, frameCount).at))

const start = (index: number) => ({
  type: 'content_block_start',
  index,
  content_block: { type: 'text', text: '' },
})
const delta = (index: number, text: string) => ({
  type: 'content_block_delta',
  index,
  delta: { type: 'text_delta', text },
})
const stop = (index: number) => ({ type: 'content_block_stop', index })
const end = (outputTokens = 0, reason = 'refusal') => ({
  type: 'message_delta',
  delta: { stop_reason: reason, stop_sequence: null },
  usage: { output_tokens: outputTokens },
})
const messageStop = { type: 'message_stop' }
const messageStart = {
  type: 'message_start',
  message: {
    id: `msg_${ID}`,
    type: 'message',
    role: 'assistant',
    model: 'claude-x',
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { input_tokens: 0, output_tokens: 0 },
  },
}
const wholeStream = [messageStart, start(0), delta(0, MESSAGE), stop(0), end(), messageStop]

describe('JSON', () => {
  test('the whole answer', () => {
    const { contentType, headers } = anthropicMessages.refusal(refusal(), 'json')
    expect({ contentType, headers }).toEqual({
      contentType: 'application/json',
      headers: { 'request-id': `req_${ID}` },
    })
    expect(json(refusal())).toEqual({
      id: `msg_${ID}`,
      type: 'message',
      role: 'assistant',
      model: 'claude-x',
      content: [{ type: 'text', text: MESSAGE }],
      stop_reason: 'refusal',
      stop_sequence: null,
      usage: { input_tokens: 0, output_tokens: 0 },
    })
  })

  test('a request that was never seen', () => {
    expect(json(refusal({ request: undefined })).model).toBe('unknown')
  })

  test.each([
    ['auto', 'refusal'],
    ['content_filter', 'refusal'],
    ['stop', 'end_turn'],
  ] as const)('finish reason %s', (finishReason, reason) => {
    expect(json(refusal({ finishReason })).stop_reason).toBe(reason)
    const stream = eventsOf(anthropicMessages.refusal(refusal({ finishReason }), 'event-stream').body)
    expect(stream.at(-2)).toEqual(end(0, reason))
  })

  test('structured output, unless a finish reason is asked for', () => {
    const stopDetails = { type: 'refusal', category: null, explanation: MESSAGE }
    expect(json(structured)).toMatchObject({ content: [], stop_reason: 'refusal', stop_details: stopDetails })
    expect(json({ ...structured, finishReason: 'content_filter' })).toMatchObject({
      content: [{ text: MESSAGE }],
      stop_reason: 'refusal',
    })
    expect(json({ ...structured, finishReason: 'stop' })).toMatchObject({ content: [{ text: MESSAGE }] })
  })
})

describe('event stream, nothing sent yet', () => {
  test('the whole sequence', () => {
    const reply = anthropicMessages.refusal(refusal(), 'event-stream')
    expect(reply.contentType).toBe('text/event-stream')
    expect(reply.headers).toEqual({ 'request-id': `req_${ID}` })
    expect(eventsOf(reply.body)).toEqual(wholeStream)
  })

  test('structured output', () => {
    const delta = {
      stop_reason: 'refusal',
      stop_sequence: null,
      stop_details: { type: 'refusal', category: null, explanation: MESSAGE },
    }
    expect(eventsOf(anthropicMessages.refusal(structured, 'event-stream').body)).toEqual([
      messageStart,
      { type: 'message_delta', delta, usage: { output_tokens: 0 } },
      messageStop,
    ])
  })

  test('a message of any characters stays one event', () => {
    const message = 'a\n\nevent: x\r\n"\u2028😀'
    const all = eventsOf(anthropicMessages.refusal(refusal({ message }), 'event-stream').body)
    expect(all[2]).toEqual(delta(0, message))
  })

  test('it reads as a refusal', () => {
    const frames = decode(anthropicMessages.refusal(refusal(), 'event-stream').body)
    const kinds = frames.flatMap(frame => frame.parts.map(part => part.kind))
    expect(kinds).toEqual(['text-delta', 'finish', 'finish', 'terminator'])
  })
})

describe('event stream, going on', () => {
  const after = `\n\n${MESSAGE}`

  test.each<[string, string, number, readonly unknown[]]>([
    ['nothing released', 'text.sse', 0, wholeStream],
    ['only a comment released', 'lenient-server.sse', 1, wholeStream],
    ['the message is open', 'text.sse', 1, [start(0), delta(0, MESSAGE), stop(0), end(2), messageStop]],
    ['a block is open and empty', 'text.sse', 2, [delta(0, MESSAGE), stop(0), end(2), messageStop]],
    ['a ping came since', 'text.sse', 3, [delta(0, MESSAGE), stop(0), end(2), messageStop]],
    ['text is out', 'text.sse', 4, [stop(0), start(1), delta(1, after), stop(1), end(2), messageStop]],
    ['the block is closed', 'text.sse', 7, [start(1), delta(1, after), stop(1), end(2), messageStop]],
    ['the reason to end is out', 'text.sse', 8, [messageStop]],
    [
      'a tool call is open',
      'tool-use.sse',
      7,
      [stop(1), start(2), delta(2, after), stop(2), end(2), messageStop],
    ],
    [
      'thinking is open',
      'thinking.sse',
      3,
      [stop(0), start(1), delta(1, MESSAGE), stop(1), end(2), messageStop],
    ],
    [
      'the result of a search is open',
      'web-search.sse',
      10,
      [stop(2), start(3), delta(3, after), stop(3), end(2), messageStop],
    ],
    [
      'the block began with text',
      'lenient-server.sse',
      3,
      [stop(0), start(1), delta(1, after), stop(1), end(2), messageStop],
    ],
  ])('%s', (_, name, count, expected) => {
    expect(rest(refusal(), name, count)).toEqual(expected)
  })

  test('after the end nothing, nor after an error', () => {
    const nothing = new Uint8Array(0)
    expect(anthropicMessages.streamRefusal(refusal(), positionAfter('text.sse', 9).at)).toEqual(nothing)
    expect(anthropicMessages.streamRefusal(refusal(), positionAfter('upstream-error.sse', 4).at)).toEqual(
      nothing,
    )
  })

  test('structured output: the text that is out is no schema any more, and nothing is added to it', () => {
    const events = rest(structured, 'text.sse', 4)
    expect(events.map(({ type }) => type)).toEqual(['content_block_stop', 'message_delta', 'message_stop'])
    expect(events[1]).toMatchObject({ delta: { stop_details: { explanation: MESSAGE } } })
    expect(rest(structured, 'text.sse', 2).map(({ type }) => type)).toEqual([
      'content_block_stop',
      'message_delta',
      'message_stop',
    ])
  })

  test('no ordinary end for an open tool call, which clients would run', () => {
    const ordinary = refusal({ finishReason: 'stop' })
    expect(rest(ordinary, 'tool-use.sse', 7).at(-2)).toEqual(end(2, 'refusal'))
    expect(rest(ordinary, 'tool-use.sse', 9).at(-2)).toEqual(end(2, 'end_turn'))
  })

  /** What follows events that no recorded stream has. */
  const restAfter = (...sent: readonly object[]) => {
    const at = anthropicMessages.openPosition()
    const stream = sent.map(event => `data: ${JSON.stringify(event)}\n\n`).join('')
    for (const frame of decode(new TextEncoder().encode(stream))) at.released(frame)
    return eventsOf(anthropicMessages.streamRefusal(refusal(), at))
  }
  const begun = { type: 'message_start', message: {} }

  test('a block that is open below another is closed as well', () => {
    expect(restAfter(begun, start(0), start(3), delta(3, 'x'))).toEqual([
      ...[stop(0), stop(3), start(4), delta(4, after), stop(4), end(), messageStop],
    ])
  })

  test('an empty block that is open when the reason to end is out is closed, and nothing is said in it', () => {
    expect(restAfter(begun, start(0), end(5, 'end_turn'))).toEqual([stop(0), messageStop])
  })

  test('a block before the start of the message is none: clients have dropped it', () => {
    expect(restAfter(start(0), delta(0, 'x'))).toEqual(wholeStream)
  })

  test('the tokens that were counted last are counted on', () => {
    const counted = { type: 'message_delta', delta: {}, usage: { output_tokens: 9 } }
    expect(restAfter(begun, counted).at(-2)).toEqual(end(9))
  })

  test('a refusal stands apart from no text that was emptied', () => {
    const at = anthropicMessages.openPosition()
    const [first, block, , text] = decode(readFixture('text.sse'))
    for (const frame of [first!, block!]) at.released(frame)
    at.released(anthropicMessages.rewriteFrame(text!, [{ path: ['delta', 'text'], text: '' }]))
    expect(eventsOf(anthropicMessages.streamRefusal(refusal(), at))[2]).toEqual(delta(1, MESSAGE))
  })

  test('a frame that was changed on the way is read again', () => {
    for (const count of [1, 2, 4, 7, 8]) {
      const at = anthropicMessages.openPosition()
      for (const { bytes, parts } of decode(readFixture('text.sse')).slice(0, count)) {
        at.released({ bytes, parts })
      }
      expect(eventsOf(anthropicMessages.streamRefusal(refusal(), at))).toEqual(
        rest(refusal(), 'text.sse', count),
      )
    }
  })

  test('a position of another format is a bug', () => {
    expect(() => anthropicMessages.streamRefusal(refusal(), { released: () => {} })).toThrow('another format')
    expect(() => anthropicTokenCount.streamRefusal(refusal(), { released: () => {} })).toThrow(
      'another format',
    )
  })
})

describe('errors', () => {
  test.each([
    [400, 'invalid_request', 'invalid_request_error'],
    [401, 'content_filter', 'authentication_error'],
    [402, 'content_filter', 'billing_error'],
    [403, 'content_filter', 'permission_error'],
    [404, 'content_filter', 'not_found_error'],
    [413, 'invalid_request', 'request_too_large'],
    [415, 'invalid_request', 'invalid_request_error'],
    [429, 'content_filter', 'rate_limit_error'],
    [500, 'internal', 'api_error'],
    [503, 'internal', 'api_error'],
    [504, 'internal', 'timeout_error'],
    [529, 'internal', 'overloaded_error'],
  ] as const)('%i %s', (status, code, type) => {
    const context = { id: ID, request: undefined }
    const reply = anthropicMessages.error({ status, code, message: 'No "way"' }, context)
    expect(reply.contentType).toBe('application/json')
    expect(reply.headers).toEqual({ 'request-id': `req_${ID}` })
    expect(JSON.parse(textOf(reply.body))).toEqual({
      type: 'error',
      error: { type, message: 'No "way"' },
      request_id: `req_${ID}`,
    })
  })

  test.each([anthropicTokenCount, anthropicBatches])('$name: a stream ends with one', format => {
    const error = { type: 'error', error: { type: 'permission_error', message: MESSAGE } }
    expect(eventsOf(format.streamRefusal(refusal(), format.openPosition()))).toEqual([error])
    expect(format.streamRefusal(refusal(), positionAfter('text.sse', 9).at)).toEqual(new Uint8Array(0))
  })
})
