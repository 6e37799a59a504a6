import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TextReader } from '../../../../src/guardrail/local-prompt-attack/plain-text.ts'
import { normalise } from '../../../../src/guardrail/text/normalise.ts'

const reader = new TextReader()

function readOf(text: string): string {
  const { codes, length } = reader.read(text)
  return String.fromCharCode(...codes.subarray(0, length))
}

describe('a text is read as normalise reads it', () => {
  test.each([
    ['', 'nothing'],
    ['  A \t\n B\r\nC  ', 'white space'],
    ['ﬃ Ｉgn\u200bore ¼', 'ligatures, full-width, zero-width, fractions'],
    ['a\u200b \u200b\n\u200b b', 'hidden characters in white space'],
    ['\u{e0041}\u{e0020}\u{e0020}\u{e0042} \u{e0020}x', 'tag characters, also for spaces'],
    ['İΣς 𝐀𝓑 \ud835 \udc00', 'special case, letters of two units, halves'],
    ['﷽﷽ 日本語 한국어 ไทย', 'other scripts'],
  ])('%j: %s', text => expect(readOf(text)).toBe(normalise(text).text))

  test('any text', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        ' ',
        '\n',
        '\t',
        '\u200b',
        '\u{e0020}',
        'Ａ',
        'é',
        'e\u0301',
        '\ud83d',
        '😀',
        '\u3164',
        'ﬁ',
      ),
    )
    fc.assert(
      fc.property(fc.array(piece), pieces => {
        expect(readOf(pieces.join(''))).toBe(normalise(pieces.join('')).text)
      }),
      { numRuns: 500 },
    )
  })
})

test('a range leads back to the original', () => {
  const text = 'x 😀 ＩＧＮ\u200bore ﬃ  now'
  const { codes, length, originalRange } = reader.read(text)
  const at = String.fromCharCode(...codes.subarray(0, length)).indexOf('ignore')
  const { start, end } = originalRange(at, at + 6)
  expect(text.slice(start, end)).toBe('ＩＧＮ\u200bore')
  for (let from = 0; from < length; from++) {
    for (let to = from + 1; to <= length; to++) {
      const range = originalRange(from, to)
      expect(range.start).toBeLessThan(range.end)
      expect(range.end).toBeLessThanOrEqual(text.length)
    }
  }
})
