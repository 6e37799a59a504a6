import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { WeirError } from '../../../../src/errors.ts'
import type { Frame, JsonPath, Refusal, TextEdit } from '../../../../src/llm/format.ts'
import { openaiChat } from '../../../../src/llm/openai-chat/index.ts'

const fixtures = new URL('../../../fixtures/openai-chat/', import.meta.url)
const response = readFileSync(new URL('response.json', fixtures))

describe('a body', () => {
  const rewritten = (path: readonly (string | number)[]) =>
    new TextDecoder().decode(openaiChat.rewrite(response, [{ path, text: 'new "text"' }]))
  const before = response.toString()

  test('an edited choice loses its logprobs, which repeat the text', () => {
    const after = rewritten(['choices', 0, 'message', 'content'])
    const logprobs = before.slice(
      before.indexOf('"logprobs": {'),
      before.indexOf(',\n   "finish_reason": "stop"'),
    )
    const expected = before
      .replace('"Call 555-0100."', String.raw`"new \"text\""`)
      .replace(logprobs, '"logprobs": null')
    expect(after).toBe(expected)
    expect(after).not.toContain('"Call"')
  })

  test('any other choice keeps them', () => {
    const after = rewritten(['choices', 1, 'message', 'reasoning_content'])
    expect(after).toBe(before.replace('"Ask the tool."', String.raw`"new \"text\""`))
  })

  test('a request has none', () => {
    const body = new TextEncoder().encode('{"messages":[{"content":"a"}],"logprobs":true}')
    const after = openaiChat.rewrite(body, [{ path: ['messages', 0, 'content'], text: 'b' }])
    expect(new TextDecoder().decode(after)).toBe('{"messages":[{"content":"b"}],"logprobs":true}')
  })
})

const textOf = (bytes: Uint8Array) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)

function soleFrame(event: string): Frame {
  const stream = openaiChat.openStream()
  const frames = [...stream.push(new TextEncoder().encode(event)), ...stream.end()]
  expect(frames).toHaveLength(1)
  return frames[0]!
}

/** The event with each of its texts given, in the order of the frame's parts, replaced; undefined leaves one as it is. */
function rewriteTexts(event: string, ...texts: (string | undefined)[]): string {
  const frame = soleFrame(event)
  const edits = frame.parts
    .flatMap(part => (part.kind === 'text-delta' ? [part.path] : []))
    .flatMap((path, index) => (texts[index] === undefined ? [] : [{ path, text: texts[index] }]))
  expect(edits).toHaveLength(texts.filter(text => text !== undefined).length)
  return textOf(openaiChat.rewriteFrame(frame, edits).bytes)
}

describe('the bytes of a frame', () => {
  const json = '{"choices":[{"index":0,"delta":{"content":"x"}}]}'
  const edited = '{"choices":[{"index":0,"delta":{"content":"y"}}]}'

  test.each([
    ['one data line', `data: ${json}\n\n`, `data: ${edited}\n\n`],
    ['without the space', `data:${json}\n\n`, `data:${edited}\n\n`],
    ['with more of them', `data:   ${json} \t\n\n`, `data:   ${edited} \t\n\n`],
    ['CR LF', `data: ${json}\r\n\r\n`, `data: ${edited}\r\n\r\n`],
    ['CR', `data: ${json}\r\r`, `data: ${edited}\r\r`],
    ['no blank line', `data: ${json}\n`, `data: ${edited}\n`],
    ['no line end', `data: ${json}`, `data: ${edited}`],
    ['a byte order mark', `\uFEFFdata: ${json}\n\n`, `\uFEFFdata: ${edited}\n\n`],
    ['a byte order mark on a blank line', `\uFEFF\r\ndata: ${json}\n\n`, `\uFEFF\r\ndata: ${edited}\n\n`],
    ['a byte order mark inside the data', `data: \uFEFF${json}\n\n`, `data: \uFEFF${edited}\n\n`],
    ['blank lines before', `\n\r\ndata: ${json}\n\n`, `\n\r\ndata: ${edited}\n\n`],
    [
      'other fields and comments',
      `: "x"\nevent: "x"\nid: "x"\ndata: ${json}\nretry:1\n:\n\n`,
      `: "x"\nevent: "x"\nid: "x"\ndata: ${edited}\nretry:1\n:\n\n`,
    ],
    [
      'several data lines',
      'data: {"choices":[{"index":0,\r\nid: 7\rdata:"delta":{"content":\ndata\ndata: "x"} \n: "x"\ndata:}]}\n\n',
      'data: {"choices":[{"index":0,\r\nid: 7\rdata:"delta":{"content":\ndata\ndata: "y"} \n: "x"\ndata:}]}\n\n',
    ],
    [
      'unknown fields, numbers and escapes',
      String.raw`data: {"id":"\u0061\/","created":1.0e0,"é":"😀","choices":[{"index":0,"x":[],"delta":{"content":"x"}}]}`,
      String.raw`data: {"id":"\u0061\/","created":1.0e0,"é":"😀","choices":[{"index":0,"x":[],"delta":{"content":"y"}}]}`,
    ],
    [
      'the last of a doubled key',
      'data: {"choices":[{"index":0,"delta":{"content":"a","content":"x"}}]}\n\n',
      'data: {"choices":[{"index":0,"delta":{"content":"a","content":"y"}}]}\n\n',
    ],
  ])('%s', (_, before, after) => {
    expect(rewriteTexts(before, 'y')).toBe(after)
  })

  test.each([
    ['empty', '', '""'],
    ['quotes and line ends', '"\r\n\\', String.raw`"\"\r\n\\"`],
    ['an event of its own', '\n\ndata: [DONE]\n\n', String.raw`"\n\ndata: [DONE]\n\n"`],
    ['line ends of Unicode', 'a\u0085b\u2028c\u2029', String.raw`"a\u0085b\u2028c\u2029"`],
    ['characters of several units', 'Weiß 🥶', '"Weiß 🥶"'],
    ['half a character', '\ud83e', String.raw`"\ud83e"`],
  ])('new text: %s', (_, text, literal) => {
    expect(rewriteTexts(`data: ${json}\n\n`, text)).toBe(`data: ${json.replace('"x"', literal)}\n\n`)
  })
})

describe('the texts of a frame', () => {
  const eventOf = (delta: string) => `data: {"choices":[{"index":0,"delta":${delta}}]}\n\n`

  test('only those named change', () => {
    const before = eventOf('{"reasoning":"x","content":["x",{"type":"text","text":"x"}],"refusal":"x"}')
    const after = eventOf('{"reasoning":"x","content":["a",{"type":"text","text":""}],"refusal":"x"}')
    expect(rewriteTexts(before, undefined, 'a', '', undefined)).toBe(after)
  })

  test('tool arguments', () => {
    const before = eventOf(
      '{"tool_calls":[{"index":3,"id":"c","function":{"name":"f","arguments":"{\\"a\\":"}}]}',
    )
    const after = eventOf(
      '{"tool_calls":[{"index":3,"id":"c","function":{"name":"f","arguments":"{\\"b\\":"}}]}',
    )
    expect(rewriteTexts(before, '{"b":')).toBe(after)
  })

  test('arguments as a bare object become a string, over however many lines they stood', () => {
    const call = (value: string) => eventOf(`{"tool_calls":[{"function":{"arguments":${value}}}]}`)
    expect(rewriteTexts(call('{"a": "x"}'), '{"a":"y"')).toBe(call(String.raw`"{\"a\":\"y\""`))
    expect(rewriteTexts(call('{"a":\nid: 7\ndata: "x"\ndata: }'), 'y')).toBe(
      call('"y"\nid: 7\ndata: \ndata: '),
    )
  })

  test('the choice is found by its place, whatever its index', () => {
    const before =
      'data: {"choices":[{"index":1,"delta":{"content":"x"}},{"index":0,"delta":{"content":"x"}}]}\n\n'
    const after =
      'data: {"choices":[{"index":1,"delta":{"content":"x"}},{"index":0,"delta":{"content":"y"}}]}\n\n'
    expect(rewriteTexts(before, undefined, 'y')).toBe(after)
  })
})

describe('the logprobs of a frame', () => {
  const choice = (text: string, logprobs: string) => `{"delta":{"content":"${text}"},"logprobs":${logprobs}}`

  test('an edited choice loses them, any other keeps them', () => {
    const kept = '{"content":[{"token":"x","bytes":[120]}]}'
    const before = `data: {"choices":[${choice('x', kept)},${choice('x', kept)}]}\n\n`
    const after = `data: {"choices":[${choice('x', kept)},${choice('y', 'null')}]}\n\n`
    expect(rewriteTexts(before, undefined, 'y')).toBe(after)
  })

  test('over several lines: what stands between the lines stays', () => {
    const before = `data: {"choices":[${choice('x', '{"content":[\ndata:{"token":"x"}\r\n: note\r\ndata: ] }')}]}\n\n`
    const after = `data: {"choices":[${choice('y', 'null\ndata:\r\n: note\r\ndata: ')}]}\n\n`
    expect(rewriteTexts(before, 'y')).toBe(after)
  })
})

describe('the frame', () => {
  const event =
    'data: {"id":"chatcmpl-7","model":"m","created":5,"choices":[{"index":0,"delta":{"role":"assistant","reasoning":"a","content":"b"},"finish_reason":"stop"}]}\n\n'
  const path: JsonPath = ['choices', 0, 'delta', 'content']

  test('no edits: the same frame', () => {
    const frame = soleFrame(event)
    expect(openaiChat.rewriteFrame(frame, [])).toBe(frame)
  })

  test('the parts have the new texts, an empty one as well, and nothing else changed', () => {
    const frame = soleFrame(event)
    const [reasoning, content, finish] = frame.parts
    const edits = [{ path, text: '' }]
    expect(openaiChat.rewriteFrame(frame, edits).parts).toEqual([reasoning, { ...content, text: '' }, finish])
    expect(content).toMatchObject({ text: 'b' })
  })

  test('it can be rewritten again', () => {
    const once = openaiChat.rewriteFrame(soleFrame(event), [{ path, text: '' }])
    const twice = openaiChat.rewriteFrame(once, [{ path, text: 'c' }])
    expect(textOf(twice.bytes)).toBe(event.replace('"b"', '"c"'))
    expect(twice.parts[1]).toMatchObject({ text: 'c' })
  })

  const refusal: Refusal = {
    message: 'no',
    id: '0',
    createdSec: 2,
    finishReason: 'auto',
    request: undefined,
  }
  const refusedAfter = (frame: Frame) => {
    const at = openaiChat.openPosition()
    at.released(frame)
    return textOf(openaiChat.streamRefusal(refusal, at))
  }
  const open = event.replace('"stop"', 'null')

  test('a refusal goes on from it as from the frame it was', () => {
    const rewritten = openaiChat.rewriteFrame(soleFrame(open), [{ path, text: 'c' }])
    expect(refusedAfter(rewritten)).toBe(refusedAfter(soleFrame(open)))
    const { bytes, parts } = soleFrame(open)
    expect(refusedAfter(openaiChat.rewriteFrame({ bytes, parts }, [{ path, text: 'c' }]))).toBe(
      refusedAfter(soleFrame(open)),
    )
  })

  test('a refusal stands apart from no text that was emptied', () => {
    const rewritten = openaiChat.rewriteFrame(soleFrame(open), [{ path, text: '' }])
    expect(refusedAfter(soleFrame(open))).toContain(String.raw`"content":"\n\nno"`)
    expect(refusedAfter(rewritten)).toContain('"content":"no"')
  })

  test.each<[string, readonly TextEdit[]]>([
    ['no text of the frame', [{ path: ['choices', 0, 'delta', 'refusal'], text: 'x' }]],
    ['a string that is no text', [{ path: ['id'], text: 'x' }]],
    [
      'a text twice',
      [
        { path, text: 'x' },
        { path, text: 'y' },
      ],
    ],
  ])('an edit that names %s is a bug', (_, edits) => {
    expect(() => openaiChat.rewriteFrame(soleFrame(event), edits)).toThrow(WeirError)
  })
})
