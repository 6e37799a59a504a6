import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Frame, Part } from '../../../../src/llm/format.ts'
import { ollamaChat } from '../../../../src/llm/ollama-chat/index.ts'

const fixtures = new URL('../../../fixtures/ollama/', import.meta.url)

function decode(bytes: Uint8Array): readonly Frame[] {
  const stream = ollamaChat.openStream()
  return [...stream.push(bytes), ...stream.end()]
}

const partsOf = (line: string): readonly Part[] =>
  decode(new TextEncoder().encode(line)).flatMap(frame => frame.parts)
const partsOfMessage = (message: unknown) => partsOf(JSON.stringify({ message, done: false }))

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

const finish = { kind: 'finish', choice: 0 }
const terminator = { kind: 'terminator' }

describe('recorded streams', () => {
  test.each([
    ['chat-text.ndjson', { 'content/0': 'The river Weiß is cold 🥶.' }, [finish, terminator]],
    [
      'chat-thinking.ndjson',
      { 'reasoning/0': 'The user greets.', 'content/0': 'Hello!' },
      [finish, terminator],
    ],
    [
      'chat-tool-calls.ndjson',
      {
        'tool-call/0': 'Köln',
        'tool-call/1': 'C',
        'tool-call/2': 'K',
        'tool-call/3': '',
        'tool-call/4': 'a@example.com',
      },
      [finish, finish, finish, terminator],
    ],
    ['chat-logprobs.ndjson', { 'content/0': 'Password', 'content/1': 'Password' }, [finish, terminator]],
    ['chat-error.ndjson', { 'content/0': 'Hal' }, []],
    ['chat-crlf-blank.ndjson', { 'content/0': 'Hi' }, [finish, terminator]],
  ])('%s', (name, texts, rest) => {
    const bytes = readFileSync(new URL(name, fixtures))
    const frames = decode(bytes)
    expect(gather(frames)).toEqual({ texts, rest })
    expect(Buffer.concat(frames.map(frame => frame.bytes)).equals(bytes)).toBe(true)
  })

  test('every recorded stream is tested', () => {
    const names = readdirSync(fixtures).filter(name => /^chat-.*\.ndjson$/.test(name))
    expect(names).toHaveLength(6)
  })
})

describe('parts of a message', () => {
  const text = (textKind: string, block: number, value: string, ...path: (string | number)[]) => ({
    ...{ kind: 'text-delta', choice: 0, textKind, block, text: value, path: ['message', ...path] },
    syntax: undefined,
  })
  const call = ['tool_calls', 0, 'function', 'arguments'] as const
  const uninspectable = { kind: 'uninspectable' }

  test.each([
    ['content', { content: 'x' }, [text('content', 0, 'x', 'content')]],
    ['empty', { role: 'assistant', content: '' }, []],
    [
      'thinking and content',
      { content: 'y', thinking: 'x' },
      [text('reasoning', 0, 'x', 'thinking'), text('content', 0, 'y', 'content')],
    ],
    ['content of a number', { content: 7 }, [uninspectable]],
    ['images', { content: '', images: ['AA==', 'AA=='] }, [uninspectable, uninspectable]],
    [
      'each argument is a text of its own',
      { tool_calls: [{ function: { arguments: { a: 'x', b: ['y'] } } }] },
      [text('tool-call', 0, 'x', ...call, 'a'), text('tool-call', 1, 'y', ...call, 'b', 0), finish],
    ],
    [
      'a call without text keeps its place',
      { tool_calls: [{ function: { arguments: { a: 1 } } }] },
      [text('tool-call', 0, '', ...call), finish],
    ],
    [
      'arguments in a string',
      { tool_calls: [{ function: { arguments: '{"a":1}' } }] },
      [{ ...text('tool-call', 0, '{"a":1}', ...call), syntax: 'json' }, finish],
    ],
    ['a call of another kind', { tool_calls: [{ type: 'custom' }] }, [uninspectable]],
    ['tool calls as an object', { tool_calls: {} }, [uninspectable]],
  ])('%s', (_, message, parts) => {
    expect(partsOfMessage(message)).toEqual(parts)
  })

  test('the texts of calls in several lines do not run into each other', () => {
    const line = `${JSON.stringify({ message: { tool_calls: [{ function: { arguments: { a: 'x' } } }] } })}\n`
    const blocks = partsOf(line + line).flatMap(part => (part.kind === 'text-delta' ? [part.block] : []))
    expect(blocks).toEqual([0, 1])
  })
})

describe('parts of a line', () => {
  test.each([
    [
      'the end comes after the text',
      '{"message":{"content":"x"},"done":true}',
      ['text-delta', 'finish', 'terminator'],
    ],
    ['an end without a message', '{"done":true}', ['finish', 'terminator']],
    ['an error', '{"error":"x"}', []],
    ['an error beside text', '{"error":"x","message":{"content":"y"}}', ['text-delta']],
    ['a blank line', '\r\n\n', []],
  ])('%s', (_, line, kinds) => {
    expect(partsOf(line).map(part => part.kind)).toEqual(kinds)
  })

  test.each([
    ['not JSON', 'data: {"message":{}}\n', 'not-json'],
    ['a cut last line', '{"message":{"con', 'not-json'],
    ['a list', '[]\n', 'wrong-shape'],
    ['nothing known', '{"status":"success"}\n', 'wrong-shape'],
    ['a line of generate', '{"response":"x","done":false}\n', 'wrong-shape'],
    ['a message that is a string', '{"message":"x","done":false}\n', 'wrong-shape'],
  ])('undecodable: %s', (_, line, reason) => {
    expect(partsOf(line)).toEqual([{ kind: 'undecodable', reason }])
  })
})

test('buffered counts the bytes of the line that is not complete', () => {
  const stream = ollamaChat.openStream()
  stream.push(new TextEncoder().encode('{"done":true}\n{"é'))
  expect(stream.buffered).toBe(4)
  stream.end()
  expect(stream.buffered).toBe(0)
})
