import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { anthropicMessages } from '../../../../src/llm/anthropic-messages/index.ts'
import type { Frame, JsonPath, Part, TextKind } from '../../../../src/llm/format.ts'
import { decode, fixtures, partsOf, readFixture } from './given.ts'

const partsOfEvent = (event: unknown) => partsOf(`event: x\ndata: ${JSON.stringify(event)}\n\n`)
const partsOfBlock = (block: unknown) =>
  partsOfEvent({ type: 'content_block_start', index: 2, content_block: block })
const partsOfDelta = (delta: unknown) => partsOfEvent({ type: 'content_block_delta', index: 2, delta })

/** The running texts of a stream, keyed `kind/block`, and its other parts in order. */
function gather(frames: readonly Frame[]) {
  const texts: Record<string, string> = {}
  const rest: string[] = []
  for (const part of frames.flatMap(frame => frame.parts)) {
    if (part.kind === 'text-delta') {
      const key = `${part.textKind}/${part.block}`
      texts[key] = (texts[key] ?? '') + part.text
    } else rest.push(part.kind === 'finish' ? `finish ${part.block ?? 'all'}` : part.kind)
  }
  return { texts, rest }
}

const WHOLE = 3 << 16
const END = ['finish all', 'terminator']

describe('recorded streams', () => {
  test.each([
    ['text.sse', { 'content/0': 'The river Weiß is cold 🥶.' }, ['finish 0', ...END]],
    [
      'tool-use.sse',
      { 'content/0': 'I look.', 'tool-call/1': '{"city":"Köln"}', 'tool-call/2': '{"to":"a@example.com"}' },
      ['finish 0', 'finish 1', 'finish 2', ...END],
    ],
    [
      'thinking.sse',
      { 'reasoning/0': 'The user greets.', 'content/2': 'Hello!' },
      ['finish 0', 'uninspectable', 'finish 1', 'finish 2', ...END],
    ],
    ['hidden-thinking.sse', { 'content/1': 'Hello!' }, ['uninspectable', 'finish 0', 'finish 1', ...END]],
    [
      'web-search.sse',
      {
        'content/0': "I'll check.",
        'tool-call/1': '{"query":"when was Shannon born"}',
        [`tool-result/${WHOLE}`]: 'Claude Shannon',
        [`tool-result/${WHOLE + 1}`]: 'https://example.com/shannon',
        'content/3': 'Born in 1916.',
        [`content/${WHOLE + 2}`]: 'Claude Shannon was born on April 30, 1916.',
        [`content/${WHOLE + 3}`]: 'Claude Shannon',
        [`content/${WHOLE + 4}`]: 'https://example.com/shannon',
      },
      ['finish 0', 'finish 1', 'uninspectable', 'finish 2', 'finish 3', ...END],
    ],
    [
      'refusal.sse',
      { 'content/0': 'Hal', [`refusal/${WHOLE}`]: 'It would help an attack.' },
      ['finish 0', ...END],
    ],
    ['upstream-error.sse', { 'content/0': 'Hal' }, ['terminator']],
    [
      'compaction.sse',
      { [`content/${1 << 16}`]: 'They spoke of rivers.', 'content/1': 'Go on.' },
      ['finish 0', 'finish 1', ...END],
    ],
    ['lenient-server.sse', { 'content/0': 'Hi' }, ['finish 0', 'uninspectable', ...END]],
    [
      'whole-tool-input.sse',
      {
        'tool-call/0': '',
        [`tool-call/${WHOLE}`]: 'a@example.com',
        [`tool-call/${WHOLE + 1}`]: 'Dear A,',
        [`tool-call/${WHOLE + 2}`]: 'bye',
      },
      [`finish ${WHOLE}`, `finish ${WHOLE + 1}`, `finish ${WHOLE + 2}`, 'finish 0', ...END],
    ],
  ])('%s', (name, texts, rest) => {
    const bytes = readFixture(name)
    const frames = decode(bytes)
    expect(gather(frames)).toEqual({ texts, rest })
    expect(Buffer.concat(frames.map(frame => frame.bytes)).equals(bytes)).toBe(true)
  })

  test('every recorded stream is tested', () => {
    expect(readdirSync(fixtures).filter(name => name.endsWith('.sse'))).toHaveLength(10)
  })
})

const uninspectable = { kind: 'uninspectable' }
const text = (textKind: TextKind, block: number, value: string, ...path: JsonPath) => ({
  kind: 'text-delta',
  choice: 0,
  textKind,
  block,
  text: value,
  syntax: textKind === 'tool-call' && block < 1 << 16 ? 'json' : undefined,
  path,
})
const finish = (block: number) => ({ kind: 'finish', choice: 0, block })
const opens = text('tool-call', 2, '', 'content_block', 'input')

describe('the start of a block', () => {
  const result = (...path: JsonPath) => ['content_block', 'content', ...path]

  test.each<[string, unknown, readonly unknown[]]>([
    ['text without any', { type: 'text', text: '' }, []],
    ['text', { type: 'text', text: 'x' }, [text('content', 2, 'x', 'content_block', 'text')]],
    [
      'text with a citation',
      { type: 'text', text: '', citations: [{ type: 'char_location', cited_text: 'x' }] },
      [text('content', WHOLE, 'x', 'content_block', 'citations', 0, 'cited_text')],
    ],
    [
      'thinking',
      { type: 'thinking', thinking: 'x' },
      [text('reasoning', 2, 'x', 'content_block', 'thinking')],
    ],
    ['hidden thinking', { type: 'thinking', thinking: '', signature: 'Eq' }, [uninspectable]],
    ['redacted thinking', { type: 'redacted_thinking', data: 'Em' }, [uninspectable]],
    ['a tool call', { type: 'tool_use', name: 'f', input: {} }, [opens]],
    ['a tool call without input', { type: 'tool_use', name: 'f' }, [opens]],
    [
      'a tool call with its input',
      { type: 'mcp_tool_use', name: 'f', input: { a: ['x'] } },
      [opens, text('tool-call', WHOLE, 'x', 'content_block', 'input', 'a', 0), finish(WHOLE)],
    ],
    [
      'the result of a search',
      {
        type: 'web_search_tool_result',
        content: [{ type: 'web_search_result', title: 't', url: 'u', encrypted_content: 'E' }],
      },
      [
        text('tool-result', WHOLE, 't', ...result(0, 'title')),
        text('tool-result', WHOLE + 1, 'u', ...result(0, 'url')),
        uninspectable,
      ],
    ],
    [
      'the result of a command',
      {
        type: 'bash_code_execution_tool_result',
        content: { type: 'bash_code_execution_result', stdout: 'x', stderr: '', content: [] },
      },
      [text('tool-result', WHOLE, 'x', ...result('stdout'))],
    ],
    [
      'the result of an MCP tool',
      { type: 'mcp_tool_result', content: [{ type: 'text', text: 'x' }] },
      [text('tool-result', WHOLE, 'x', ...result(0, 'text'))],
    ],
    [
      'a summary',
      { type: 'compaction', content: 'x' },
      [text('content', (1 << 16) + 2, 'x', 'content_block', 'content')],
    ],
    ['a hidden summary', { type: 'compaction', content: null, encrypted_content: 'E' }, [uninspectable]],
    ['a fallback', { type: 'fallback', from: { model: 'a' }, to: { model: 'b' } }, []],
    [
      'an unknown block',
      { type: 'hologram', text: 'x' },
      [text('content', WHOLE, 'x', 'content_block', 'text'), uninspectable],
    ],
    ['a block without a type', {}, [uninspectable]],
    ['text that is none', { type: 'text', text: 7 }, [uninspectable]],
  ])('%s', (_, block, parts) => {
    expect(partsOfBlock(block)).toEqual(parts)
  })
})

describe('a delta', () => {
  test.each<[string, unknown, readonly unknown[]]>([
    ['text', { type: 'text_delta', text: 'x' }, [text('content', 2, 'x', 'delta', 'text')]],
    ['no text', { type: 'text_delta', text: '' }, []],
    ['text that is none', { type: 'text_delta', text: 7 }, [uninspectable]],
    ['text that is absent', { type: 'text_delta' }, []],
    [
      'input',
      { type: 'input_json_delta', partial_json: '{"a' },
      [text('tool-call', 2, '{"a', 'delta', 'partial_json')],
    ],
    ['no input', { type: 'input_json_delta', partial_json: '' }, []],
    ['thinking', { type: 'thinking_delta', thinking: 'x' }, [text('reasoning', 2, 'x', 'delta', 'thinking')]],
    [
      'a signature of thoughts that were not shown',
      { type: 'signature_delta', signature: 'E' },
      [uninspectable],
    ],
    ['a signature without any', { type: 'signature_delta', signature: '' }, []],
    [
      'a citation',
      {
        type: 'citations_delta',
        citation: { type: 'search_result_location', cited_text: 'c', title: 't', source: 's' },
      },
      [
        text('content', WHOLE, 'c', 'delta', 'citation', 'cited_text'),
        text('content', WHOLE + 1, 't', 'delta', 'citation', 'title'),
        text('content', WHOLE + 2, 's', 'delta', 'citation', 'source'),
      ],
    ],
    [
      'a summary',
      { type: 'compaction_delta', content: 'x', encrypted_content: 'E' },
      [text('content', (1 << 16) + 2, 'x', 'delta', 'content')],
    ],
    [
      'a hidden summary',
      { type: 'compaction_delta', content: null, encrypted_content: 'E' },
      [uninspectable],
    ],
    ['a summary that failed', { type: 'compaction_delta', content: null }, []],
    [
      'of an unknown type',
      { type: 'hologram_delta', text: 'x' },
      [uninspectable, text('content', (2 << 16) + 2, 'x', 'delta', 'text')],
    ],
    ['without a type', {}, [uninspectable]],
  ])('%s', (_, delta, parts) => {
    expect(partsOfDelta(delta)).toEqual(parts)
  })

  test('the signature of thoughts that were shown hides nothing, that of the next block does', () => {
    const data = (index: number, delta: object) =>
      `data: ${JSON.stringify({ type: 'content_block_delta', index, delta })}\n\n`
    const thinking = { type: 'thinking_delta', thinking: 'x' }
    const signature = { type: 'signature_delta', signature: 'E' }
    const kinds = (events: string) => partsOf(events).map(part => part.kind)
    expect(kinds(data(0, thinking) + data(0, signature))).toEqual(['text-delta'])
    expect(kinds(data(0, thinking) + data(1, signature))).toEqual(['text-delta', 'uninspectable'])
    expect(kinds(data(0, signature) + data(0, signature))).toEqual(['uninspectable'])
  })
})

describe('an event', () => {
  test.each<[string, string, readonly unknown[]]>([
    ['ping', 'event: ping\ndata: {"type": "ping"}\n\n', []],
    ['ping without data', 'event: ping\n\n', []],
    ['a comment', ':\n\n', []],
    ['empty data', 'event: x\ndata: \n\n', []],
    ['[DONE] is not the end', 'data: [DONE]\n\n', []],
    ['the end', 'event: message_stop\ndata: {"type":"message_stop"}', [{ kind: 'terminator' }]],
    ['an error', 'data: {"type":"error","error":{"type":"api_error"}}\n\n', [{ kind: 'terminator' }]],
    ["another server's error", 'data: {"error":{"message":"x"}}\n\n', []],
    ['an unknown event', 'data: {"type":"hologram"}\n\n', [uninspectable]],
    ['a name in place of the type', 'event: message_stop\ndata: {}\n\n', [{ kind: 'terminator' }]],
    [
      'the type counts, not the name',
      'event: ping\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x"}}\n\n',
      [text('content', 0, 'x', 'delta', 'text')],
    ],
    ['usage alone', 'data: {"type":"message_delta","delta":{"stop_reason":null},"usage":{}}\n\n', []],
    [
      'a message that has text at its start',
      `data: ${JSON.stringify({
        type: 'message_start',
        message: {
          content: [
            { type: 'tool_use', input: { a: 'x' } },
            { type: 'text', text: 'y' },
          ],
        },
      })}\n\n`,
      [
        text('tool-call', WHOLE, 'x', 'message', 'content', 0, 'input', 'a'),
        finish(WHOLE),
        text('content', WHOLE + 1, 'y', 'message', 'content', 1, 'text'),
      ],
    ],
  ])('%s', (_, input, parts) => {
    expect(partsOf(input)).toEqual(parts)
  })

  test.each([
    ['not JSON', 'data: {"type":\n\n', 'not-json'],
    ['a cut last event', 'event: message_stop\ndata: {"ty', 'not-json'],
    ['a list', 'data: []\n\n', 'wrong-shape'],
    ['neither type nor name', 'data: {"content":"x"}\n\n', 'wrong-shape'],
    ['a type that is a number', 'data: {"type":7}\n\n', 'wrong-shape'],
    ['a block without an index', 'data: {"type":"content_block_stop"}\n\n', 'wrong-shape'],
    ['an index out of range', 'data: {"type":"content_block_stop","index":65536}\n\n', 'wrong-shape'],
    ['an index that is a string', 'data: {"type":"content_block_stop","index":"0"}\n\n', 'wrong-shape'],
    ['a start without a message', 'data: {"type":"message_start"}\n\n', 'wrong-shape'],
    [
      'a block that is a string',
      'data: {"type":"content_block_start","index":0,"content_block":"x"}\n\n',
      'wrong-shape',
    ],
    [
      'a delta that is a string',
      'data: {"type":"content_block_delta","index":0,"delta":"x"}\n\n',
      'wrong-shape',
    ],
    ['an end without a delta', 'data: {"type":"message_delta"}\n\n', 'wrong-shape'],
    ['too deep', `data: ${'['.repeat(100_000)}${']'.repeat(100_000)}\n\n`, 'wrong-shape'],
    ['a JSON body', '{"type":"message"}', 'not-event-stream'],
  ])('undecodable: %s', (_, input, reason) => {
    expect(partsOf(input)).toEqual([{ kind: 'undecodable', reason }])
  })
})

test('the heartbeat says nothing', () => {
  const frames = decode(anthropicMessages.heartbeat)
  expect(frames.map(({ parts }): readonly Part[] => parts)).toEqual([[]])
})

test('buffered counts the bytes of the frame that is not complete', () => {
  const stream = anthropicMessages.openStream()
  stream.push(new TextEncoder().encode('event: ping\ndata: {}\n\ndata: é'))
  expect(stream.buffered).toBe(8)
  stream.end()
  expect(stream.buffered).toBe(0)
})
