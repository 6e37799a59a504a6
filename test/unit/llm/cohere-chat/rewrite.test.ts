import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { WeirError } from '../../../../src/errors.ts'
import { cohereChat } from '../../../../src/llm/cohere-chat/index.ts'
import type { Frame, JsonPath, TextEdit } from '../../../../src/llm/format.ts'

const response = readFileSync(new URL('../../../fixtures/cohere/response.json', import.meta.url))
const encode = (text: string) => new TextEncoder().encode(text)
const textOf = (bytes: Uint8Array) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)

describe('a body', () => {
  test('an edited answer loses its logprobs, which repeat the text', () => {
    const before = response.toString()
    const logprobs = before.slice(before.indexOf('[{ "text": "Call"'), before.lastIndexOf('\n}'))
    const path = ['message', 'content', 1, 'text']
    const after = textOf(cohereChat.rewrite(response, [{ path, text: 'Call "me".' }]))
    expect(after).toBe(before.replace('"Call 555-0100."', '"Call \\"me\\"."').replace(logprobs, 'null'))
  })

  test('a request keeps what only asks for them', () => {
    const body = encode('{"messages":[{"content":"a"}],"documents":["b"],"logprobs":true}')
    const edits = [
      { path: ['messages', 0, 'content'], text: 'c' },
      { path: ['documents', 0], text: 'd' },
    ]
    const after = '{"messages":[{"content":"c"}],"documents":["d"],"logprobs":true}'
    expect(textOf(cohereChat.rewrite(body, edits))).toBe(after)
  })
})

function soleFrame(event: string): Frame {
  const stream = cohereChat.openStream()
  const frames = [...stream.push(encode(event)), ...stream.end()]
  expect(frames).toHaveLength(1)
  return frames[0]!
}

const path: JsonPath = ['delta', 'message', 'content', 'text']

describe('a frame', () => {
  const json = '{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"x"}}}}'
  const edited = json.replace('"x"', '"y"')
  const rewritten = (event: string, ...edits: TextEdit[]) =>
    textOf(cohereChat.rewriteFrame(soleFrame(event), edits).bytes)

  test.each([
    ['an event', `event: content-delta\ndata: ${json}\n\n`, `event: content-delta\ndata: ${edited}\n\n`],
    ['CR LF', `data:${json}\r\n\r\n`, `data:${edited}\r\n\r\n`],
    ['no blank line', `data: ${json}`, `data: ${edited}`],
    [
      'logprobs are cleared',
      `data: ${json.slice(0, -1)},"logprobs":{"text":"x","token_ids":[1]}}\n\n`,
      `data: ${edited.slice(0, -1)},"logprobs":null}\n\n`,
    ],
  ])('%s', (_, before, after) => {
    expect(rewritten(before, { path, text: 'y' })).toBe(after)
  })

  test('what logprobs spell goes with all of them', () => {
    const event = (logprobs: string) => `data: ${json.slice(0, -1)},"logprobs":${logprobs}}\n\n`
    expect(rewritten(event('{"text":"x"}'), { path: ['logprobs', 'text'], text: '' })).toBe(event('null'))
  })

  test('arguments as a bare object become a string', () => {
    const event = (called: string) =>
      `data: {"type":"tool-call-delta","delta":{"message":{"tool_calls":{"function":{"arguments":${called}}}}}}\n\n`
    const place = ['delta', 'message', 'tool_calls', 'function', 'arguments']
    expect(rewritten(event('{"a":"x"}'), { path: place, text: '{"a":"y"' })).toBe(
      event(String.raw`"{\"a\":\"y\""`),
    )
  })

  test('no edits: the same frame', () => {
    const frame = soleFrame(`data: ${json}\n\n`)
    expect(cohereChat.rewriteFrame(frame, [])).toBe(frame)
  })

  test('the parts have the new text, and it can be rewritten again', () => {
    const frame = soleFrame(`data: ${json}\n\n`)
    const once = cohereChat.rewriteFrame(frame, [{ path, text: '' }])
    expect(once.parts).toEqual([{ ...frame.parts[0], text: '' }])
    const twice = cohereChat.rewriteFrame(once, [{ path, text: 'y' }])
    expect(textOf(twice.bytes)).toBe(`data: ${edited}\n\n`)
  })

  test.each<[string, readonly TextEdit[]]>([
    ['no text of the frame', [{ path: ['delta', 'message', 'tool_plan'], text: 'x' }]],
    ['a string that is no text', [{ path: ['type'], text: 'x' }]],
    [
      'a text twice',
      [
        { path, text: 'x' },
        { path, text: 'y' },
      ],
    ],
  ])('an edit that names %s is a bug', (_, edits) => {
    expect(() => cohereChat.rewriteFrame(soleFrame(`data: ${json}\n\n`), edits)).toThrow(WeirError)
  })
})
