import { describe, expect, test } from 'vitest'
import { WeirError } from '../../../../src/errors.ts'
import { anthropicBatches, anthropicMessages } from '../../../../src/llm/anthropic-messages/index.ts'
import type { Frame, TextEdit } from '../../../../src/llm/format.ts'
import { decode, readFixture, textOf } from './given.ts'

describe('a body', () => {
  test.each([
    ['response.json', '"Born in 1916."', ['content', 3, 'text']],
    [
      'response.json',
      '"Claude Shannon was born on April 30, 1916."',
      ['content', 3, 'citations', 0, 'cited_text'],
    ],
    ['response.json', '"a@example.com"', ['content', 4, 'input', 'to']],
    ['request-agent.json', '"You are terse."', ['system', 0, 'text']],
    ['request-agent.json', '"12 °C"', ['messages', 2, 'content', 0, 'content']],
    ['request-agent.json', '"A plain page"', ['messages', 2, 'content', 2, 'source', 'data']],
  ])('%s: %s', (name, before, path) => {
    const body = readFixture(name)
    const after = anthropicMessages.rewrite(body, [{ path, text: 'new "text"' }])
    expect(textOf(after)).toBe(textOf(body).replace(before, String.raw`"new \"text\""`))
  })

  test('a batch', () => {
    const body = new TextEncoder().encode('{"requests":[{"params":{"messages":[{"content":"a"}]}}]}')
    const path = ['requests', 0, 'params', 'messages', 0, 'content']
    expect(textOf(anthropicBatches.rewrite(body, [{ path, text: 'b' }]))).toBe(
      '{"requests":[{"params":{"messages":[{"content":"b"}]}}]}',
    )
  })
})

function soleFrame(event: string): Frame {
  const frames = decode(new TextEncoder().encode(event))
  expect(frames).toHaveLength(1)
  return frames[0]!
}

/** The event with each of its texts given, in the order of the frame's parts, replaced; undefined leaves one as it is. */
function rewriteTexts(event: string, ...texts: (string | undefined)[]): string {
  const frame = soleFrame(event)
  const edits = frame.parts
    .flatMap(part => (part.kind === 'text-delta' ? [part.path] : []))
    .flatMap((path, index): TextEdit[] => {
      const text = texts[index]
      return text === undefined ? [] : [{ path, text }]
    })
  const rewritten = anthropicMessages.rewriteFrame(frame, edits)
  const said = new Map(edits.map(({ path, text }) => [JSON.stringify(path), text]))
  expect(rewritten.parts).toEqual(
    frame.parts.map(part =>
      part.kind === 'text-delta' ? { ...part, text: said.get(JSON.stringify(part.path)) ?? part.text } : part,
    ),
  )
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(rewritten.bytes)
}

describe('a frame', () => {
  const json = '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x"}}'
  const edited = '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"y"}}'

  test.each([
    [
      'as the API sends it',
      `event: content_block_delta\ndata: ${json}\n\n`,
      `event: content_block_delta\ndata: ${edited}\n\n`,
    ],
    ['CR LF and spaces', `event: x\r\ndata:   ${json} \r\n\r\n`, `event: x\r\ndata:   ${edited} \r\n\r\n`],
    ['no blank line', `data:${json}`, `data:${edited}`],
    [
      'several data lines',
      'data: {"type":"content_block_delta","index":0,\nevent: x\ndata: "delta":{"type":"text_delta","text":\ndata:"x"}}\n\n',
      'data: {"type":"content_block_delta","index":0,\nevent: x\ndata: "delta":{"type":"text_delta","text":\ndata:"y"}}\n\n',
    ],
    [
      'unknown fields, numbers and escapes',
      String.raw`data: {"type":"content_block_delta","index":0,"n":1.0e0,"é":"\u0061\/","delta":{"type":"text_delta","text":"x"}}`,
      String.raw`data: {"type":"content_block_delta","index":0,"n":1.0e0,"é":"\u0061\/","delta":{"type":"text_delta","text":"y"}}`,
    ],
  ])('%s', (_, before, after) => {
    expect(rewriteTexts(before, 'y')).toBe(after)
  })

  test('what is put in stays one line of JSON', () => {
    const wanted = 'a"\\\n\r\u2028'
    expect(rewriteTexts(`data: ${json}\n\n`, wanted)).toBe(
      `data: ${json.replace('"x"', String.raw`"a\"\\\n\r\u2028"`)}\n\n`,
    )
  })

  test('a piece of arguments, and arguments that come whole', () => {
    const piece =
      '{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\\"to\\":\\"a"}}'
    expect(rewriteTexts(`data: ${piece}\n\n`, '{"to":"b')).toBe(
      `data: ${piece.replace('"a"}}', '"b"}}')}\n\n`,
    )
    const whole =
      '{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","input":{"to":"a","n":[1,"c"]}}}'
    expect(rewriteTexts(`data: ${whole}\n\n`, undefined, 'b', 'd')).toBe(
      `data: ${whole.replace('"a"', '"b"').replace('"c"', '"d"')}\n\n`,
    )
  })

  test('a signature stays as it is', () => {
    const event =
      '{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"x","signature":"Eq=="}}'
    expect(rewriteTexts(`data: ${event}\n\n`, 'y')).toBe(`data: ${event.replace('"x"', '"y"')}\n\n`)
  })

  test('no edits: the same frame', () => {
    const frame = soleFrame(`data: ${json}\n\n`)
    expect(anthropicMessages.rewriteFrame(frame, [])).toBe(frame)
  })

  test('an edit of what is no text of the frame is a bug, and so is one given twice', () => {
    const frame = soleFrame(`data: ${json}\n\n`)
    const edit = { path: ['delta', 'text'], text: 'y' }
    const call =
      (...edits: TextEdit[]) =>
      () =>
        anthropicMessages.rewriteFrame(frame, edits)
    expect(call({ path: ['delta', 'type'], text: 'y' })).toThrow(WeirError)
    expect(call(edit, edit)).toThrow(WeirError)
  })

  test('a rewritten frame still opens and closes what it did', () => {
    const at = anthropicMessages.openPosition()
    for (const frame of decode(readFixture('text.sse')).slice(0, 4)) {
      const edits = frame.parts.flatMap(part =>
        part.kind === 'text-delta' ? [{ path: part.path, text: 'y' }] : [],
      )
      at.released(anthropicMessages.rewriteFrame(frame, edits))
    }
    const rest = textOf(
      anthropicMessages.streamRefusal(
        { message: 'no', id: '0', createdSec: 0, finishReason: 'auto', request: undefined },
        at,
      ),
    )
    expect(rest).toContain('{"type":"content_block_stop","index":0}')
    expect(rest).not.toContain('message_start')
  })
})
