import { describe, expect, test } from 'vitest'
import { WeirError } from '../../../src/errors.ts'
import { editEventData, openEventStream } from '../../../src/llm/event-stream.ts'
import type { Splice } from '../../../src/llm/json-edits.ts'

const encoder = new TextEncoder()

/** Pushes the pieces one by one, ends the stream, and shows each frame by its text. */
function frames(...pieces: (string | Uint8Array)[]) {
  const framer = openEventStream()
  const all = pieces.flatMap(piece => framer.push(typeof piece === 'string' ? encoder.encode(piece) : piece))
  return [...all, ...framer.end()].map(({ bytes, ...rest }) => ({
    text: new TextDecoder().decode(bytes),
    ...rest,
  }))
}

const event = (text: string, data: string | undefined, name?: string) => ({
  kind: 'event',
  text,
  data,
  event: name,
})

describe('where a frame ends', () => {
  test.each([
    ['LF', 'data: a\n\ndata: b\n\n', ['data: a\n\n', 'data: b\n\n']],
    ['CR LF', 'data: a\r\n\r\ndata: b\r\n\r\n', ['data: a\r\n\r\n', 'data: b\r\n\r\n']],
    ['CR', 'data: a\r\rdata: b\r\r', ['data: a\r\r', 'data: b\r\r']],
    [
      'mixed line ends',
      'data: a\r\n\ndata: b\n\r\ndata: c\r\r\n',
      ['data: a\r\n\n', 'data: b\n\r\n', 'data: c\r\r\n'],
    ],
    ['comment only', ': ping\n\ndata: a\n\n', [': ping\n\n', 'data: a\n\n']],
    [
      'blank lines before an event',
      '\n\r\ndata: a\n\n\n\ndata: b\n\n',
      ['\n\r\ndata: a\n\n', '\n\ndata: b\n\n'],
    ],
    ['blank lines only', '\n\n\n', ['\n\n\n']],
    ['no blank line at the end', 'data: a\n\ndata: b\n', ['data: a\n\n', 'data: b\n']],
    ['no line end at the end', 'data: a\n\ndata: b', ['data: a\n\n', 'data: b']],
    ['nothing', '', []],
  ])('%s', (_, input, expected) => {
    expect(frames(input).map(frame => frame.text)).toEqual(expected)
    expect(frames(...input).map(frame => frame.text)).toEqual(expected)
  })

  test('a CR at the end of a chunk takes the LF that opens the next one', () => {
    const framer = openEventStream()
    expect(framer.push(encoder.encode('data: a\r\n\r'))).toEqual([])
    expect(framer.push(encoder.encode('\ndata: b')).map(frame => frame.bytes.length)).toEqual([11])
    expect(framer.buffered).toBe(7)
  })

  test('a CR at the end of a chunk ends the frame when another byte follows', () => {
    const framer = openEventStream()
    expect(framer.push(encoder.encode('data: a\r\r'))).toEqual([])
    expect(framer.push(encoder.encode('d')).map(frame => frame.bytes.length)).toEqual([9])
    expect(framer.buffered).toBe(1)
  })
})

describe('what a frame says', () => {
  test.each([
    ['one data line', 'data: {"a":1}\n\n', '{"a":1}'],
    ['without the space', 'data:{"a":1}\n\n', '{"a":1}'],
    ['only one space is dropped', 'data:  a\n\n', ' a'],
    ['several data lines', 'data: a\ndata:b\ndata: c\n\n', 'a\nb\nc'],
    ['data without a colon is an empty line', 'data\ndata: a\n\n', '\na'],
    ['empty data', 'data:\n\n', ''],
    ['colons in the value', 'data: a: b\n\n', 'a: b'],
    ['a tab is not dropped', 'data:\ta\n\n', '\ta'],
    ['comments between', ': x\ndata: a\n:y\n\n', 'a'],
    ['id and retry', 'id: 7\nretry: 10\ndata: a\n\n', 'a'],
    ['a line separator of Unicode ends no line', 'data: a\u2028b\u0085c\n\n', 'a\u2028b\u0085c'],
    ['CR inside one line', 'data: a\rdata: b\n\n', 'a\nb'],
  ])('data: %s', (_, input, data) => {
    expect(frames(input)).toEqual([event(input, data)])
  })

  test.each([
    ['the last event field counts', 'event: a\nevent: b\ndata: c\n\n', 'b', 'c'],
    ['event without data is no event', 'event: ping\n\n', 'ping', undefined],
    ['a comment only', ': ping\n\n', undefined, undefined],
  ])('event: %s', (_, input, name, data) => {
    expect(frames(input)).toEqual([event(input, data, name)])
  })

  test('the last event counts even when its blank line never comes', () => {
    expect(frames('data: a\n\ndata: b')).toEqual([event('data: a\n\n', 'a'), event('data: b', 'b')])
  })

  test('a byte order mark is dropped at the start of the stream, and only there', () => {
    const bom = new Uint8Array([0xef, 0xbb, 0xbf])
    const stream = openEventStream()
    const [first] = [
      ...stream.push(bom.subarray(0, 2)),
      ...stream.push(bom.subarray(2)),
      ...stream.push(encoder.encode('data: a\n\n')),
    ]
    expect(first).toMatchObject({ kind: 'event', data: 'a' })
    expect(first?.bytes.length).toBe(12)
    expect(stream.push(encoder.encode('\uFEFFdata: b\n\n'))).toMatchObject([{ kind: 'undecodable' }])
  })
})

describe('what cannot be read', () => {
  test.each([
    ['a JSON body', '{"choices":[{"message":{"content":"text"}}]}'],
    ['an indented JSON body', '{\n  "choices": []\n}\n'],
    ['plain text', 'hello\n\n'],
    ['an unknown field', 'data: a\nfoo: b\n\n'],
    ['a field in another case', 'Data: a\n\n'],
    ['a field behind a space', ' data: a\n\n'],
  ])('%s is no event stream', (_, input) => {
    expect(frames(input)).toEqual([{ kind: 'undecodable', reason: 'not-event-stream', text: input }])
  })

  test('bytes that are not UTF-8 make their frame undecodable, and no other', () => {
    const broken = new Uint8Array([...encoder.encode('data: a'), 0xff, 0x0a, 0x0a])
    expect(frames(broken, 'data: b\n\n')).toMatchObject([
      { kind: 'undecodable', reason: 'not-utf8' },
      { kind: 'event', data: 'b' },
    ])
  })

  test('a character cut off by the end of the stream is not UTF-8', () => {
    expect(frames(encoder.encode('data: é').subarray(0, 7))).toMatchObject([{ reason: 'not-utf8' }])
  })
})

describe('editing the data of a frame', () => {
  const splice = (offset: number, length: number, replacement: string): Splice => ({
    offset,
    length,
    replacement,
  })
  const edit = (frame: string, ...splices: Splice[]) =>
    new TextDecoder('utf-8', { ignoreBOM: true }).decode(editEventData(encoder.encode(frame), () => splices))

  test.each([
    ['in one line', 'data: abc\n\n', [splice(1, 1, 'xyz')], 'data: axyzc\n\n'],
    ['a whole line', 'data:abc\n\n', [splice(0, 3, '')], 'data:\n\n'],
    [
      'in two lines',
      'data: ab\ndata:cd\n\n',
      [splice(1, 1, 'x'), splice(3, 1, 'y')],
      'data: ax\ndata:yd\n\n',
    ],
    [
      'across lines',
      'data: ab\nid: 1\ndata: cd\r\ndata\rdata:ef\n\n',
      [splice(1, 7, 'x')],
      'data: ax\nid: 1\ndata: \r\ndata\rdata:f\n\n',
    ],
    ['two in one line', 'data: abcd\n\n', [splice(0, 1, 'x'), splice(2, 2, 'y')], 'data: xby\n\n'],
    ['behind a byte order mark', '\uFEFFdata: a\n\n', [splice(0, 1, 'x')], '\uFEFFdata: x\n\n'],
    ['characters of several bytes', ': é\ndata: é😀a\n\n', [splice(3, 1, 'ü')], ': é\ndata: é😀ü\n\n'],
    ['other fields are no data', 'data1: a\ndata: a\n\n', [splice(0, 1, 'x')], 'data1: a\ndata: x\n\n'],
  ])('%s', (_, frame, splices, expected) => {
    expect(edit(frame, ...splices)).toBe(expected)
  })

  test('gives the data that clients read', () => {
    let seen: string | undefined
    editEventData(encoder.encode('event: e\ndata:  a\rdata\n:c\r\ndata:b\n\n'), data => {
      seen = data
      return []
    })
    expect(seen).toBe(' a\n\nb')
  })

  test.each([
    ['a line end in the new text', splice(0, 1, 'x\ny')],
    ['a CR in the new text', splice(0, 1, '\r')],
    ['a place behind the data', splice(3, 1, 'x')],
  ])('%s is a bug', (_, bad) => {
    expect(() => edit('data: abc\n\n', bad)).toThrow(WeirError)
  })

  // For each edit a walk over all lines would be 10 billion steps here.
  test('many edits of many lines', () => {
    const count = 100_000
    const splices = Array.from({ length: count }, (_, line) => splice(line * 2, 1, 'y'))
    expect(edit(`${'data:x\n'.repeat(count)}\n`, ...splices)).toBe(`${'data:y\n'.repeat(count)}\n`)
  })
})

describe('cost', () => {
  test('a frame inside one chunk is a view of it', () => {
    const chunk = encoder.encode('data: a\n\ndata: b\n\n')
    for (const frame of openEventStream().push(chunk)) expect(frame.bytes.buffer).toBe(chunk.buffer)
  })

  // Quadratic work, a rescan or a copy of what is held per chunk, would be some 500 GB of it here.
  test('a line of 1 MiB in pieces of one byte', () => {
    const line = encoder.encode(`data: ${'x'.repeat(1 << 20)}\n\n`)
    const framer = openEventStream()
    const found = Array.from(line, (_, index) => framer.push(line.subarray(index, index + 1))).flat()
    expect(found.map(frame => frame.bytes.length)).toEqual([line.length])
    expect(framer.buffered).toBe(0)
  })

  test('every byte is searched once for each line end', () => {
    let searched = 0
    class CountingChunk extends Uint8Array {
      override indexOf(byte: number, from = 0): number {
        const index = super.indexOf(byte, from)
        searched += (index === -1 ? this.length : index + 1) - from
        return index
      }
    }
    const chunk = new CountingChunk(encoder.encode('data: abcdefgh\r\n\n'.repeat(1000)))
    expect(openEventStream().push(chunk)).toHaveLength(1000)
    expect(searched).toBeLessThanOrEqual(2 * chunk.length)
  })
})
