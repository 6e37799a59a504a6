import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { LlmRequest } from '../../../../src/llm/format.ts'
import { ollamaChat } from '../../../../src/llm/ollama-chat/index.ts'

const fixture = new URL('../../../fixtures/ollama/chat-request-agent.json', import.meta.url)
const wrongShape = { kind: 'undecodable', reason: 'wrong-shape' }
const decodeText = (text: string) => ollamaChat.decodeRequest(new TextEncoder().encode(text))
const decode = (body: unknown) => decodeText(JSON.stringify(body))

function read(body: unknown): LlmRequest {
  const decoded = decode(body)
  if (decoded.kind !== 'ok') throw new Error(`undecodable: ${decoded.reason}`)
  return decoded.value
}

const readMessage = (message: unknown) => read({ messages: [message] })

test('a request of an agent', () => {
  const call = ['messages', 2, 'tool_calls', 0, 'function', 'arguments']
  const assistant = { message: 2, role: 'assistant' }
  const content = (message: number, role: string, text: string) => ({
    ...{ message, role, text, kind: role === 'tool' ? 'tool-result' : 'content' },
    path: ['messages', message, 'content'],
  })
  expect(ollamaChat.decodeRequest(readFileSync(fixture))).toEqual({
    kind: 'ok',
    value: {
      model: 'llama3.2',
      streams: true,
      choices: 1,
      structuredOutput: true,
      streamUsage: false,
      uninspectable: 2,
      segments: [
        content(0, 'system', 'You are terse.'),
        content(1, 'user', 'What is on this picture?'),
        { ...assistant, kind: 'reasoning', text: 'Ask the tool.', path: ['messages', 2, 'thinking'] },
        { ...assistant, kind: 'tool-call', text: 'Köln', path: [...call, 'city'] },
        { ...assistant, kind: 'tool-call', text: 'C', path: [...call, 'units', 0] },
        content(3, 'tool', '12 °C'),
        content(4, 'user', 'Thanks'),
      ],
    },
  })
})

describe('roles', () => {
  test.each([
    ['system', 'system', 'content'],
    ['SYSTEM', 'system', 'content'],
    ['Tool', 'tool', 'tool-result'],
    ['assistant', 'assistant', 'content'],
    ['developer', 'developer', 'content'],
    ['control', 'user', 'content'],
    ['constructor', 'user', 'content'],
    [undefined, 'user', 'content'],
    [7, 'user', 'content'],
  ])('%s is %s and says %s', (role, expected, kind) => {
    expect(readMessage({ role, content: 'x' }).segments).toMatchObject([{ role: expected, kind }])
  })
})

describe('texts', () => {
  test.each([
    ['no content', { content: null, thinking: null, images: null, tool_calls: null }, [], 0],
    ['empty content', { content: '', images: [], tool_calls: [] }, [], 0],
    [
      'arguments in a string',
      { tool_calls: [{ function: { name: 'f', arguments: '{"a":"x"}' } }] },
      [['tool-call', '{"a":"x"}', 'json']],
      0,
    ],
    ['a call without arguments', { tool_calls: [{ function: { name: 'f' } }] }, [], 0],
    ['arguments without text', { tool_calls: [{ function: { arguments: { a: 1, b: '' } } }] }, [], 0],
    ['images', { content: 'x', images: ['AA==', 'AA=='] }, [['content', 'x', undefined]], 2],
  ])('%s', (_, message, texts, uninspectable) => {
    const request = readMessage({ role: 'assistant', ...message })
    expect(request.segments.map(({ kind, text, syntax }) => [kind, text, syntax])).toEqual(texts)
    expect(request.uninspectable).toBe(uninspectable)
  })

  test('a body without messages loads the model and says nothing', () => {
    expect(read({ model: 'm' })).toMatchObject({ segments: [], uninspectable: 0 })
    expect(read({ messages: null }).segments).toEqual([])
  })
})

describe('settings', () => {
  test.each([
    [{}, true],
    [{ stream: null }, true],
    [{ stream: true }, true],
    [{ stream: false }, false],
  ])('%j streams: %s', (rest, streams) => {
    expect(read({ messages: [], ...rest }).streams).toBe(streams)
  })

  test.each([
    [
      { model: 'm', format: 'json' },
      { model: 'm', structuredOutput: false },
    ],
    [{ format: { type: 'object' } }, { model: undefined, structuredOutput: true }],
    [{ model: 7 }, { model: undefined, structuredOutput: false }],
  ])('%j', (rest, settings) => {
    expect(read({ messages: [], ...rest })).toMatchObject(settings)
  })
})

describe('undecodable', () => {
  test.each([
    ['a list', []],
    ['null', null],
    ['messages as an object', { messages: {} }],
    ['messages as a string', { messages: 'x' }],
    ['a message that is a string', { messages: ['x'] }],
    ['content of a number', { messages: [{ content: 7 }] }],
    ['content parts', { messages: [{ content: [{ type: 'text', text: 'x' }] }] }],
    ['thinking of a list', { messages: [{ thinking: ['x'] }] }],
    ['images as a string', { messages: [{ images: 'x' }] }],
    ['tool calls as an object', { messages: [{ tool_calls: {} }] }],
    ['a tool call that is a string', { messages: [{ tool_calls: ['x'] }] }],
    ['a tool call without a function', { messages: [{ tool_calls: [{}] }] }],
    ['stream as a string', { messages: [], stream: 'false' }],
    ['stream as a number', { messages: [], stream: 0 }],
  ])('%s', (_, body) => {
    expect(decode(body)).toEqual(wrongShape)
  })

  test.each([
    [
      'a doubled key, of which Go keeps the text',
      '{"messages":[{"role":"user","content":"x","content":null}]}',
    ],
    ['a doubled list', '{"messages":[{"content":"x"}],"messages":[]}'],
    ['a key in another case, which Go takes as well', '{"messages":[],"Messages":[{"content":"x"}]}'],
    ['a message key in another case', '{"messages":[{"role":"user","CONTENT":"x"}]}'],
    ['a key that folds to another', '{"me\u017Fsages":[{"content":"x"}]}'],
  ])('%s', (_, body) => {
    expect(decodeText(body)).toEqual(wrongShape)
  })

  test('arguments may have any keys', () => {
    const call = { function: { name: 'f', arguments: { Content: 'x', content: 'y' } } }
    expect(readMessage({ role: 'assistant', tool_calls: [call] }).segments).toHaveLength(2)
  })

  test('not JSON, not UTF-8', () => {
    expect(decodeText('')).toEqual({ kind: 'undecodable', reason: 'not-json' })
    expect(ollamaChat.decodeRequest(new Uint8Array([0xff]))).toEqual({
      kind: 'undecodable',
      reason: 'not-utf8',
    })
  })
})
