import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { WeirError } from '../../../../src/errors.ts'
import type { Frame, JsonPath, TextEdit } from '../../../../src/llm/format.ts'
import { mcp } from '../../../../src/llm/mcp/index.ts'

const readFixture = (name: string) => readFileSync(new URL(`../../../fixtures/mcp/${name}`, import.meta.url))
const textOf = (bytes: Uint8Array) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)

describe('a body', () => {
  test('a result says the same in two places: both are edited, and nothing else', () => {
    const body = readFixture('response-tools-call.json')
    const decoded = mcp.decodeResponse(body)
    if (decoded.kind !== 'ok') throw new Error(decoded.reason)
    const edits = decoded.value.segments
      .filter(({ text }) => text.includes('555-0100'))
      .map(({ path, text }) => ({ path, text: text.replace('555-0100', '[phone]') }))
    expect(edits).toHaveLength(2)
    expect(textOf(mcp.rewrite(body, edits))).toBe(body.toString().replaceAll('555-0100', '[phone]'))
  })

  test('arguments of a request', () => {
    const body = readFixture('request-tools-call.json')
    const path = ['params', 'arguments', 'to', 1]
    const after = textOf(mcp.rewrite(body, [{ path, text: 'a "b"' }]))
    expect(after).toBe(body.toString().replace('"bob@example.com"', String.raw`"a \"b\""`))
  })

  test('no edits: the same body', () => {
    const body = readFixture('request-tools-call.json')
    expect(mcp.rewrite(body, [])).toBe(body)
  })
})

function soleFrame(event: string): Frame {
  const stream = mcp.openStream()
  const frames = [...stream.push(new TextEncoder().encode(event)), ...stream.end()]
  expect(frames).toHaveLength(1)
  return frames[0]!
}

describe('the bytes of a frame', () => {
  const json = '{"jsonrpc":"2.0","id":1,"result":{"content":"x"}}'
  const edited = '{"jsonrpc":"2.0","id":1,"result":{"content":"y"}}'
  const edits = [{ path: ['result', 'content'], text: 'y' }]

  test.each([
    ['one data line', `data: ${json}\n\n`, `data: ${edited}\n\n`],
    ['without the space', `data:${json}\n\n`, `data:${edited}\n\n`],
    ['with more of it', `data:   ${json} \n\n`, `data:   ${edited} \n\n`],
    [
      'after a name and a place',
      `event: message\nid: "x"\ndata: ${json}\n\n`,
      `event: message\nid: "x"\ndata: ${edited}\n\n`,
    ],
    ['after a mark', `\uFEFFdata: ${json}\r\n\r\n`, `\uFEFFdata: ${edited}\r\n\r\n`],
    [
      'over several lines',
      `data: ${json.replace('"x"', '\r\n: "x"\r\ndata:"x"')}\r\n\r\n`,
      `data: ${json.replace('"x"', '\r\n: "x"\r\ndata:"y"')}\r\n\r\n`,
    ],
    ['without an end', `data: ${json}`, `data: ${edited}`],
  ])('%s', (_, before, after) => {
    expect(textOf(mcp.rewriteFrame(soleFrame(before), edits).bytes)).toBe(after)
  })

  test('new text is escaped, and stays one event for whoever cuts the lines', () => {
    const text = '\n\ndata: x\u2028"'
    const after = textOf(
      mcp.rewriteFrame(soleFrame(`data: ${json}\n\n`), [{ path: ['result', 'content'], text }]).bytes,
    )
    expect(after).toBe(`data: ${json.replace('"x"', String.raw`"\n\ndata: x\u2028\""`)}\n\n`)
  })
})

describe('the frame', () => {
  const event = 'data: {"jsonrpc":"2.0","id":1,"result":{"content":"a","structuredContent":{"b":"a"}}}\n\n'
  const content: JsonPath = ['result', 'content']

  test('no edits: the same frame', () => {
    const frame = soleFrame(event)
    expect(mcp.rewriteFrame(frame, [])).toBe(frame)
  })

  test('the parts have the new texts, in the same places', () => {
    const frame = soleFrame(event)
    const [first, second, terminator] = frame.parts
    const rewritten = mcp.rewriteFrame(frame, [{ path: content, text: '' }])
    expect(rewritten.parts).toEqual([{ ...first, text: '' }, second, terminator])
    const again = mcp.rewriteFrame(rewritten, [{ path: content, text: 'c' }])
    expect(textOf(again.bytes)).toBe(event.replace('"a"', '"c"'))
  })

  test('a frame made anew by somebody else', () => {
    const { bytes, parts } = soleFrame(event)
    const rewritten = mcp.rewriteFrame({ bytes, parts }, [{ path: content, text: 'c' }])
    expect(textOf(rewritten.bytes)).toBe(event.replace('"a"', '"c"'))
  })

  test.each<[string, readonly TextEdit[]]>([
    ['no text of the frame', [{ path: ['result', 'none'], text: 'x' }]],
    ['a string that is no text', [{ path: ['jsonrpc'], text: 'x' }]],
    [
      'a text twice',
      [
        { path: content, text: 'x' },
        { path: content, text: 'y' },
      ],
    ],
  ])('an edit that names %s is a bug', (_, edits) => {
    expect(() => mcp.rewriteFrame(soleFrame(event), edits)).toThrow(WeirError)
  })
})
