import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { cohereChat } from '../../../../src/llm/cohere-chat/index.ts'
import type { LlmRequest } from '../../../../src/llm/format.ts'

const fixture = new URL('../../../fixtures/cohere/request-agent.json', import.meta.url)
const wrongShape = { kind: 'undecodable', reason: 'wrong-shape' }
const decodeText = (text: string) => cohereChat.decodeRequest(new TextEncoder().encode(text))
const decode = (body: unknown) => decodeText(JSON.stringify(body))

function read(body: unknown): LlmRequest {
  const decoded = decode(body)
  if (decoded.kind !== 'ok') throw new Error(`undecodable: ${decoded.reason}`)
  return decoded.value
}

const readMessage = (message: unknown) => read({ messages: [message] })

test('a request of an agent', () => {
  const said = (
    message: number,
    role: string,
    kind: string,
    text: string,
    ...place: (string | number)[]
  ) => ({
    ...{ message, role, kind, text, path: ['messages', message, ...place] },
  })
  const document = ['content', 0, 'document', 'data'] as const
  const source = ['citations', 0, 'sources', 0, 'tool_output', 'degrees'] as const
  expect(cohereChat.decodeRequest(readFileSync(fixture))).toEqual({
    kind: 'ok',
    value: {
      model: 'command-a-03-2025',
      streams: true,
      choices: 1,
      structuredOutput: true,
      streamUsage: false,
      uninspectable: 1,
      segments: [
        said(0, 'system', 'content', 'You are terse.', 'content'),
        said(1, 'user', 'content', 'What is on this picture?', 'content', 0, 'text'),
        said(2, 'assistant', 'reasoning', 'I will look up the weather.', 'tool_plan'),
        {
          ...said(2, 'assistant', 'tool-call', '{"city":"Köln"}', 'tool_calls', 0, 'function', 'arguments'),
          syntax: 'json',
        },
        said(3, 'tool', 'tool-result', '12 °C', ...document, 'degrees'),
        said(3, 'tool', 'tool-result', 'ok', ...document, 'log', 0),
        said(4, 'assistant', 'content', 'It is cold.', 'content'),
        said(4, 'assistant', 'content', 'It', 'citations', 0, 'text'),
        said(4, 'assistant', 'content', '12 °C', ...source),
        said(5, 'user', 'content', 'Thanks', 'content'),
        {
          ...{ message: 6, role: 'tool', kind: 'tool-result', text: 'A bare text' },
          path: ['documents', 0],
        },
        {
          ...{ message: 7, role: 'tool', kind: 'tool-result', text: 'Tall penguins' },
          path: ['documents', 1, 'data', 'title'],
        },
      ],
    },
  })
})

describe('roles', () => {
  test.each([
    ['system', 'system', 'content'],
    ['developer', 'developer', 'content'],
    ['assistant', 'assistant', 'content'],
    ['tool', 'tool', 'tool-result'],
    ['CHATBOT', 'user', 'content'],
    ['constructor', 'user', 'content'],
    [undefined, 'user', 'content'],
  ])('%s is %s and says %s', (role, expected, kind) => {
    expect(readMessage({ role, content: 'x' }).segments).toMatchObject([{ role: expected, kind }])
  })
})

describe('texts of a message', () => {
  test.each([
    ['no content', { content: null, tool_calls: null, tool_plan: null, citations: null }, [], 0],
    ['a block without a list', { content: { type: 'text', text: 'x' } }, [['content', 'x']], 0],
    ['a bare string as a block', { content: ['x'] }, [['content', 'x']], 0],
    ['thinking', { content: [{ type: 'thinking', thinking: 'x' }] }, [['reasoning', 'x']], 0],
    ['a picture', { content: [{ type: 'image_url', image_url: { url: 'data:' } }] }, [], 1],
    ['an unknown block with text', { content: [{ type: 'hologram', text: 'x' }] }, [['content', 'x']], 1],
    ['a document as text', { content: [{ type: 'document', document: 'x' }] }, [['content', 'x']], 0],
    [
      'a document without its id',
      { content: [{ type: 'document', document: { id: 'i', data: 'x' } }] },
      [['content', 'x']],
      0,
    ],
    [
      'arguments as an object',
      { tool_calls: [{ function: { arguments: { a: 'x', b: ['y'] } } }] },
      [
        ['tool-call', 'x'],
        ['tool-call', 'y'],
      ],
      0,
    ],
    [
      'the source of a citation',
      { citations: [{ sources: [{ type: 't', id: 'i', document: { id: 'd', a: 'x' } }] }] },
      [
        ['content', 'd'],
        ['content', 'x'],
      ],
      0,
    ],
  ])('%s', (_, message, texts, uninspectable) => {
    const request = readMessage({ role: 'assistant', ...message })
    expect(request.segments.map(({ kind, text }) => [kind, text])).toEqual(texts)
    expect(request.uninspectable).toBe(uninspectable)
  })
})

describe('settings', () => {
  test.each([
    [{}, { streams: undefined, model: undefined, structuredOutput: false }],
    [{ stream: true }, { streams: true }],
    [{ stream: false }, { streams: false }],
    [{ stream: null }, { streams: false }],
    [
      { model: 'm', response_format: { type: 'text' } },
      { model: 'm', structuredOutput: false },
    ],
    [{ documents: null }, { segments: [] }],
  ])('%j', (rest, settings) => {
    expect(read({ messages: [], ...rest })).toMatchObject(settings)
  })
})

describe('undecodable', () => {
  test.each([
    ['a list', []],
    ['messages missing', { message: 'x' }],
    ['a message that is a string', { messages: ['x'] }],
    ['content of a number', { messages: [{ content: 7 }] }],
    ['a block of a number', { messages: [{ content: [7] }] }],
    ['a text block without text', { messages: [{ content: [{ type: 'text' }] }] }],
    ['a thinking block with a list', { messages: [{ content: [{ type: 'thinking', thinking: ['x'] }] }] }],
    ['a document of a number', { messages: [{ content: [{ type: 'document', document: 7 }] }] }],
    ['a tool plan of a list', { messages: [{ tool_plan: ['x'] }] }],
    ['tool calls as an object', { messages: [{ tool_calls: {} }] }],
    ['a tool call without a function', { messages: [{ tool_calls: [{}] }] }],
    ['citations as an object', { messages: [{ citations: {} }] }],
    ['a citation that is a string', { messages: [{ citations: ['x'] }] }],
    ['documents as an object', { messages: [], documents: {} }],
    ['a document that is a number', { messages: [], documents: [7] }],
    ['stream as a string', { messages: [], stream: 'true' }],
  ])('%s', (_, body) => {
    expect(decode(body)).toEqual(wrongShape)
  })

  test.each([
    '{"messages":[{"content":"x","content":null}]}',
    '{"messages":[],"Messages":[{"content":"x"}]}',
  ])('%s', body => {
    expect(decodeText(body)).toEqual(wrongShape)
  })

  test('not JSON', () => {
    expect(decodeText('')).toEqual({ kind: 'undecodable', reason: 'not-json' })
  })
})
