import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { unescapeJson } from '../../../src/exchange/unescape.ts'

describe('JSON source reads without its escapes:', () => {
  test.each([
    ['{"a":"\\u0061ttack"}', '{"a":"attack"}'],
    ['{"a":"x\\n\\t\\"y\\" \\\\ \\/"}', '{"a":"x\n\t"y" \\ /"}'],
    ['"\\ud83d\\ude00"', '"😀"'],
    // A string that holds JSON, which holds a string.
    ['{"a":"{\\"b\\":\\"\\\\u0061\\"}"}', '{"a":"{"b":"a"}"}'],
    ['\\x \\u00', '\\x \\u00'],
  ])('%s', (source, text) => {
    expect(unescapeJson(source)?.text).toBe(text)
  })

  test('what has none is left alone', () => {
    expect(unescapeJson('{"a":"attack"}')).toBeUndefined()
  })
})

test('a place of the text leads to what was written there', () => {
  const source = '{"a":"\\u0061tt\\u0061ck", "b":1}'
  const { text, original } = unescapeJson(source)!
  const at = text.indexOf('attack')
  const { start, end } = original(at, at + 'attack'.length)
  expect(source.slice(start, end)).toBe('\\u0061tt\\u0061ck')
})

test('for any text and any escapes, each unit leads back to its own stretch', () => {
  const unit = fc.constantFrom('a', '"', '\\', '/', '\n', 'é', '😀')
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 20 }), text => {
      const source = JSON.stringify(text.join(''))
      const unescaped = unescapeJson(source)
      if (unescaped === undefined) return
      let last = 0
      for (let at = 0; at < unescaped.text.length; at++) {
        const { start, end } = unescaped.original(at, at + 1)
        expect(start).toBe(last)
        expect(end).toBeGreaterThan(start)
        last = end
      }
      expect(last).toBe(source.length)
    }),
  )
})
