import { describe, expect, test } from 'vitest'
import {
  anthropicBatches,
  anthropicMessages,
  anthropicTokenCount,
} from '../../../../src/llm/anthropic-messages/index.ts'
import type { Completion, Decoded } from '../../../../src/llm/format.ts'
import { readFixture } from './given.ts'

const bytesOf = (body: unknown) => new TextEncoder().encode(JSON.stringify(body))

function read(decoded: Decoded<Completion>): Completion {
  if (decoded.kind !== 'ok') throw new Error(`undecodable: ${decoded.reason}`)
  return decoded.value
}

const said = (content: unknown) => {
  const { segments, uninspectable } = read(anthropicMessages.decodeResponse(bytesOf({ content })))
  return { texts: segments.map(({ kind, text }) => [kind, text]), uninspectable }
}

test('a recorded answer', () => {
  const { segments, uninspectable } = read(anthropicMessages.decodeResponse(readFixture('response.json')))
  expect(uninspectable).toBe(1)
  expect(
    segments.map(({ message, role, kind, text, path }) => [message, role, kind, text, path.join('.')]),
  ).toEqual([
    [0, 'assistant', 'reasoning', 'Search it.', 'content.0.thinking'],
    [0, 'assistant', 'tool-call', 'Shannon', 'content.1.input.query'],
    [0, 'tool', 'tool-result', 'Claude Shannon', 'content.2.content.0.title'],
    [0, 'tool', 'tool-result', 'https://example.com/shannon', 'content.2.content.0.url'],
    [0, 'assistant', 'content', 'Born in 1916.', 'content.3.text'],
    [
      0,
      'assistant',
      'content',
      'Claude Shannon was born on April 30, 1916.',
      'content.3.citations.0.cited_text',
    ],
    [0, 'assistant', 'content', 'Claude Shannon', 'content.3.citations.0.title'],
    [0, 'assistant', 'content', 'https://example.com/shannon', 'content.3.citations.0.url'],
    [0, 'assistant', 'tool-call', 'a@example.com', 'content.4.input.to'],
  ])
})

describe('results of the tools that the API runs itself', () => {
  const of = (type: string, content: unknown) => said([{ type, tool_use_id: 's', content }])
  const result = (text: string) => ['tool-result', text]

  test.each([
    [
      'web_fetch_tool_result',
      {
        type: 'web_fetch_result',
        url: 'u',
        content: {
          type: 'document',
          title: 't',
          source: { type: 'text', media_type: 'text/plain', data: 'd' },
        },
      },
      ['u', 't', 'd'],
      0,
    ],
    [
      'web_fetch_tool_result',
      {
        type: 'web_fetch_result',
        url: 'u',
        content: { type: 'document', source: { type: 'base64', data: 'JV' } },
      },
      ['u'],
      1,
    ],
    ['web_fetch_tool_result', { type: 'web_fetch_tool_result_error', error_code: 'unavailable' }, [], 0],
    [
      'code_execution_tool_result',
      {
        type: 'code_execution_result',
        stdout: 'o',
        stderr: 'e',
        content: [{ type: 'code_execution_output', file_id: 'file_1' }],
      },
      ['o', 'e'],
      1,
    ],
    [
      'code_execution_tool_result',
      { type: 'encrypted_code_execution_result', encrypted_stdout: 'E', stderr: 'e', content: [] },
      ['e'],
      1,
    ],
    [
      'text_editor_code_execution_tool_result',
      { type: 'text_editor_code_execution_view_result', content: 'file' },
      ['file'],
      0,
    ],
    [
      'text_editor_code_execution_tool_result',
      { type: 'text_editor_code_execution_str_replace_result', lines: ['a', 'b'] },
      ['a', 'b'],
      0,
    ],
    [
      'text_editor_code_execution_tool_result',
      { type: 'text_editor_code_execution_tool_result_error', error_message: 'm' },
      ['m'],
      0,
    ],
    [
      'tool_search_tool_result',
      {
        type: 'tool_search_tool_search_result',
        tool_references: [{ type: 'tool_reference', tool_name: 'f' }],
      },
      [],
      0,
    ],
    ['mcp_tool_result', 'plain', ['plain'], 0],
    ['advisor_tool_result', { type: 'advisor_result', text: 'x' }, ['x'], 0],
    ['advisor_tool_result', { type: 'advisor_redacted_result', encrypted_content: 'E' }, [], 1],
  ])('%s %j', (type, content, texts, uninspectable) => {
    expect(of(type, content)).toEqual({ texts: texts.map(result), uninspectable })
  })
})

describe('what no guard can read', () => {
  test.each([
    ['redacted thinking', { type: 'redacted_thinking', data: 'E' }, 1],
    ['thinking that is not shown', { type: 'thinking', thinking: '', signature: 'E' }, 1],
    ['thinking that is shown', { type: 'thinking', thinking: 'x', signature: 'E' }, 0],
    ['a file', { type: 'container_upload', file_id: 'file_1' }, 1],
    ['an unknown block', { type: 'hologram' }, 1],
    ['text of another type', { type: 'text', text: 7 }, 1],
    ['a block that is a number', 7, 1],
  ])('%s', (_, block, count) => {
    expect(said([block]).uninspectable).toBe(count)
  })
})

test('what it says of a refusal', () => {
  const body = { content: [], stop_reason: 'refusal', stop_details: { type: 'refusal', explanation: 'x' } }
  expect(read(anthropicMessages.decodeResponse(bytesOf(body))).segments).toMatchObject([
    { kind: 'refusal', text: 'x', path: ['stop_details', 'explanation'] },
  ])
  expect(
    read(anthropicMessages.decodeResponse(bytesOf({ content: [], stop_details: 'x' }))).uninspectable,
  ).toBe(1)
})

test.each([
  ['an error', { type: 'error', error: { message: 'x' } }],
  ['a list', []],
  ['no content', { type: 'message' }],
  ["another API's answer", { choices: [] }],
])('wrong shape: %s', (_, body) => {
  const wrongShape = { kind: 'undecodable', reason: 'wrong-shape' }
  expect(anthropicMessages.decodeResponse(bytesOf(body))).toEqual(wrongShape)
  expect(anthropicTokenCount.decodeResponse(bytesOf(body))).toEqual(wrongShape)
  expect(anthropicBatches.decodeResponse(bytesOf(body))).toEqual(wrongShape)
})

describe('answers without text', () => {
  const message = bytesOf({ type: 'message', content: [{ type: 'text', text: 'x' }] })

  test.each([
    ['a count', anthropicTokenCount, { input_tokens: 7 }],
    [
      'a batch',
      anthropicBatches,
      { type: 'message_batch', id: 'msgbatch_1', processing_status: 'in_progress' },
    ],
  ])('%s', (_, format, body) => {
    expect(format.decodeResponse(bytesOf(body))).toEqual({
      kind: 'ok',
      value: { segments: [], uninspectable: 0 },
    })
    expect(read(format.decodeResponse(message)).segments).toMatchObject([{ text: 'x' }])
  })
})

describe('claims', () => {
  const count = { input_tokens: 7 }
  const batch = { type: 'message_batch', id: 'msgbatch_1' }
  const message = { type: 'message', role: 'assistant', content: [] }

  test.each([
    [anthropicMessages, [message, { type: 'message_start', message: {} }, { type: 'ping' }]],
    [anthropicTokenCount, [count, { ...count, context_management: {} }]],
    [anthropicBatches, [batch]],
  ])('$name', (format, own) => {
    const all: unknown[] = [
      ...[message, { type: 'message_start', message: {} }, { type: 'ping' }, count, batch],
      ...[{ ...count, context_management: {} }, null, 'x', [], {}],
      ...[
        { object: 'chat.completion', choices: [] },
        { object: 'response', output: [] },
      ],
      ...[
        { type: 'response.created', response: {} },
        { object: 'response.input_tokens', input_tokens: 7 },
      ],
      ...[
        { type: 'message-start', id: 'x' },
        { candidates: [] },
        { jsonrpc: '2.0', result: { content: [] } },
      ],
      ...[{ id: 'x', message: { role: 'assistant', content: [] }, finish_reason: 'COMPLETE' }],
      ...[
        { output: { message: {} }, usage: { inputTokens: 1 } },
        { type: 'error', error: {} },
      ],
      ...[
        { type: 'message', role: 'user', content: [] },
        { type: 'message', role: 'assistant', content: 'x' },
      ],
    ]
    expect(all.filter(value => format.claimsResponse(value))).toEqual(
      all.filter(value => own.some(claimed => JSON.stringify(claimed) === JSON.stringify(value))),
    )
  })
})
