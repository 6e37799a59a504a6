import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Frame, JsonPath, Part } from '../../../../src/llm/format.ts'
import { openaiChat } from '../../../../src/llm/openai-chat/index.ts'

const fixtures = new URL('../../../fixtures/openai-chat/', import.meta.url)
const readFixture = (name: string) => readFileSync(new URL(name, fixtures))

function decode(bytes: Uint8Array): readonly Frame[] {
  const stream = openaiChat.openStream()
  return [...stream.push(bytes), ...stream.end()]
}

const partsOf = (text: string): readonly Part[] =>
  decode(new TextEncoder().encode(text)).flatMap(frame => frame.parts)
const partsOfChoice = (choice: unknown) => partsOf(`data: ${JSON.stringify({ choices: [choice] })}\n\n`)
const partsOfDelta = (delta: unknown) => partsOfChoice({ index: 0, delta, finish_reason: null })

/** The running texts of a stream, keyed `choice/kind/block`, and its other parts in order. */
function gather(frames: readonly Frame[]) {
  const texts: Record<string, string> = {}
  const rest: Part[] = []
  for (const part of frames.flatMap(frame => frame.parts)) {
    if (part.kind === 'text-delta') {
      const key = `${part.choice}/${part.textKind}/${part.block}`
      texts[key] = (texts[key] ?? '') + part.text
    } else rest.push(part)
  }
  return { texts, rest }
}

const finish = (choice: number) => ({ kind: 'finish', choice })
const terminator = { kind: 'terminator' }

describe('recorded streams', () => {
  test.each([
    ['text.sse', { '0/content/0': 'The river Weiß is cold 🥶.' }, [finish(0), terminator]],
    ['azure.sse', { '0/content/0': 'Guten Tag' }, [finish(0), terminator]],
    [
      'tool-calls.sse',
      { '0/tool-call/0': '{"city":"Köln"}', '0/tool-call/1': '{"to":"a@example.com"}' },
      [finish(0), terminator],
    ],
    [
      'reasoning.sse',
      { '0/reasoning/0': 'The user greets.', '0/content/0': 'Hello!' },
      [finish(0), terminator],
    ],
    [
      'two-choices.sse',
      { '0/content/0': 'Yes, sure', '1/content/0': 'No, never' },
      [finish(0), finish(1), terminator],
    ],
    ['whole-message.sse', { '0/content/16777216': 'All at once' }, [finish(0), terminator]],
    ['crlf-comments.sse', { '0/content/0': 'Hi' }, [finish(0), terminator]],
    ['upstream-error.sse', { '0/content/0': 'Hal' }, []],
  ])('%s', (name, texts, rest) => {
    const bytes = readFixture(name)
    const frames = decode(bytes)
    expect(gather(frames)).toEqual({ texts, rest })
    expect(Buffer.concat(frames.map(frame => frame.bytes)).equals(bytes)).toBe(true)
  })

  test('every recorded stream is tested', () => {
    expect(readdirSync(fixtures).filter(name => name.endsWith('.sse'))).toHaveLength(8)
  })
})

describe('parts of a delta', () => {
  const text = (textKind: string, block: number, value: string, ...place: JsonPath) => ({
    kind: 'text-delta',
    choice: 0,
    textKind,
    block,
    text: value,
    syntax: place.at(-1) === 'arguments' ? 'json' : undefined,
    path: ['choices', 0, 'delta', ...place],
  })
  const uninspectable = { kind: 'uninspectable' }

  test.each([
    ['content', { content: 'x' }, [text('content', 0, 'x', 'content')]],
    ['the role alone', { role: 'assistant', content: '', refusal: null }, []],
    [
      'content parts',
      { content: [{ type: 'text', text: 'x' }, 'y'] },
      [text('content', 0, 'x', 'content', 0, 'text'), text('content', 0, 'y', 'content', 1)],
    ],
    [
      'an unknown content part',
      { content: [{ type: 'thinking', text: 'x' }] },
      [uninspectable, text('content', 0, 'x', 'content', 0, 'text')],
    ],
    [
      'a refusal part',
      { content: [null, { type: 'refusal', refusal: 'no' }] },
      [uninspectable, text('refusal', 0, 'no', 'content', 1, 'refusal')],
    ],
    ['content of a number', { content: 7 }, [uninspectable]],
    ['refusal', { refusal: 'no' }, [text('refusal', 0, 'no', 'refusal')]],
    ['transcript', { audio: { id: 'a', transcript: 'x' } }, [text('content', 1, 'x', 'audio', 'transcript')]],
    ['sound', { audio: { data: 'AA==' } }, [uninspectable]],
    [
      'both spellings of reasoning',
      { reasoning_content: 'x', reasoning: 'x' },
      [text('reasoning', 0, 'x', 'reasoning_content'), text('reasoning', 1, 'x', 'reasoning')],
    ],
    [
      'reasoning details',
      { reasoning_details: [{ type: 'reasoning.text', text: 'x', index: 3 }, { summary: 'y' }] },
      [
        text('reasoning', 5, 'x', 'reasoning_details', 0, 'text'),
        text('reasoning', 3, 'y', 'reasoning_details', 1, 'summary'),
      ],
    ],
    [
      'encrypted reasoning',
      { reasoning_details: [{ type: 'reasoning.encrypted', data: 'x' }] },
      [uninspectable],
    ],
    [
      'arguments',
      { tool_calls: [{ index: 2, function: { arguments: 'x' } }] },
      [text('tool-call', 2, 'x', 'tool_calls', 0, 'function', 'arguments')],
    ],
    [
      'the name alone',
      { tool_calls: [{ index: 0, id: 'c', type: 'function', function: { name: 'f' } }] },
      [text('tool-call', 0, '', 'tool_calls', 0, 'function', 'arguments')],
    ],
    [
      'arguments without an index',
      { tool_calls: [{ function: { arguments: 'x' } }, { function: { arguments: 'y' } }] },
      [
        text('tool-call', 0, 'x', 'tool_calls', 0, 'function', 'arguments'),
        text('tool-call', 1, 'y', 'tool_calls', 1, 'function', 'arguments'),
      ],
    ],
    [
      'arguments as an object',
      { tool_calls: [{ index: 0, function: { arguments: { a: 'x' } } }] },
      [text('tool-call', 0, '{"a":"x"}', 'tool_calls', 0, 'function', 'arguments')],
    ],
    [
      'custom input',
      { tool_calls: [{ index: 1, type: 'custom', custom: { input: 'x' } }] },
      [text('tool-call', 1, 'x', 'tool_calls', 0, 'custom', 'input')],
    ],
    ['another kind of tool call', { tool_calls: [{ index: 1, type: 'mcp' }] }, [uninspectable]],
    [
      'function_call',
      { function_call: { name: 'f', arguments: 'x' } },
      [text('tool-call', 65_536, 'x', 'function_call', 'arguments')],
    ],
    [
      'a citation',
      { annotations: [{}, { url_citation: { title: 't', url: 'u' } }] },
      [
        uninspectable,
        text('content', 2, 't', 'annotations', 1, 'url_citation', 'title'),
        text('content', 3, 'u', 'annotations', 1, 'url_citation', 'url'),
      ],
    ],
  ])('%s', (_, delta, parts) => {
    expect(partsOfDelta(delta)).toEqual(parts)
  })

  test('a delta and a whole message in one chunk are different running texts', () => {
    const parts = partsOfChoice({ index: 0, delta: { content: 'x' }, message: { content: 'x' } })
    expect(parts).toMatchObject([
      { text: 'x', block: 0, path: ['choices', 0, 'delta', 'content'] },
      { text: 'x', block: 1 << 24, path: ['choices', 0, 'message', 'content'] },
    ])
  })

  test('a path has the place in the list, not the index of the choice', () => {
    const choices = [
      { index: 1, delta: {} },
      { index: 0, delta: { content: 'x' } },
    ]
    const parts = partsOf(`data: ${JSON.stringify({ choices })}\n\n`)
    expect(parts).toMatchObject([{ choice: 0, path: ['choices', 1, 'delta', 'content'] }])
  })

  test('citations of several chunks do not run into each other', () => {
    const chunk = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { annotations: [{ url_citation: { title: 't' } }] } }] })}\n\n`
    const blocks = partsOf(chunk + chunk).map(part => part.kind === 'text-delta' && part.block)
    expect(blocks).toEqual([2, 3])
  })
})

describe('parts of a chunk', () => {
  test.each([
    [
      'the finish comes after the text',
      { index: 1, delta: { content: 'x' }, finish_reason: 'stop' },
      ['text-delta', 'finish'],
    ],
    ['a choice without a delta', { index: 0, finish_reason: null }, []],
    ['a choice without an index', { delta: { content: 'x' } }, ['text-delta']],
  ])('%s', (_, choice, kinds) => {
    expect(partsOfChoice(choice).map(part => part.kind)).toEqual(kinds)
  })

  test.each([
    ['[DONE]', 'data: [DONE]\n\n', [terminator]],
    ['[DONE] without the space or the blank line', 'data:[DONE]', [terminator]],
    ['usage', 'data: {"choices":[],"usage":{"total_tokens":1}}\n\n', []],
    ['an error of the upstream', 'data: {"error":{"message":"x"}}\n\n', []],
    ['a comment', ': ping\n\n', []],
    ['empty data', 'data: \n\n', []],
    ['an event without data', 'event: ping\n\n', []],
    [
      'an event name does not matter',
      'event: x\ndata: {"choices":[{"index":0,"finish_reason":"stop"}]}\n\n',
      [finish(0)],
    ],
    [
      'data over several lines',
      'data: {"choices":[\ndata: {"index":0,"finish_reason":"stop"}]}\n\n',
      [finish(0)],
    ],
  ])('%s', (_, input, parts) => {
    expect(partsOf(input)).toEqual(parts)
  })

  test.each([
    ['not JSON', 'data: {"choices":[\n\n', 'not-json'],
    ['text after [DONE]', 'data: [DONE] x\n\n', 'not-json'],
    ['a cut last event', 'data: {"choices":[{"ind', 'not-json'],
    ['a list', 'data: []\n\n', 'wrong-shape'],
    ['no choices', 'data: {"type":"message_start"}\n\n', 'wrong-shape'],
    ['an error that is no object', 'data: {"error":"x"}\n\n', 'wrong-shape'],
    ['a choice that is a string', 'data: {"choices":["x"]}\n\n', 'wrong-shape'],
    ['a delta that is a string', 'data: {"choices":[{"index":0,"delta":"x"}]}\n\n', 'wrong-shape'],
    ['an index out of range', 'data: {"choices":[{"index":128,"delta":{}}]}\n\n', 'wrong-shape'],
    ['an index that is a string', 'data: {"choices":[{"index":"0","delta":{}}]}\n\n', 'wrong-shape'],
    ['too deep', `data: ${'['.repeat(100_000)}${']'.repeat(100_000)}\n\n`, 'wrong-shape'],
    ['a JSON body', '{"choices":[]}', 'not-event-stream'],
  ])('undecodable: %s', (_, input, reason) => {
    expect(partsOf(input)).toEqual([{ kind: 'undecodable', reason }])
  })

  test('undecodable: not UTF-8', () => {
    const frames = decode(Uint8Array.from([...Buffer.from('data: "'), 0xff, ...Buffer.from('"\n\n')]))
    expect(frames.flatMap(frame => frame.parts)).toEqual([{ kind: 'undecodable', reason: 'not-utf8' }])
  })
})

test('buffered counts the bytes of the frame that is not complete', () => {
  const stream = openaiChat.openStream()
  stream.push(new TextEncoder().encode('data: [DONE]\n\ndata: é'))
  expect(stream.buffered).toBe(8)
  stream.end()
  expect(stream.buffered).toBe(0)
})
