import { describe, expect, test } from 'vitest'
import { editNdjson, type NdjsonFrame, ndjsonShape, openNdjson, toJsonLine } from '../../../src/llm/ndjson.ts'

const encode = (text: string) => new TextEncoder().encode(text)
const textOf = (bytes: Uint8Array) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)

function decode(...chunks: readonly Uint8Array[]): readonly NdjsonFrame[] {
  const framer = openNdjson()
  return [...chunks.flatMap(chunk => framer.push(chunk)), ...framer.end()]
}

/** Each frame as its text and what it says. */
const said = (text: string) =>
  decode(encode(text)).map(frame => [
    textOf(frame.bytes),
    frame.kind === 'value' ? frame.value : frame.kind === 'blank' ? 'blank' : frame.reason,
  ])

describe('frames', () => {
  test.each<[string, string, unknown[]]>([
    ['nothing', '', []],
    ['lines', '{"a":1}\n[2]\n', ['{"a":1}\n', { a: 1 }, '[2]\n', [2]]],
    ['a last line without its end', '{"a":1}\n2', ['{"a":1}\n', { a: 1 }, '2', 2]],
    ['CR LF', '1\r\n2\r\n', ['1\r\n', 1, '2\r\n', 2]],
    ['a blank line belongs to the next one', '\n \t\r\n1\n\n2\n', ['\n \t\r\n1\n', 1, '\n2\n', 2]],
    ['blank lines at the end', '1\n\n\r\n', ['1\n', 1, '\n\r\n', 'blank']],
    ['a byte order mark at the start', '\uFEFF1\n', ['\uFEFF1\n', 1]],
    ['a byte order mark alone', '\uFEFF\n1\n', ['\uFEFF\n', 'blank', '1\n', 1]],
    ['a byte order mark later', '1\n\uFEFF2\n', ['1\n', 1, '\uFEFF2\n', 'not-json']],
    ['no JSON', 'data: 1\n2\n', ['data: 1\n', 'not-json', '2\n', 2]],
    ['a cut line', '{"a":', ['{"a":', 'not-json']],
    ['two values on one line', '{}{}\n', ['{}{}\n', 'not-json']],
    ['a value over two lines', '[1,\n2]\n', ['[1,\n', 'not-json', '2]\n', 'not-json']],
    ['a lone CR ends no line', '[1,\r2]\n', ['[1,\r2]\n', [1, 2]]],
    ['line ends of Unicode inside a string', '"\u2028\u0085"\n', ['"\u2028\u0085"\n', '\u2028\u0085']],
  ])('%s', (_, text, frames) => {
    expect(said(text).flat()).toEqual(frames)
  })

  test('not UTF-8 is one undecodable line', () => {
    const frames = decode(Uint8Array.from([0x22, 0xff, 0x22, 0x0a, 0x31, 0x0a]))
    expect(frames).toMatchObject([{ kind: 'undecodable', reason: 'not-utf8' }, { value: 1 }])
  })

  test('too deep', () => {
    expect(said(`${'['.repeat(100_000)}${']'.repeat(100_000)}\n`)[0]?.[1]).toBe('wrong-shape')
  })

  test('an empty chunk brings nothing', () => {
    expect(decode(encode('1'), encode(''), encode('2\n'))).toMatchObject([{ value: 12 }])
  })
})

describe('held bytes', () => {
  test('are those of the line that is not complete, blank lines before it included', () => {
    const framer = openNdjson()
    framer.push(encode('{"a":1}\n\n{"é'))
    expect(framer.buffered).toBe(5)
    framer.push(encode('":2}\n'))
    expect(framer.buffered).toBe(0)
    framer.push(encode('3'))
    expect(framer.end()).toHaveLength(1)
    expect(framer.buffered).toBe(0)
    expect(framer.end()).toEqual([])
  })

  test('a frame keeps its bytes when later ones come', () => {
    const framer = openNdjson()
    framer.push(encode('{"a":'))
    const [first] = framer.push(encode('1}\n'))
    framer.push(encode('{"b":2}'))
    framer.push(encode('\n'))
    expect(textOf(first!.bytes)).toBe('{"a":1}\n')
  })

  test('a long line in small pieces costs as much per byte as in one', () => {
    const line = encode(`"${'x'.repeat(100_000)}"\n`)
    const framer = openNdjson()
    const frames: NdjsonFrame[] = []
    for (let at = 0; at < line.length; at++) frames.push(...framer.push(line.subarray(at, at + 1)))
    expect(frames).toHaveLength(1)
    expect(frames[0]!.bytes).toEqual(line)
  })
})

describe('editing', () => {
  const edit = (line: string, text: string) =>
    textOf(editNdjson(encode(line), [{ kind: 'set-text', path: ['a'], text }]))

  test.each([
    ['the rest stays', ' {"b":1.0,"a":"x" ,"\\u0061b":[]}\r\n', ' {"b":1.0,"a":"y" ,"\\u0061b":[]}\r\n'],
    ['blank lines before', '\n\r\n{"a":"x"}\n', '\n\r\n{"a":"y"}\n'],
    ['a byte order mark', '\uFEFF{"a":"x"}\n', '\uFEFF{"a":"y"}\n'],
    ['no line end', '{"a":"x"}', '{"a":"y"}'],
  ])('%s', (_, before, after) => {
    expect(edit(before, 'y')).toBe(after)
  })

  test('any text stays on its line', () => {
    expect(edit('{"a":"x"}\n', 'a\nb\r\u0085\u2028\u2029"')).toBe(
      '{"a":"a\\nb\\r\\u0085\\u2028\\u2029\\""}\n',
    )
    expect(toJsonLine('\n\u2028')).toBe(String.raw`"\n\u2028"`)
  })
})

describe('the shape', () => {
  test.each([
    ['application/x-ndjson', '', 'event-stream'],
    ['Application/NDJSON; charset=utf-8', '', 'event-stream'],
    ['application/jsonl', '', 'event-stream'],
    ['application/x-ndjson; charset=utf-16', '', 'unknown-encoding'],
    ['application/json; charset=utf-8', '{', 'json'],
    ['application/json; charset=latin1', '{', 'unknown-encoding'],
    ['text/event-stream', 'data: {}', 'unknown'],
    [undefined, '', 'more'],
    [undefined, '{"done":false}', 'more'],
    [undefined, '{"done":false}\n', 'event-stream'],
    [undefined, '\uFEFF\n{"done":false}\n{', 'event-stream'],
    [undefined, '{\n"done": true', 'json'],
    ['text/plain', ' {}\n', 'event-stream'],
    ['text/plain; charset=latin1', '{}\n', 'unknown-encoding'],
    ['text/plain', 'Hello, world', 'unknown'],
  ])('%s, %j: %s', (contentType, bytes, shape) => {
    expect(ndjsonShape(contentType, encode(bytes))).toBe(shape)
  })
})
