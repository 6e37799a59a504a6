import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { foldCase, keywords } from '../../../../src/guardrail/keywords/keywords.ts'
import { compileWords } from '../../../../src/guardrail/keywords/multi-search.ts'
import { evidence, findingsIn, input, output } from '../segments.ts'

function guardrail(words: readonly string[], config: object = {}) {
  return keywords.create('words', keywords.configSchema.parse({ kind: 'keywords', words, ...config }))
}

describe('keywords', () => {
  test.each<[string, readonly string[], string, readonly string[]]>([
    ['every occurrence', ['bad'], 'bad, not bad', ['bad', 'bad']],
    ['inside of a word', ['cat'], 'concatenate', ['cat']],
    ['whatever the case', ['Blocked-Phrase'], 'a BLOCKED-phrase', ['BLOCKED-phrase']],
    ['side by side', ['ab'], 'ababab', ['ab', 'ab', 'ab']],
    ['overlapping ones as one', ['abc', 'cde'], 'xabcdex', ['abcde']],
    ['an overlap with itself as one', ['aa'], 'aaaa', ['aaaa']],
    ['the longest of several', ['he', 'hers', 'she'], 'ushers', ['shers']],
    ['a word within a longer one that does not match', ['abcd', 'bc'], 'abcx', ['bc']],
    ['after an emoji', ['bad'], '😀bad', ['bad']],
    ['an emoji', ['💣'], 'a💣b', ['💣']],
    ['other scripts', ['запрет'], 'ЗАПРЕТ', ['ЗАПРЕТ']],
    ['after a letter that grows when lowered', ['bad'], 'İİİ BAD', ['BAD']],
    ['the dotted capital I', ['istanbul'], 'İstanbul', ['İstanbul']],
    ['a final sigma', ['οδος'], 'ΟΔΟΣ', ['ΟΔΟΣ']],
    ['no half of it', ['blocked'], 'block ed blocke', []],
    ['no empty text', ['a'], '', []],
  ])('%s', (_, words, text, expected) => {
    expect(evidence(guardrail(words), input(text))).toEqual(expected.map(found => `keyword: ${found}`))
  })

  test('case matters when told', () => {
    const guard = guardrail(['Bad', 'İ'], { case_sensitive: true })
    expect(evidence(guard, input('bad Bad İ i'))).toEqual(['keyword: Bad', 'keyword: İ'])
  })

  test('each segment has its own offsets, on either side', () => {
    const guard = guardrail(['bad'], { detector: 'house-rules' })
    expect(findingsIn(guard, input('ok', 'x bad'))).toEqual([
      { detector: 'house-rules', score: 1, span: { segment: 1, start: 2, end: 5 } },
    ])
    expect(evidence(guard, output('bad'))).toEqual(['house-rules: bad'])
    expect(guard.scan(input('ba', 'd'))).toEqual({ kind: 'clean' })
  })

  test('lowering keeps every offset', () => {
    for (let codePoint = 0; codePoint <= 0x10ffff; codePoint++) {
      const character = String.fromCodePoint(codePoint)
      if (foldCase(character).length !== character.length) expect.fail(`U+${codePoint.toString(16)}`)
    }
  })

  test('finds exactly the units that a search word by word would', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 40 })
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 6 }), text, (words, subject) => {
        const covered = new Set<number>()
        for (const w of words) {
          for (let at = subject.indexOf(w); at !== -1; at = subject.indexOf(w, at + 1)) {
            for (let i = at; i < at + w.length; i++) covered.add(i)
          }
        }
        const found = compileWords(words)(subject)
        const foundUnits = found.flatMap(({ start, end }) =>
          Array.from({ length: end - start }, (_, i) => start + i),
        )
        expect(foundUnits).toEqual([...covered].sort((a, b) => a - b))
      }),
    )
  })

  test('ten thousand words cost no more than one', () => {
    const words = Array.from({ length: 10_000 }, (_, i) => `${'a'.repeat(i % 50)}${i}`)
    const guard = guardrail(words)
    const started = performance.now()
    guard.scan(input('a'.repeat(64 * 1024)))
    // A search per word takes seconds here; the bound leaves room for a slow machine.
    expect(performance.now() - started).toBeLessThan(250)
  })

  test.each<[string, object]>([
    ['no words', { words: [] }],
    ['an empty word', { words: [''] }],
    ['no list', {}],
    ['a detector with a space', { words: ['a'], detector: 'a b' }],
    ['an unknown key', { words: ['a'], caseSensitive: true }],
  ])('%s is refused', (_, config) => {
    expect(keywords.configSchema.safeParse({ kind: 'keywords', ...config }).success).toBe(false)
  })
})
