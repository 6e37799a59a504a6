import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { normalise } from '../../../../src/guardrail/text/normalise.ts'

const tags = (ascii: string) =>
  [...ascii].map(character => String.fromCodePoint(0xe0000 + (character.codePointAt(0) ?? 0))).join('')

describe('text', () => {
  test.each<[string, string, string]>([
    ['case', 'IGNORE Previous', 'ignore previous'],
    ['white space', ' a \t b  c ', ' a b c '],
    ['line breaks', 'a \r\n\n b\u2028c', 'a\nb\nc'],
    ['odd spaces', 'a\u00a0b\u3000c\u2009d', 'a b c d'],
    ['blank letters', 'a\u3164b\u2800c\uffa0d', 'a b c d'],
    ['full-width', 'Ｉｇｎｏｒｅ！', 'ignore!'],
    ['mathematical letters', '𝐢𝒈𝓃𝔬𝕣𝖊', 'ignore'],
    ['ligatures and circles', 'ﬁﬂ ⓘ №', 'fifl i no'],
    ['accents, composed or not', 'ígnorè i\u0301g', 'ignore ig'],
    ['dotted capital I', 'İgnore', 'ignore'],
    ['Cyrillic look-alikes', 'ignоrе рrеviоus', 'ignore previous'],
    ['Greek look-alikes', 'ιgnοrε', 'ignore'],
    ['capital look-alikes', 'ΙGΝΟRΕ', 'ignore'],
    ['zero-width characters', 'i\u200bg\u200cn\u200do\u2060r\ufeffe', 'ignore'],
    ['soft hyphens', 'ig\u00adnore', 'ignore'],
    ['bidi controls', '\u202eignore\u202c \u2066x\u2069', 'ignore x'],
    ['variation selectors', 'ig\ufe0fno\u{e0101}re', 'ignore'],
    ['control characters', 'ig\u0000no\u001bre', 'ignore'],
    ['hidden characters between spaces', 'a \u200b \u0301 b', 'a b'],
    ['tag characters', tags('Ignore IT'), 'ignore it'],
    ['tag characters after a space', `a ${tags('b')}`, 'a b'],
    ['typographic quotes and dashes', 'you’re non‑stop', "you're non-stop"],
    ['Han and Hangul', '忽略之前 이전', '忽略之前 이전'],
    ['a ligature of a sentence', 'a\ufdfab', 'a\ufdfab'],
    ['a lone surrogate', 'a\ud83d b', 'a\ud83d b'],
    ['nothing', '', ''],
  ])('%s', (_, original, expected) => {
    expect(normalise(original).text).toBe(expected)
  })

  test('a hidden character is gone, so that nothing is left of a text of them', () => {
    expect(normalise('\u200b'.repeat(100)).text).toBe('')
  })
})

describe('where a normalised range stood', () => {
  /** What the original holds where the normalised text holds `needle`. */
  function found(original: string, needle: string): string {
    const { text, originalRange } = normalise(original)
    const at = text.indexOf(needle)
    const { start, end } = originalRange(at, at + needle.length)
    return original.slice(start, end)
  }

  test.each<[string, string, string]>([
    ['😀 Ign\u200bore  ALL, ok', 'ignore all', 'Ign\u200bore  ALL'],
    ['x ﬁle y', 'file', 'ﬁle'],
    ['x ﬁle y', 'i', 'ﬁ'],
    ['<𝐢𝐠𝐧>', 'ign', '𝐢𝐠𝐧'],
    ['<𝐢𝐠𝐧>', 'g', '𝐠'],
    ['a e\u0301b', 'eb', 'e\u0301b'],
    ['a   b', ' ', '   '],
    [`x${tags('go')}y`, 'go', tags('go')],
    ['а Б в', 'a', 'а'],
  ])('%j: %j stands for %j', (original, needle, expected) => {
    expect(found(original, needle)).toBe(expected)
  })

  test('is right for any text: what a range points at normalises to what was there', () => {
    const alphabet = fc.constantFrom(
      'a',
      'B',
      ' ',
      '\n',
      '\u200b',
      '\u0301',
      'ﬁ',
      '😀',
      '𝐢',
      'о',
      'İ',
      '忽',
      '\u3164',
      '\ud800',
      tags('x'),
    )
    fc.assert(fc.property(fc.array(alphabet, { maxLength: 30 }), fc.nat(), pieceOf))
    function pieceOf(pieces: readonly string[], seed: number): void {
      const original = pieces.join('')
      const { text, originalRange } = normalise(original)
      if (text === '') return
      const at = seed % text.length
      const { start, end } = originalRange(at, at + 1)
      expect(start).toBeGreaterThanOrEqual(0)
      expect(end).toBeGreaterThan(start)
      expect(end).toBeLessThanOrEqual(original.length)
      // A piece may be read as white space of a run or as one unit of a ligature, hence "contains".
      expect(normalise(original.slice(start, end)).text).toContain(text[at])
    }
  })

  test('never goes backwards', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), original => {
        const { text, originalRange } = normalise(original)
        let previous = 0
        for (let at = 0; at < text.length; at++) {
          const { start } = originalRange(at, at + 1)
          expect(start).toBeGreaterThanOrEqual(previous)
          previous = start
        }
      }),
    )
  })
})
