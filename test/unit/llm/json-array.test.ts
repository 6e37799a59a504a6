import { describe, expect, test } from 'vitest'
import { WeirError } from '../../../src/errors.ts'
import { type ArrayFrame, editArrayElement, openJsonArray } from '../../../src/llm/json-array.ts'
import { MAX_JSON_DEPTH } from '../../../src/llm/json-body.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

function cut(bytes: Uint8Array, size: number): readonly ArrayFrame[] {
  const framer = openJsonArray()
  const frames: ArrayFrame[] = []
  for (let at = 0; at < bytes.length; at += size) frames.push(...framer.push(bytes.slice(at, at + size)))
  return [...frames, ...framer.end()]
}

/** `[bytes, value or kind]` of each frame, whatever the bytes were cut into. */
function read(text: string): readonly unknown[] {
  const bytes = encoder.encode(text)
  const shown = (frames: readonly ArrayFrame[]) =>
    frames.map(frame => [
      decoder.decode(frame.bytes),
      frame.kind === 'element' ? frame.value : frame.kind === 'undecodable' ? frame.reason : frame.kind,
    ])
  const whole = shown(cut(bytes, Math.max(1, bytes.length)))
  for (const size of [1, 2, 3, 7]) expect(shown(cut(bytes, size))).toEqual(whole)
  return whole
}

describe('an array', () => {
  test.each([
    [
      'objects, with the separators before them',
      '[{"a":1}\r\n,\r\n{"b":2}\r\n]',
      [
        ['[{"a":1}', { a: 1 }],
        ['\r\n,\r\n{"b":2}', { b: 2 }],
        ['\r\n]', 'end'],
      ],
    ],
    ['nothing', '[]', [['[]', 'end']]],
    [
      'nothing, with white space',
      ' [ \n] ',
      [
        [' [ \n]', 'end'],
        [' ', 'space'],
      ],
    ],
    [
      'brackets, quotes and backslashes in strings',
      String.raw`[{"a":"]}\"[{\\"},"\\\"]"]`,
      [
        [String.raw`[{"a":"]}\"[{\\"}`, { a: ']}"[{\\' }],
        [String.raw`,"\\\"]"`, '\\"]'],
        [']', 'end'],
      ],
    ],
    [
      'arrays inside',
      '[[],[[1]],{"a":[{}]}]',
      [
        ['[[]', []],
        [',[[1]]', [[1]]],
        [',{"a":[{}]}', { a: [{}] }],
        [']', 'end'],
      ],
    ],
    [
      'scalars',
      '[1 ,-2.5e3,true,null,""]',
      [
        ['[1', 1],
        [' ,-2.5e3', -2500],
        [',true', true],
        [',null', null],
        [',""', ''],
        [']', 'end'],
      ],
    ],
    [
      'a byte order mark',
      '\uFEFF[{"a":"é😀"}]',
      [
        ['\uFEFF[{"a":"é😀"}', { a: 'é😀' }],
        [']', 'end'],
      ],
    ],
    ['no bytes', '', []],
    ['white space only', ' \n', [[' \n', 'space']]],
    [
      'a cut behind an element',
      '[1,{"a":1}',
      [
        ['[1', 1],
        [',{"a":1}', { a: 1 }],
      ],
    ],
    [
      'a cut in the white space behind an element',
      '[{}\r\n',
      [
        ['[{}', {}],
        ['\r\n', 'space'],
      ],
    ],
    ['a cut inside an element', '[{"a":', [['[{"a":', 'not-json']]],
    [
      'a cut behind a comma',
      '[{},',
      [
        ['[{}', {}],
        [',', 'not-json'],
      ],
    ],
    ['a cut behind a number', '[1', [['[1', 'not-json']]],
    ['a cut byte order mark', '\uFEFF', [['\uFEFF', 'not-json']]],
  ])('%s', (_, text, frames) => {
    expect(read(text)).toEqual(frames)
  })

  test('a frame goes with the last byte of its element', () => {
    const framer = openJsonArray()
    expect(framer.push(encoder.encode('[{"a":1'))).toEqual([])
    expect(framer.buffered).toBe(7)
    expect(framer.push(encoder.encode('}')).map(({ kind }) => kind)).toEqual(['element'])
    expect(framer.buffered).toBe(0)
    expect(framer.push(encoder.encode('\r\n')).length).toBe(0)
    expect(framer.buffered).toBe(2)
    expect(framer.push(encoder.encode(',{')).length).toBe(0)
    expect(framer.buffered).toBe(4)
  })

  test('white space behind the end is not held', () => {
    const framer = openJsonArray()
    expect(framer.push(encoder.encode('[]\n')).map(({ kind }) => kind)).toEqual(['end', 'space'])
    expect(framer.push(encoder.encode(' \r')).map(({ kind }) => kind)).toEqual(['space'])
    expect(framer.buffered).toBe(0)
  })
})

describe('what is no array', () => {
  /** Up to where it breaks, and that all of the rest is undecodable, byte for byte. */
  test.each([
    ['an object', '{"a":1}', ''],
    ['text', 'data: {}', ''],
    ['two byte order marks', '\uFEFF\uFEFF[]', ''],
    ['a byte order mark behind white space', ' \uFEFF[]', ''],
    ['half a byte order mark', [0xef, 0xbb, 0x5b, 0x5d], ''],
    ['white space in a byte order mark', [0xef, 0x20, 0xbb, 0xbf, 0x5b, 0x5d], ''],
    ['a leading comma', '[,{}]', ''],
    ['a trailing comma', '[{},]', '[{}'],
    ['two commas', '[{},,{}]', '[{}'],
    ['no comma', '[{}{}]', '[{}'],
    ['a comment', '[{}/**/,{}]', '[{}'],
    ['a word', '[{},undefined]', '[{}'],
    ['a wrong word', '[{},nul,{}]', '[{}'],
    ['a number that is none', '[{},1.,{}]', '[{}'],
    ['a wrong bracket', '[{"a":1],{}]', ''],
    ['a closing bracket too many', '[{}]]', '[{}]'],
    ['a second array', '[{}][]', '[{}]'],
    ['a second array on the next line', '[{}]\n[]', '[{}]\n'],
    ['another bracket at the end', '[{}}', '[{}'],
    ['an object that is no JSON', '[{},{a:1},{}]', '[{}'],
    ['a line feed in a string', '[{"a":"\n"}]', ''],
    ['bytes that are no UTF-8', [0x5b, 0x22, 0xff, 0x22, 0x5d], ''],
    ['another white space', '[{}\u00a0]', '[{}'],
    ['an element that is too deep', `[{},${'['.repeat(300)}${']'.repeat(300)}]`, '[{}'],
  ])('%s', (_, input, sound) => {
    const bytes = typeof input === 'string' ? encoder.encode(input) : Uint8Array.from(input)
    for (const size of [1, 2, 5, bytes.length]) {
      const frames = cut(bytes, size)
      expect(Buffer.concat(frames.map(frame => frame.bytes)).equals(bytes)).toBe(true)
      const broken = frames.findIndex(({ kind }) => kind === 'undecodable')
      const before = frames.slice(0, broken)
      expect(decoder.decode(Buffer.concat(before.map(frame => frame.bytes)))).toBe(sound)
      expect(frames.slice(broken).map(({ kind }) => kind)).not.toContain('element')
      expect(new Set(frames.slice(broken).map(({ kind }) => kind))).toEqual(new Set(['undecodable']))
    }
  })

  test.each([
    ['not UTF-8', Uint8Array.from([0x5b, 0x22, 0xff, 0x22, 0x5d]), 'not-utf8'],
    [
      'too deep',
      encoder.encode(`[${'['.repeat(MAX_JSON_DEPTH + 1)}${']'.repeat(MAX_JSON_DEPTH + 1)}]`),
      'wrong-shape',
    ],
    ['not JSON', encoder.encode('[{a:1}]'), 'not-json'],
  ])('says why: %s', (_, bytes, reason) => {
    expect(cut(bytes, bytes.length)[0]).toMatchObject({ kind: 'undecodable', reason })
  })
})

test('one long element in single bytes costs no more than its length', () => {
  const framer = openJsonArray()
  const bytes = encoder.encode(`["${'x'.repeat(300_000)}"]`)
  let frames = 0
  for (let at = 0; at < bytes.length; at++) frames += framer.push(bytes.subarray(at, at + 1)).length
  expect(frames).toBe(2)
})

describe('editing an element', () => {
  const edited = (text: string, ...edits: Parameters<typeof editArrayElement>[1]) =>
    decoder.decode(editArrayElement(encoder.encode(text), edits))

  test.each([
    ['the first', ' [ {"a": "x", "b": 1.50}', ' [ {"a": "y", "b": 1.50}'],
    ['a later one', '\r\n,\r\n{"b": 1.50,\n"a" : "x" }', '\r\n,\r\n{"b": 1.50,\n"a" : "y" }'],
    ['behind a byte order mark', '\uFEFF[{"a":"x"}', '\uFEFF[{"a":"y"}'],
  ])('%s', (_, before, after) => {
    expect(edited(before, { kind: 'set-text', path: ['a'], text: 'y' })).toBe(after)
  })

  test('an array that is an element keeps its bracket', () => {
    expect(edited('[["x"]', { kind: 'set-text', path: [0], text: 'y' })).toBe('[["y"]')
    expect(edited(',[["x"]]', { kind: 'set-text', path: [0, 0], text: 'y' })).toBe(',[["y"]]')
  })

  test('an edit that names no text throws', () => {
    expect(() => edited('[{"a":1}', { kind: 'set-text', path: ['a'], text: 'y' })).toThrow(WeirError)
  })
})
