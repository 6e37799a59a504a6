import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { LlmRequest } from '../../../../src/llm/format.ts'
import { openaiChat } from '../../../../src/llm/openai-chat/index.ts'

const wrongShape = { kind: 'undecodable', reason: 'wrong-shape' }

function decode(body: unknown) {
  return openaiChat.decodeRequest(new TextEncoder().encode(JSON.stringify(body)))
}

function read(body: unknown): LlmRequest {
  const decoded = decode(body)
  if (decoded.kind !== 'ok') throw new Error(`undecodable: ${decoded.reason}`)
  return decoded.value
}

const readMessage = (message: unknown) => read({ messages: [message] })

/** The segments without their places: kind and text. */
const said = (message: unknown) => readMessage(message).segments.map(({ kind, text }) => [kind, text])

test('a request of an agent', () => {
  const file = new URL('../../../fixtures/openai-chat/request-agent.json', import.meta.url)
  const decoded = openaiChat.decodeRequest(readFileSync(file))
  expect(decoded).toEqual({
    kind: 'ok',
    value: {
      model: 'gpt-4o',
      streams: true,
      choices: 2,
      structuredOutput: false,
      streamUsage: true,
      uninspectable: 2,
      segments: [
        {
          message: 0,
          role: 'system',
          kind: 'content',
          text: 'You are terse.',
          path: ['messages', 0, 'content'],
        },
        {
          message: 1,
          role: 'user',
          kind: 'content',
          text: 'What is on this picture?',
          path: ['messages', 1, 'content', 0, 'text'],
        },
        {
          message: 2,
          role: 'assistant',
          kind: 'tool-call',
          text: '{"city":"Köln"}',
          syntax: 'json',
          path: ['messages', 2, 'tool_calls', 0, 'function', 'arguments'],
        },
        {
          message: 2,
          role: 'assistant',
          kind: 'tool-call',
          text: 'ls -la',
          path: ['messages', 2, 'tool_calls', 1, 'custom', 'input'],
        },
        { message: 3, role: 'tool', kind: 'tool-result', text: '12 °C', path: ['messages', 3, 'content'] },
        {
          message: 4,
          role: 'assistant',
          kind: 'reasoning',
          text: '12 degrees is cold.',
          path: ['messages', 4, 'reasoning_content'],
        },
        {
          message: 4,
          role: 'assistant',
          kind: 'content',
          text: 'It is cold.',
          path: ['messages', 4, 'content'],
        },
        { message: 5, role: 'user', kind: 'content', text: 'Thanks', path: ['messages', 5, 'content'] },
      ],
    },
  })
})

describe('roles', () => {
  test.each([
    ['system', 'system', 'content'],
    ['developer', 'developer', 'content'],
    ['user', 'user', 'content'],
    ['assistant', 'assistant', 'content'],
    ['tool', 'tool', 'tool-result'],
    ['function', 'tool', 'tool-result'],
    ['root', 'user', 'content'],
    ['constructor', 'user', 'content'],
    [undefined, 'user', 'content'],
    [7, 'user', 'content'],
  ])('%s is %s and says %s', (role, expected, kind) => {
    expect(readMessage({ role, content: 'x' }).segments).toMatchObject([{ role: expected, kind }])
  })
})

describe('texts of a message', () => {
  test.each([
    ['content', { content: 'x' }, [['content', 'x']]],
    ['no content', { content: null }, []],
    ['empty content', { content: '' }, []],
    [
      'text parts',
      {
        content: [
          { type: 'text', text: 'x' },
          { type: 'text', text: 'y' },
        ],
      },
      [
        ['content', 'x'],
        ['content', 'y'],
      ],
    ],
    ['a bare string as a part', { content: ['x'] }, [['content', 'x']]],
    ['a refusal part', { content: [{ type: 'refusal', refusal: 'no' }] }, [['refusal', 'no']]],
    ['refusal', { content: null, refusal: 'no' }, [['refusal', 'no']]],
    ['function_call', { function_call: { name: 'f', arguments: '{"a":1}' } }, [['tool-call', '{"a":1}']]],
    ['no function_call', { content: 'x', function_call: null, tool_calls: null }, [['content', 'x']]],
    [
      'arguments as an object',
      { tool_calls: [{ function: { name: 'f', arguments: { a: 'x', b: ['y'] } } }] },
      [
        ['tool-call', 'x'],
        ['tool-call', 'y'],
      ],
    ],
    ['reasoning', { reasoning: 'why' }, [['reasoning', 'why']]],
    [
      'reasoning details',
      {
        reasoning_details: [
          { type: 'reasoning.text', text: 'a' },
          { type: 'reasoning.summary', summary: 'b' },
        ],
      },
      [
        ['reasoning', 'a'],
        ['reasoning', 'b'],
      ],
    ],
    ['names are no text', { name: 'n', tool_call_id: 't', tool_calls: [{ function: { name: 'f' } }] }, []],
  ])('%s', (_, message, expected) => {
    expect(said({ role: 'assistant', ...message })).toEqual(expected)
  })

  test('the prediction stands after the last message', () => {
    const text = (content: unknown) =>
      read({ messages: [], prediction: { type: 'content', content } }).segments
    const expected = { message: 0, role: 'assistant', kind: 'content', text: 'x' }
    expect(text('x')).toEqual([{ ...expected, path: ['prediction', 'content'] }])
    expect(text([{ type: 'text', text: 'x' }])).toEqual([
      { ...expected, path: ['prediction', 'content', 0, 'text'] },
    ])
  })

  test('tools are no text', () => {
    const tools = [{ type: 'function', function: { name: 'f', description: 'd' } }]
    expect(read({ messages: [], tools }).segments).toEqual([])
  })
})

describe('uninspectable', () => {
  test.each([
    ['an image', { content: [{ type: 'image_url', image_url: { url: 'https://example.com/a.png' } }] }, 1],
    ['sound', { content: [{ type: 'input_audio', input_audio: { data: 'AA==', format: 'wav' } }] }, 1],
    ['a file', { content: [{ type: 'file', file: { file_id: 'file-1' } }] }, 1],
    ['an unknown part', { content: [{ type: 'hologram' }, {}] }, 2],
    ['a sound of an earlier answer', { audio: { id: 'audio_1' } }, 1],
    ['an unknown kind of tool call', { tool_calls: [{ type: 'mcp', mcp: {} }] }, 1],
    ['encrypted reasoning', { reasoning_details: [{ type: 'reasoning.encrypted', data: 'x' }] }, 1],
    ['reasoning of another shape', { reasoning: { text: 'x' } }, 1],
    ['text', { content: [{ type: 'text', text: 'x' }] }, 0],
  ])('%s', (_, message, count) => {
    expect(readMessage({ role: 'user', ...message }).uninspectable).toBe(count)
  })

  test('the text of an unknown part is read and the part counted', () => {
    const request = readMessage({ role: 'user', content: [{ type: 'input_text', text: 'x' }] })
    expect(request.segments).toMatchObject([{ text: 'x', path: ['messages', 0, 'content', 0, 'text'] }])
    expect(request.uninspectable).toBe(1)
  })
})

describe('settings', () => {
  const withMessages = (rest: object) => read({ messages: [], ...rest })

  test.each([
    [{ stream: true }, true],
    [{ stream: false }, false],
    [{ stream: null }, false],
    [{}, undefined],
  ])('streams: %j', (rest, streams) => {
    expect(withMessages(rest).streams).toBe(streams)
  })

  test.each([
    [{}, 1],
    [{ n: null }, 1],
    [{ n: 1 }, 1],
    [{ n: 128 }, 128],
  ])('choices: %j', (rest, choices) => {
    expect(withMessages(rest).choices).toBe(choices)
  })

  test.each([
    [{ response_format: { type: 'json_schema', json_schema: {} } }, true],
    [{ response_format: { type: 'json_object' } }, false],
    [{ response_format: null }, false],
    [{}, false],
  ])('structuredOutput: %j', (rest, structuredOutput) => {
    expect(withMessages(rest).structuredOutput).toBe(structuredOutput)
  })

  test.each([
    [{ stream_options: { include_usage: true } }, true],
    [{ stream_options: { include_usage: 'yes' } }, false],
    [{ stream_options: null }, false],
  ])('streamUsage: %j', (rest, streamUsage) => {
    expect(withMessages(rest).streamUsage).toBe(streamUsage)
  })

  test.each([
    [{ model: 'm' }, 'm'],
    [{ model: 7 }, undefined],
    [{}, undefined],
  ])('model: %j', (rest, model) => {
    expect(withMessages(rest).model).toBe(model)
  })
})

describe('undecodable', () => {
  test.each([
    ['an array', []],
    ['null', null],
    ['messages missing', { model: 'm' }],
    ['messages as an object', { messages: {} }],
    ['messages as a string', { messages: 'x' }],
    ['a message that is a string', { messages: ['x'] }],
    ['a message that is a list', { messages: [[]] }],
    ['content of a number', { messages: [{ content: 7 }] }],
    ['content of an object', { messages: [{ content: { text: 'x' } }] }],
    ['a part of a number', { messages: [{ content: [7] }] }],
    ['a text part without text', { messages: [{ content: [{ type: 'text' }] }] }],
    ['a text part with a list', { messages: [{ content: [{ type: 'text', text: ['x'] }] }] }],
    ['a refusal of a number', { messages: [{ refusal: 7 }] }],
    ['tool calls as an object', { messages: [{ tool_calls: {} }] }],
    ['a tool call that is a string', { messages: [{ tool_calls: ['x'] }] }],
    ['a function_call that is a string', { messages: [{ function_call: 'f' }] }],
    ['a prediction of a number', { messages: [], prediction: { content: 7 } }],
    ['stream as a string', { messages: [], stream: 'true' }],
    ['stream as a number', { messages: [], stream: 1 }],
    ['n of 0', { messages: [], n: 0 }],
    ['n of 129', { messages: [], n: 129 }],
    ['n of 1.5', { messages: [], n: 1.5 }],
    ['n as a string', { messages: [], n: '2' }],
  ])('%s', (_, body) => {
    expect(decode(body)).toEqual(wrongShape)
  })

  test('not JSON, not UTF-8, too deep', () => {
    const decodeText = (text: string) => openaiChat.decodeRequest(new TextEncoder().encode(text))
    expect(decodeText('')).toEqual({ kind: 'undecodable', reason: 'not-json' })
    expect(openaiChat.decodeRequest(new Uint8Array([0xff]))).toEqual({
      kind: 'undecodable',
      reason: 'not-utf8',
    })
    expect(decodeText(`{"messages":${'['.repeat(100_000)}${']'.repeat(100_000)}}`)).toEqual(wrongShape)
  })
})
