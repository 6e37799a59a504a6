import { describe, expect, test } from 'vitest'
import { WeirError } from '../../../src/errors.ts'
import {
  decodeJsonBody,
  editJson,
  isJsonObject,
  MAX_JSON_DEPTH,
  parseJson,
  textsInside,
} from '../../../src/llm/json-body.ts'
import type { JsonEdit } from '../../../src/llm/json-edits.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const nested = (depth: number, inner = '') => `${'['.repeat(depth)}${inner}${']'.repeat(depth)}`

describe('a JSON body', () => {
  test.each([
    ['an object', '{"a":[1,null,"x"]}', { a: [1, null, 'x'] }],
    ['whitespace around', ' \r\n\t{} \n', {}],
    ['a byte order mark', '\uFEFF{"a":1}', { a: 1 }],
    ['escapes', String.raw`"\u0069gnore \ud83d\ude00"`, 'ignore 😀'],
    ['the last of a doubled key', '{"a":1,"a":2}', { a: 2 }],
  ])('%s', (_, text, value) => {
    expect(decodeJsonBody(bytes(text))).toEqual({ kind: 'ok', value })
  })

  test.each([
    ['nothing', ''],
    ['two values', '{}{}'],
    ['a comment', '{/* x */}'],
    ['a trailing comma', '{"a":1,}'],
    ['NaN', '[NaN]'],
    ['cut', '{"a":"b'],
    ['two byte order marks', '\uFEFF\uFEFF{}'],
    ['UTF-16', '{\0}\0'],
    ['a raw line feed in a string', '"a\nb"'],
  ])('%s is not JSON', (_, text) => {
    expect(decodeJsonBody(bytes(text))).toEqual({ kind: 'undecodable', reason: 'not-json' })
  })

  test('bytes that are not UTF-8', () => {
    const overlong = new Uint8Array([0x22, 0xc0, 0xaf, 0x22])
    expect(decodeJsonBody(overlong)).toEqual({ kind: 'undecodable', reason: 'not-utf8' })
  })
})

describe('depth', () => {
  test('the deepest allowed', () => {
    expect(parseJson(nested(MAX_JSON_DEPTH)).kind).toBe('ok')
    expect(parseJson(nested(MAX_JSON_DEPTH, `"${'x'.repeat(500)}"`)).kind).toBe('ok')
  })

  test.each([
    ['one deeper', nested(MAX_JSON_DEPTH + 1)],
    ['a million deeper', nested(1_000_000)],
    ['objects', `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`],
  ])('%s is refused', (_, text) => {
    expect(parseJson(text)).toEqual({ kind: 'undecodable', reason: 'wrong-shape' })
  })

  test.each([
    ['brackets in strings', JSON.stringify(['['.repeat(900)])],
    ['behind escaped quotes', JSON.stringify([`\\"${'["'.repeat(900)}\\`, '{'.repeat(900)])],
    ['siblings', `[${'[],{},'.repeat(900)}0]`],
  ])('%s do not count', (_, text) => {
    expect(parseJson(text).kind).toBe('ok')
  })
})

test('a __proto__ key is a key like any other', () => {
  const decoded = parseJson('{"__proto__":{"polluted":"yes"},"a":"b"}')
  expect(decoded.kind === 'ok' && isJsonObject(decoded.value) && decoded.value.polluted).toBe(undefined)
  expect(Reflect.get({}, 'polluted')).toBe(undefined)
  const body = bytes('{"__proto__":{"a":"old"}}')
  const edited = editJson(body, [{ kind: 'set-text', path: ['__proto__', 'a'], text: 'new' }])
  expect(edited).toEqual(bytes('{"__proto__":{"a":"new"}}'))
})

describe('a JSON body with other texts', () => {
  const set = (path: JsonEdit['path'], text: string): JsonEdit => ({ kind: 'set-text', path, text })
  const replace = (path: JsonEdit['path'], text: string): JsonEdit => ({ kind: 'replace', path, text })
  const clear = (path: JsonEdit['path']): JsonEdit => ({ kind: 'clear', path })
  const edit = (text: string, ...edits: JsonEdit[]) =>
    new TextDecoder('utf-8', { ignoreBOM: true }).decode(editJson(bytes(text), edits))

  test.each([
    ['one string', '{ "a" : "x" , "n":1.0e0}', [set(['a'], 'y')], '{ "a" : "y" , "n":1.0e0}'],
    ['in any order', '["a","b","c"]', [set([2], 'C'), set([0], 'A')], '["A","b","C"]'],
    [
      'escapes elsewhere stay',
      String.raw`["\u0061","x","\/"]`,
      [set([1], '"')],
      String.raw`["\u0061","\"","\/"]`,
    ],
    ['multi-byte neighbours', '{"é":"😀","b":"x"}', [set(['b'], '日')], '{"é":"😀","b":"日"}'],
    ['a lone surrogate stays valid', '["x"]', [set([0], '\ud800')], String.raw`["\ud800"]`],
    ['a byte order mark stays', '\uFEFF["x"]', [set([0], 'y')], '\uFEFF["y"]'],
    ['the last of a doubled key', '{"a":"x","a":"y"}', [set(['a'], 'z')], '{"a":"x","a":"z"}'],
    [
      'the last of a doubled key, far inside',
      '{"a":{"b":"x"},"c":[],"a":{"b":"y"}}',
      [set(['a', 'b'], 'z')],
      '{"a":{"b":"x"},"c":[],"a":{"b":"z"}}',
    ],
    ['keys of one length', '{"ab":"x","cd":"y"}', [set(['cd'], 'z')], '{"ab":"x","cd":"z"}'],
    ['an escaped key', String.raw`{"\u0061":"x"}`, [set(['a'], 'y')], String.raw`{"\u0061":"y"}`],
    ['replace a string', '["x",1]', [replace([0], 'y')], '["y",1]'],
    [
      'replace an object',
      '{"a":{"b":[1,2]},"c":1}',
      [replace(['a'], '{"b"')],
      String.raw`{"a":"{\"b\"","c":1}`,
    ],
    ['clear', '{"a":{"b":[1,2]},"c":1}', [clear(['a'])], '{"a":null,"c":1}'],
    ['clear where nothing is', '{"a":1}', [clear(['b', 0])], '{"a":1}'],
  ])('%s', (_, before, edits, after) => {
    expect(edit(before, ...edits)).toBe(after)
  })

  test('no edits: the same bytes', () => {
    const body = bytes('{}')
    expect(editJson(body, [])).toBe(body)
  })

  test.each([
    ['nowhere', [set(['b'], 'x')]],
    ['not a string', [set(['n'], 'x')]],
    ['nothing to replace', [replace(['b'], 'x')]],
    ['an object step into an array', [set(['list', 'length'], 'x')]],
    ['the same place twice', [set(['a'], 'x'), set(['a'], 'y')]],
    ['below a doubled key whose last value has no such place', [set(['twice', 'b'], 'x')]],
    ['inside a cleared place', [clear(['list']), set(['list', 0], 'y')]],
  ])('%s is a bug', (_, edits) => {
    expect(() => edit('{"a":"1","n":1,"list":["x"],"twice":{"b":"1"},"twice":1}', ...edits)).toThrow(
      WeirError,
    )
  })
})

test('the texts of a JSON value are its strings, and no key', () => {
  const value = { a: 'x', b: [1, 'y', { c: 'z', d: null }] }
  expect(textsInside(value, ['root'])).toEqual([
    { path: ['root', 'a'], text: 'x' },
    { path: ['root', 'b', 1], text: 'y' },
    { path: ['root', 'b', 2, 'c'], text: 'z' },
  ])
})
