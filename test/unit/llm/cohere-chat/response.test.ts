import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { cohereChat } from '../../../../src/llm/cohere-chat/index.ts'

const fixture = readFileSync(new URL('../../../fixtures/cohere/response.json', import.meta.url))
const decode = (body: unknown) => cohereChat.decodeResponse(new TextEncoder().encode(JSON.stringify(body)))

test('a whole answer', () => {
  const said = (kind: string, text: string, ...place: (string | number)[]) => ({
    ...{ message: 0, role: 'assistant', kind, text, path: ['message', ...place] },
  })
  const document = ['citations', 0, 'sources', 0, 'document'] as const
  expect(cohereChat.decodeResponse(fixture)).toEqual({
    kind: 'ok',
    value: {
      uninspectable: 0,
      segments: [
        said('reasoning', 'I will ask the phone book.', 'tool_plan'),
        said('reasoning', 'Ask the tool.', 'content', 0, 'thinking'),
        said('content', 'Call 555-0100.', 'content', 1, 'text'),
        { ...said('tool-call', '{"q":"phone"}', 'tool_calls', 0, 'function', 'arguments'), syntax: 'json' },
        said('content', '555-0100', 'citations', 0, 'text'),
        said('content', 'doc:0', ...document, 'id'),
        said('content', 'Phone book', ...document, 'title'),
      ],
    },
  })
})

describe('what cannot be read', () => {
  test.each([
    ['an unknown block', { content: [{ type: 'hologram' }] }, 1],
    ['content of a number', { content: 7 }, 1],
    ['a block of null', { content: [null] }, 1],
    ['a text block without text', { content: [{ type: 'text' }] }, 1],
    ['tool calls as an object', { tool_calls: {} }, 1],
    ['a citation of a number', { citations: [7] }, 1],
    ['nothing', { content: null }, 0],
  ])('%s', (_, message, uninspectable) => {
    expect(decode({ message })).toEqual({ kind: 'ok', value: { segments: [], uninspectable } })
  })

  test.each([[[]], [{ text: 'x' }], [{ message: 'x' }], [null]])('wrong shape: %j', body => {
    expect(decode(body)).toEqual({ kind: 'undecodable', reason: 'wrong-shape' })
  })

  test('an answer that is cut is not JSON', () => {
    const decoded = cohereChat.decodeResponse(fixture.subarray(0, -10))
    expect(decoded).toEqual({ kind: 'undecodable', reason: 'not-json' })
  })
})

test.each([
  [{ id: 'x', type: 'message-start', delta: { message: { role: 'assistant' } } }, true],
  [{ finish_reason: 'COMPLETE', message: { role: 'assistant', content: [] } }, true],
  [{ type: 'message_start', message: { role: 'assistant' } }, false],
  [{ model: 'm', message: { role: 'assistant', content: 'x' }, done: true }, false],
  [{ choices: [{ message: { role: 'assistant' }, finish_reason: 'stop' }] }, false],
  [{ id: 'x', message: 'invalid request' }, false],
  [{ type: 'message-start' }, false],
  [[], false],
  [null, false],
])('claims %j: %s', (value, claims) => {
  expect(cohereChat.claimsResponse(value)).toBe(claims)
})
