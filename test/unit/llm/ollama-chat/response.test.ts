import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ollamaChat } from '../../../../src/llm/ollama-chat/index.ts'

const fixture = readFileSync(new URL('../../../fixtures/ollama/chat-response.json', import.meta.url))
const encode = (body: unknown) => new TextEncoder().encode(JSON.stringify(body))

test('a whole answer', () => {
  const said = (kind: string, text: string, ...path: (string | number)[]) => ({
    ...{ message: 0, role: 'assistant', kind, text, path: ['message', ...path] },
  })
  const call = ['tool_calls', 0, 'function', 'arguments'] as const
  expect(ollamaChat.decodeResponse(fixture)).toEqual({
    kind: 'ok',
    value: {
      uninspectable: 0,
      segments: [
        said('reasoning', 'Ask the tool.', 'thinking'),
        said('content', 'Call 555-0100.', 'content'),
        said('tool-call', 'phone', ...call, 'q'),
        said('tool-call', 'Köln', ...call, 'in', 0),
        said('tool-call', '50667', ...call, 'in', 1, 'zip'),
      ],
    },
  })
})

describe('shapes', () => {
  test.each([
    ['a model that was loaded', { model: 'm', message: { role: 'assistant', content: '' }, done: true }, 0],
    ['an error', { error: 'x' }, 0],
    ['content of a number', { message: { content: 7 } }, 1],
    [
      'a call without arguments',
      { message: { tool_calls: [{ function: { name: 'f', arguments: {} } }] } },
      0,
    ],
    ['an image', { message: { content: '', images: ['AA=='] } }, 1],
  ])('%s', (_, body, uninspectable) => {
    const decoded = ollamaChat.decodeResponse(encode(body))
    expect(decoded).toEqual({ kind: 'ok', value: { segments: [], uninspectable } })
  })

  test.each([
    ['a list', []],
    ['nothing known', { response: 'x' }],
    ['a message that is a string', { message: 'x' }],
  ])('wrong shape: %s', (_, body) => {
    expect(ollamaChat.decodeResponse(encode(body))).toEqual({ kind: 'undecodable', reason: 'wrong-shape' })
  })

  test('a stream is no whole answer', () => {
    const decoded = ollamaChat.decodeResponse(Buffer.from('{"done":false}\n{"done":true}\n'))
    expect(decoded).toEqual({ kind: 'undecodable', reason: 'not-json' })
  })
})

test.each([
  [{ model: 'm', message: {}, done: false }, true],
  [{ model: 'm', message: { content: 'x' }, done: true }, true],
  [{ model: 'm', response: 'x', done: true }, false],
  [{ message: { role: 'assistant', content: [] }, finish_reason: 'COMPLETE' }, false],
  [{ model: 'm', choices: [{ message: {} }] }, false],
  [{ error: 'x' }, false],
  [[], false],
  [null, false],
])('claims %j: %s', (value, claims) => {
  expect(ollamaChat.claimsResponse(value)).toBe(claims)
})

test.each([
  ['a whole answer', { model: 'm', message: {}, done: true }, true],
  ['a part of one', { model: 'm', message: {}, done: false }, true],
  ['one of Cohere, which says nothing of its end', { model: 'm', message: {} }, false],
  ['one of nobody', { message: {}, done: true }, false],
])('is known by its own shape: %s', (_, body, isClaimed) => {
  expect(ollamaChat.claimsResponse(body)).toBe(isClaimed)
})
