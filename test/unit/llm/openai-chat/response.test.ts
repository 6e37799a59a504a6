import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { openaiChat } from '../../../../src/llm/openai-chat/index.ts'

const fixture = readFileSync(new URL('../../../fixtures/openai-chat/response.json', import.meta.url))

function decode(body: unknown) {
  return openaiChat.decodeResponse(new TextEncoder().encode(JSON.stringify(body)))
}

function read(message: unknown) {
  const decoded = decode({ choices: [{ index: 0, message }] })
  if (decoded.kind !== 'ok') throw new Error(`undecodable: ${decoded.reason}`)
  const { segments, uninspectable } = decoded.value
  return { texts: segments.map(({ kind, text }) => [kind, text]), uninspectable }
}

test('an answer of two choices', () => {
  const decoded = openaiChat.decodeResponse(fixture)
  const first = { message: 0, role: 'assistant', kind: 'content' }
  const second = { message: 1, role: 'assistant' }
  const citation = ['choices', 0, 'message', 'annotations', 0, 'url_citation']
  expect(decoded).toEqual({
    kind: 'ok',
    value: {
      uninspectable: 0,
      segments: [
        { ...first, text: 'Call 555-0100.', path: ['choices', 0, 'message', 'content'] },
        { ...first, text: 'Phone book', path: [...citation, 'title'] },
        { ...first, text: 'https://example.com/phones', path: [...citation, 'url'] },
        {
          ...second,
          kind: 'reasoning',
          text: 'Ask the tool.',
          path: ['choices', 1, 'message', 'reasoning_content'],
        },
        {
          ...second,
          kind: 'tool-call',
          text: '{"q":"phone"}',
          syntax: 'json',
          path: ['choices', 1, 'message', 'tool_calls', 0, 'function', 'arguments'],
        },
      ],
    },
  })
})

describe('texts and what cannot be read', () => {
  test.each([
    ['content', { content: 'x' }, [['content', 'x']], 0],
    ['no content', { content: null, refusal: null, tool_calls: null, audio: null, annotations: null }, [], 0],
    ['parts', { content: [{ type: 'text', text: 'x' }] }, [['content', 'x']], 0],
    ['refusal', { content: null, refusal: 'no' }, [['refusal', 'no']], 0],
    ['sound with a transcript', { audio: { id: 'a', data: 'AA==', transcript: 'x' } }, [['content', 'x']], 1],
    [
      'custom tool',
      { tool_calls: [{ type: 'custom', custom: { name: 'f', input: 'x' } }] },
      [['tool-call', 'x']],
      0,
    ],
    ['function_call', { function_call: { name: 'f', arguments: 'x' } }, [['tool-call', 'x']], 0],
    [
      'reasoning',
      { reasoning: 'x', content: 'y' },
      [
        ['reasoning', 'x'],
        ['content', 'y'],
      ],
      0,
    ],
    ['content of a number', { content: 7 }, [], 1],
    ['content of an object', { content: { text: 'x' } }, [], 1],
    ['an unknown part with text', { content: [{ type: 'thinking', text: 'x' }] }, [['content', 'x']], 1],
    ['a part of a number', { content: [7] }, [], 1],
    ['tool calls as an object', { tool_calls: {} }, [], 1],
    ['another annotation', { annotations: [{ type: 'file_citation' }] }, [], 1],
    ['annotations as an object', { annotations: {} }, [], 1],
  ])('%s', (_, message, texts, uninspectable) => {
    expect(read({ role: 'assistant', ...message })).toEqual({ texts, uninspectable })
  })
})

test.each([
  ['choices missing', { error: { message: 'x' } }],
  ['choices as an object', { choices: {} }],
  ['a choice that is null', { choices: [null] }],
  ['a message missing', { choices: [{ index: 0 }] }],
  ['a message that is a string', { choices: [{ message: 'x' }] }],
  ['a list', []],
])('wrong shape: %s', (_, body) => {
  expect(decode(body)).toEqual({ kind: 'undecodable', reason: 'wrong-shape' })
})

test('an answer that is cut is not JSON', () => {
  const decoded = openaiChat.decodeResponse(fixture.subarray(0, -10))
  expect(decoded).toEqual({ kind: 'undecodable', reason: 'not-json' })
})

test.each([
  [{ object: 'chat.completion' }, true],
  [{ object: 'chat.completion.chunk' }, true],
  [{ choices: [] }, true],
  [{ object: '', choices: [] }, true],
  [{ object: 'text_completion', choices: [] }, false],
  [{ object: 'list' }, false],
  [{ choices: {} }, false],
  [[], false],
  [null, false],
])('claims %j: %s', (value, claims) => {
  expect(openaiChat.claimsResponse(value)).toBe(claims)
})
