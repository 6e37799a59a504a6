import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { cohereChat } from '../../../../src/llm/cohere-chat/index.ts'
import type { Refusal } from '../../../../src/llm/format.ts'
import { asked, MESSAGE, refusalOf } from '../refused.ts'

const ID = '01234567-89ab-cdef-0123-456789abcdef'
const UPSTREAM_ID = 'c14c80c3-18eb-4519-9460-6c92edd8cfb4'
const request = asked({ model: 'command-a-03-2025', streams: true })
const refusal = (changes: Partial<Refusal> = {}): Refusal => refusalOf({ request, ...changes })
const usage = {
  billed_units: { input_tokens: 0, output_tokens: 0 },
  tokens: { input_tokens: 0, output_tokens: 0 },
}
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const readFixture = (name: string) =>
  readFileSync(new URL(`../../../fixtures/cohere/${name}`, import.meta.url))

/** The data of each event; each must name its type in its event line too, and end with its blank line. */
function events(bytes: Uint8Array) {
  const all = textOf(bytes).split('\n\n')
  expect(all.pop()).toBe('')
  return all.map(event => {
    const [name, data, ...more] = event.split('\n')
    const value = JSON.parse(data!.slice('data: '.length))
    expect([name, more]).toEqual([`event: ${value.type}`, []])
    return value
  })
}

function positionAfter(name: string, count: number) {
  const at = cohereChat.openPosition()
  for (const frame of cohereChat.openStream().push(readFixture(name)).slice(0, count)) at.released(frame)
  return at
}

const start = (index: number) => ({
  ...{ type: 'content-start', index },
  delta: { message: { content: { type: 'text', text: '' } } },
})
const delta = (index: number, text: string) => ({
  ...{ type: 'content-delta', index },
  delta: { message: { content: { text } } },
})
const end = (type: string, index: number) => ({ type: `${type}-end`, index })
const messageEnd = (id: string) => ({
  ...{ type: 'message-end', id },
  delta: { finish_reason: 'COMPLETE', usage },
})

test('the whole answer', () => {
  const reply = cohereChat.refusal(refusal(), 'json')
  expect(reply.contentType).toBe('application/json')
  expect(JSON.parse(textOf(reply.body))).toEqual({
    id: ID,
    finish_reason: 'COMPLETE',
    message: { role: 'assistant', content: [{ type: 'text', text: MESSAGE }] },
    usage,
  })
})

test('the whole sequence', () => {
  const reply = cohereChat.refusal(refusal(), 'event-stream')
  expect(reply.contentType).toBe('text/event-stream')
  const message_ = { role: 'assistant', content: [], tool_plan: '', tool_calls: [], citations: [] }
  expect(events(reply.body)).toEqual([
    { id: ID, type: 'message-start', delta: { message: message_ } },
    start(0),
    delta(0, MESSAGE),
    end('content', 0),
    messageEnd(ID),
  ])
})

describe('going on', () => {
  const own = (index: number, text = MESSAGE) => [start(index), delta(index, text), end('content', index)]

  test.each<[string, string, number, object[]]>([
    ['the start is out', 'text.sse', 1, own(0)],
    ['an empty block is open', 'text.sse', 2, [delta(0, MESSAGE), end('content', 0)]],
    ['a text is open', 'text.sse', 3, [delta(0, `\n\n${MESSAGE}`), end('content', 0)]],
    ['a text is closed', 'text.sse', 6, own(1, `\n\n${MESSAGE}`)],
    ['thinking is open', 'thinking.sse', 3, [end('content', 0), ...own(1)]],
    ['thinking is closed', 'thinking.sse', 5, own(1)],
    ['a plan is out', 'tool-calls.sse', 3, own(0)],
    ['a tool call is open', 'tool-calls.sse', 5, [end('tool-call', 0), ...own(0)]],
    ['a tool call is closed', 'tool-calls.sse', 7, own(0)],
    ['the second is open', 'tool-calls.sse', 8, [end('tool-call', 1), ...own(0)]],
    [
      'a citation is open',
      'citations-crlf.sse',
      5,
      [end('citation', 0), delta(0, `\n\n${MESSAGE}`), end('content', 0)],
    ],
    ['an error is out', 'upstream-error.sse', 4, [delta(0, `\n\n${MESSAGE}`), end('content', 0)]],
  ])('%s', (_, name, count, rest) => {
    const bytes = cohereChat.streamRefusal(refusal(), positionAfter(name, count))
    expect(events(bytes)).toEqual([...rest, messageEnd(UPSTREAM_ID)])
  })

  test('after the end nothing, whether or not [DONE] is out', () => {
    for (const count of [7, 8]) {
      const rest = cohereChat.streamRefusal(refusal(), positionAfter('text.sse', count))
      expect(rest).toEqual(new Uint8Array(0))
    }
  })

  test('a comment is no start', () => {
    expect(cohereChat.streamRefusal(refusal(), positionAfter('citations-crlf.sse', 1))).toEqual(
      cohereChat.refusal(refusal(), 'event-stream').body,
    )
  })

  /** What follows events that no recorded stream has. */
  const restAfter = (...sent: readonly object[]) => {
    const at = cohereChat.openPosition()
    const bytes = Buffer.from(sent.map(event => `data: ${JSON.stringify(event)}\n\n`).join(''))
    for (const frame of cohereChat.openStream().push(bytes)) at.released(frame)
    return events(cohereChat.streamRefusal(refusal(), at))
  }

  test('what a debug prompt and tokens say is no answer yet', () => {
    expect(restAfter({ type: 'debug', prompt: 'x' })[2]).toEqual(delta(0, MESSAGE))
  })

  test('a text that nothing opened is open all the same', () => {
    const begun = { type: 'message-start', id: UPSTREAM_ID }
    expect(restAfter(begun, delta(2, 'x'))).toEqual([
      ...[delta(2, `\n\n${MESSAGE}`), end('content', 2), messageEnd(UPSTREAM_ID)],
    ])
  })

  test('so is a tool call', () => {
    const begun = { type: 'message-start', id: UPSTREAM_ID }
    expect(restAfter(begun, { type: 'tool-call-delta', index: 1 })).toEqual([
      ...[end('tool-call', 1), ...own(0), messageEnd(UPSTREAM_ID)],
    ])
  })

  test('a frame that was changed on the way is read again', () => {
    const at = cohereChat.openPosition()
    for (const { bytes, parts } of cohereChat.openStream().push(readFixture('thinking.sse')).slice(0, 3)) {
      at.released({ bytes, parts })
    }
    expect(cohereChat.streamRefusal(refusal(), at)).toEqual(
      cohereChat.streamRefusal(refusal(), positionAfter('thinking.sse', 3)),
    )
  })

  test('a position of another format is a bug', () => {
    expect(() => cohereChat.streamRefusal(refusal(), { released: () => {} })).toThrow('another format')
  })
})

test.each(['auto', 'content_filter', 'stop'] as const)('finish_reason %s is COMPLETE', finishReason => {
  const { body } = cohereChat.refusal(refusal({ finishReason }), 'json')
  expect(JSON.parse(textOf(body))).toMatchObject({ finish_reason: 'COMPLETE' })
})

test('a message of any characters stays one event', () => {
  const odd = 'a\n\ndata: x\r\n"\u2028😀[DONE]'
  const { body } = cohereChat.refusal(refusal({ message: odd }), 'event-stream')
  expect(events(body)[2]).toEqual(delta(0, odd))
  expect(textOf(body)).not.toMatch(/\u2028|\[DONE\]/)
})

test('an error', () => {
  const error = { status: 403, message: 'No "way"', code: 'content_filter' } as const
  const reply = cohereChat.error(error, { id: '0123456789abcdef0123456789abcdef', request: undefined })
  expect(reply.contentType).toBe('application/json')
  expect(JSON.parse(textOf(reply.body))).toEqual({ id: ID, message: 'No "way"' })
})
