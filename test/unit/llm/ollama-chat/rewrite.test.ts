import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { WeirError } from '../../../../src/errors.ts'
import type { Frame, JsonPath, TextEdit } from '../../../../src/llm/format.ts'
import { ollamaChat } from '../../../../src/llm/ollama-chat/index.ts'

const response = readFileSync(new URL('../../../fixtures/ollama/chat-response.json', import.meta.url))
const encode = (text: string) => new TextEncoder().encode(text)
const textOf = (bytes: Uint8Array) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)

describe('a body', () => {
  test('an edited answer loses its logprobs, which repeat the text', () => {
    const before = response.toString()
    const start = before.indexOf('[{ "token"')
    const logprobs = before.slice(start, before.indexOf('}],\n', start) + 2)
    const path = ['message', 'tool_calls', 0, 'function', 'arguments', 'in', 1, 'zip']
    const after = textOf(ollamaChat.rewrite(response, [{ path, text: 'a"b' }]))
    expect(after).toBe(before.replace('"50667"', String.raw`"a\"b"`).replace(logprobs, 'null'))
  })

  test('a request keeps what only asks for them', () => {
    const body = encode('{"logprobs":true,"messages":[{"content":"a"}]}')
    const after = ollamaChat.rewrite(body, [{ path: ['messages', 0, 'content'], text: 'b' }])
    expect(textOf(after)).toBe('{"logprobs":true,"messages":[{"content":"b"}]}')
  })
})

function soleFrame(line: string): Frame {
  const stream = ollamaChat.openStream()
  const frames = [...stream.push(encode(line)), ...stream.end()]
  expect(frames).toHaveLength(1)
  return frames[0]!
}

const content: JsonPath = ['message', 'content']

describe('a frame', () => {
  const rewritten = (line: string, ...edits: TextEdit[]) =>
    textOf(ollamaChat.rewriteFrame(soleFrame(line), edits).bytes)

  test.each([
    ['a line', '{"n":1.0,"message":{"content":"x"}}\r\n', '{"n":1.0,"message":{"content":"y"}}\r\n'],
    ['a blank line before', '\n{"message":{"content":"x"}}\n', '\n{"message":{"content":"y"}}\n'],
    ['no line end', '{"message":{"content":"x"}}', '{"message":{"content":"y"}}'],
    ['a byte order mark', '\uFEFF{"message":{"content":"x"}}\n', '\uFEFF{"message":{"content":"y"}}\n'],
    [
      'logprobs are cleared',
      '{"message":{"content":"x"},"logprobs":[{"token":"x","bytes":[120]}]}\n',
      '{"message":{"content":"y"},"logprobs":null}\n',
    ],
  ])('%s', (_, before, after) => {
    expect(rewritten(before, { path: content, text: 'y' })).toBe(after)
  })

  test('one argument', () => {
    const path = ['message', 'tool_calls', 0, 'function', 'arguments', 'b']
    const line = (b: string) =>
      `{"message":{"tool_calls":[{"function":{"arguments":{"a":"x","b":"${b}"}}}]}}\n`
    expect(rewritten(line('x'), { path, text: 'y' })).toBe(line('y'))
  })

  test('a token goes with all of the logprobs', () => {
    const line = (logprobs: string) => `{"message":{"content":"x"},"logprobs":${logprobs}}\n`
    const path = ['logprobs', 1, 'token']
    expect(rewritten(line('[{"token":"a"},{"token":"b"}]'), { path, text: '' })).toBe(line('null'))
  })

  test('no edits: the same frame', () => {
    const frame = soleFrame('{"message":{"content":"x"}}\n')
    expect(ollamaChat.rewriteFrame(frame, [])).toBe(frame)
  })

  test('the parts have the new text, and it can be rewritten again', () => {
    const frame = soleFrame('{"message":{"content":"x","thinking":"z"},"done":true}\n')
    const once = ollamaChat.rewriteFrame(frame, [{ path: content, text: '' }])
    expect(once.parts).toEqual([frame.parts[0], { ...frame.parts[1], text: '' }, ...frame.parts.slice(2)])
    const twice = ollamaChat.rewriteFrame(once, [{ path: content, text: 'c' }])
    expect(textOf(twice.bytes)).toBe('{"message":{"content":"c","thinking":"z"},"done":true}\n')
  })

  test.each<[string, readonly TextEdit[]]>([
    ['no text of the frame', [{ path: ['message', 'thinking'], text: 'x' }]],
    ['a string that is no text', [{ path: ['model'], text: 'x' }]],
    [
      'a text twice',
      [
        { path: content, text: 'x' },
        { path: content, text: 'y' },
      ],
    ],
  ])('an edit that names %s is a bug', (_, edits) => {
    const frame = soleFrame('{"model":"m","message":{"content":"x"}}\n')
    expect(() => ollamaChat.rewriteFrame(frame, edits)).toThrow(WeirError)
  })
})
