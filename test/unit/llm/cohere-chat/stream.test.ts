import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { cohereChat } from '../../../../src/llm/cohere-chat/index.ts'
import type { Frame, Part } from '../../../../src/llm/format.ts'

const fixtures = new URL('../../../fixtures/cohere/', import.meta.url)

function decode(bytes: Uint8Array): readonly Frame[] {
  const stream = cohereChat.openStream()
  return [...stream.push(bytes), ...stream.end()]
}

const partsOf = (text: string): readonly Part[] =>
  decode(new TextEncoder().encode(text)).flatMap(frame => frame.parts)
const partsOfEvent = (event: unknown) => partsOf(`data: ${JSON.stringify(event)}\n\n`)
const partsOfMessage = (message: unknown, index?: unknown) =>
  partsOfEvent({ type: 'content-delta', index, delta: { message } })

/** The running texts of a stream, keyed `kind/block`, and its other parts in order. */
function gather(frames: readonly Frame[]) {
  const texts: Record<string, string> = {}
  const rest: Part[] = []
  for (const part of frames.flatMap(frame => frame.parts)) {
    if (part.kind === 'text-delta') {
      const key = `${part.textKind}/${part.block}`
      texts[key] = (texts[key] ?? '') + part.text
    } else rest.push(part)
  }
  return { texts, rest }
}

const TOOL_PLAN = 65_536
const TOKENS = 65_537
const CITATIONS = 65_538
const finish = { kind: 'finish', choice: 0 }
const terminator = { kind: 'terminator' }
const uninspectable = { kind: 'uninspectable' }

describe('recorded streams', () => {
  test.each<[string, Record<string, string>, object[]]>([
    ['text.sse', { 'content/0': 'The river Weiß is cold 🥶.' }, [finish, terminator, terminator]],
    [
      'tool-calls.sse',
      {
        [`reasoning/${TOOL_PLAN}`]: 'I will look up the weather.',
        'tool-call/0': '{"city":"Köln"}',
        'tool-call/1': '{"to":"a@example.com"}',
      },
      [{ ...finish, block: 0 }, { ...finish, block: 1 }, finish, terminator],
    ],
    [
      'thinking.sse',
      { 'reasoning/0': 'The user greets.', 'content/1': 'Hello!', [`content/${TOKENS}`]: 'Hello!' },
      [finish, terminator],
    ],
    [
      'citations-crlf.sse',
      {
        'content/0': 'Emperor penguins are tall.',
        [`content/${CITATIONS}`]: 'Emperor penguins',
        [`content/${CITATIONS + 1}`]: 'doc:0',
        [`content/${CITATIONS + 2}`]: 'They are the tallest.',
        [`content/${CITATIONS + 3}`]: 'Tall penguins',
        [`content/${CITATIONS + 4}`]: 'Antarctica',
      },
      [finish, terminator],
    ],
    ['upstream-error.sse', { 'content/0': 'Hal' }, []],
  ])('%s', (name, texts, rest) => {
    const bytes = readFileSync(new URL(name, fixtures))
    const frames = decode(bytes)
    expect(gather(frames)).toEqual({ texts, rest })
    expect(Buffer.concat(frames.map(frame => frame.bytes)).equals(bytes)).toBe(true)
  })

  test('every recorded stream is tested', () => {
    expect(readdirSync(fixtures).filter(name => name.endsWith('.sse'))).toHaveLength(5)
  })
})

describe('parts of a message', () => {
  const text = (textKind: string, block: number, value: string, ...path: (string | number)[]) => ({
    ...{ kind: 'text-delta', choice: 0, textKind, block, text: value },
    ...(textKind === 'tool-call' ? { syntax: 'json' } : {}),
    path: ['delta', 'message', ...path],
  })

  test.each([
    ['content', { content: { text: 'x' } }, 2, [text('content', 2, 'x', 'content', 'text')]],
    ['thinking', { content: { thinking: 'x' } }, 2, [text('reasoning', 2, 'x', 'content', 'thinking')]],
    [
      'a block that begins with text',
      { content: { type: 'text', text: 'x' } },
      0,
      [text('content', 0, 'x', 'content', 'text')],
    ],
    ['content of a string', { content: 'x' }, 0, [text('content', 0, 'x', 'content')]],
    [
      'a list of content',
      { content: [{ type: 'text', text: 'x' }, { text: 'y' }] },
      1,
      [text('content', 1, 'x', 'content', 0, 'text'), text('content', 2, 'y', 'content', 1, 'text')],
    ],
    [
      'another type of content',
      { content: { type: 'hologram', text: 'x' } },
      0,
      [uninspectable, text('content', 0, 'x', 'content', 'text')],
    ],
    ['content of a number', { content: 7 }, 0, [uninspectable]],
    ['text of a number', { content: { text: 7 } }, 0, [uninspectable]],
    ['the plan', { tool_plan: 'x' }, undefined, [text('reasoning', TOOL_PLAN, 'x', 'tool_plan')]],
    [
      'the name of a call',
      { tool_calls: { id: 'c', function: { name: 'f' } } },
      3,
      [text('tool-call', 3, '', 'tool_calls', 'function', 'arguments')],
    ],
    [
      'arguments',
      { tool_calls: { function: { arguments: '{' } } },
      3,
      [text('tool-call', 3, '{', 'tool_calls', 'function', 'arguments')],
    ],
    [
      'arguments as an object',
      { tool_calls: { function: { arguments: { a: 'x' } } } },
      3,
      [text('tool-call', 3, '{"a":"x"}', 'tool_calls', 'function', 'arguments')],
    ],
    [
      'a list of calls',
      { tool_calls: [{ function: { arguments: 'x' } }] },
      undefined,
      [text('tool-call', 0, 'x', 'tool_calls', 0, 'function', 'arguments')],
    ],
    ['a call of another kind', { tool_calls: { type: 'custom' } }, 0, [uninspectable]],
    ['arguments of a number', { tool_calls: { function: { arguments: 7 } } }, 0, [uninspectable]],
    ['a citation of a number', { citations: 7 }, 0, [uninspectable]],
    ['nothing', { role: 'assistant', content: [], tool_plan: '', tool_calls: [], citations: [] }, 0, []],
  ])('%s', (_, message, index, parts) => {
    expect(partsOfMessage(message, index)).toEqual(parts)
  })

  test('citations of several events do not run into each other', () => {
    const event = { type: 'citation-start', index: 0, delta: { message: { citations: { text: 'x' } } } }
    const data = `data: ${JSON.stringify(event)}\n\n`
    const blocks = partsOf(data + data).map(part => part.kind === 'text-delta' && part.block)
    expect(blocks).toEqual([CITATIONS, CITATIONS + 1])
  })
})

describe('parts of an event', () => {
  test.each([
    ['[DONE]', 'data: [DONE]\n\n', [terminator]],
    ['a comment', ':\n\n', []],
    ['an event without data', 'event: ping\n\n', []],
    [
      'the end',
      'data: {"type":"message-end","delta":{"finish_reason":"COMPLETE"}}\n\n',
      [finish, terminator],
    ],
    ['the end of a call', 'data: {"type":"tool-call-end","index":4}\n\n', [{ ...finish, block: 4 }]],
    [
      'the type in the event line alone',
      'event: tool-call-end\ndata: {"index":1}\n\n',
      [{ ...finish, block: 1 }],
    ],
    ['an error', 'data: {"message":"too many tokens"}\n\n', []],
    ['an error with its event', 'event: error\ndata: {"error":"x"}\n\n', []],
    ['an unknown type', 'data: {"type":"hologram"}\n\n', [uninspectable]],
    ['a message of a string', 'data: {"type":"content-delta","delta":{"message":"x"}}\n\n', [uninspectable]],
  ])('%s', (_, input, parts) => {
    expect(partsOf(input)).toEqual(parts)
  })

  test('the prompt that debug shows', () => {
    expect(partsOfEvent({ type: 'debug', prompt: 'x' })).toMatchObject([{ text: 'x', path: ['prompt'] }])
  })

  test('the text of an unknown type is read', () => {
    const event = { type: 'hologram', delta: { message: { content: { text: 'x' } } } }
    expect(partsOfEvent(event)).toMatchObject([uninspectable, { text: 'x' }])
  })

  test.each([
    ['not JSON', 'data: {"type":\n\n', 'not-json'],
    ['text after [DONE]', 'data: [DONE] x\n\n', 'not-json'],
    ['a list', 'data: []\n\n', 'wrong-shape'],
    ['no type', 'data: {"choices":[]}\n\n', 'wrong-shape'],
    ['a delta that is a string', 'data: {"type":"content-delta","delta":"x"}\n\n', 'wrong-shape'],
    ['an index out of range', 'data: {"type":"content-delta","index":65536}\n\n', 'wrong-shape'],
    ['an index that is a string', 'data: {"type":"content-delta","index":"0"}\n\n', 'wrong-shape'],
    ['a JSON body', '{"message":{}}', 'not-event-stream'],
  ])('undecodable: %s', (_, input, reason) => {
    expect(partsOf(input)).toEqual([{ kind: 'undecodable', reason }])
  })
})
