import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { foldCase } from '../../../../src/guardrail/keywords/fold-case.ts'
import { keywords } from '../../../../src/guardrail/keywords/keywords.ts'
import { compileWords } from '../../../../src/guardrail/keywords/multi-search.ts'
import { cpuMsOf } from '../../../support/cpu-time.ts'
import { ANSWER, evidence, findingsIn, input, output } from '../segments.ts'

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

  const base64 = (text: string) => Buffer.from(text).toString('base64')

  test.each<[string, readonly string[], string, readonly string[]]>([
    ['zero-width characters', ['bad'], 'a b\u200ba\u2060d.', ['b\u200ba\u2060d']],
    ['controls', ['bad'], 'b\u0000ad', ['b\u0000ad']],
    ['full-width', ['bad'], 'ＢＡＤ', ['ＢＡＤ']],
    ['mathematical letters', ['bad'], '𝐛𝐚𝐝', ['𝐛𝐚𝐝']],
    ['ligatures', ['file'], 'ﬁles', ['ﬁle']],
    ['a ligature that two words share', ['af', 'ib'], 'aﬁb', ['aﬁb']],
    ['look-alikes', ['password'], 'pаsswоrd РASSWORD', ['pаsswоrd', 'РASSWORD']],
    ['Latin letters in a Cyrillic word', ['запрет'], 'зaпpет', ['зaпpет']],
    ['struck out', ['bad'], 'b\u0336a\u0336d', ['b\u0336a\u0336d']],
    ['white space', ['a phrase'], 'a\u00a0phrase a \n phrase', ['a\u00a0phrase', 'a \n phrase']],
    ['quotes', ["don't"], 'don’t', ['don’t']],
    ['an accent apart from its letter', ['café'], 'cafe\u0301', ['cafe\u0301']],
    ['not a letter with an accent', ['ano'], 'año an\u0303o', []],
    ['not a word of another alphabet', ['bot'], 'вот работа', []],
    ['not the Latin word for a Cyrillic one', ['сор'], 'cop', []],
    ['not letters for a sign', ['™', '²'], 'atm 2', []],
    ['no base64 unless told', ['bad'], base64('all bad things'), []],
  ])('in disguise: %s', (_, words, text, expected) => {
    expect(evidence(guardrail(words), input(text))).toEqual(expected.map(found => `keyword: ${found}`))
  })

  test('in base64 when told, once and not too much of it', () => {
    const guard = guardrail(['bad'], { decode_base64: true })
    const run = base64('all b\u200bad things')
    expect(evidence(guard, input(`see ${run}.`))).toEqual([`keyword: ${run}`])
    expect(evidence(guard, input(`/x${run}`))).toEqual([`keyword: /x${run}`])
    expect(guard.scan(input(base64(run)))).toEqual({ kind: 'clean' })
    expect(guard.scan(input(base64('bad')))).toEqual({ kind: 'clean' })
    expect(guard.scan(input('internationalization/and/many_others'))).toEqual({ kind: 'clean' })
    expect(guard.scan(input(`${base64('x'.repeat(65_536))} ${run}`))).toEqual({ kind: 'clean' })
  })

  test('a stream does not wait for base64 that is no text', () => {
    const open = guardrail(['bad'], { decode_base64: true }).openScan?.(ANSWER) ?? expect.fail('no stream')
    const image = Buffer.from(Array.from({ length: 90 }, (_, i) => (i * 151) % 256)).toString('base64')
    expect(open.push('see YWxsIGJhZ').safeTo).toBe(4)
    expect(open.push(`. ${image}`).safeTo).toBe(15 + image.length)
  })

  test.each<[string, string]>([
    ['hidden characters', 'ba\u200b'],
    ['look-alikes', 'bа'],
    ['base64', 'YmFk'],
    ['marks', 'b\u0301'],
  ])('64 KB of %s end in time, whole or unit by unit', (_, piece) => {
    const guard = guardrail(['bad', 'bé b'], { decode_base64: true })
    const text = piece.repeat(Math.ceil(65_536 / piece.length))
    const took = cpuMsOf(() => {
      guard.scan(input(text))
      const open = guard.openScan?.(ANSWER)
      for (const unit of text.split('')) open?.push(unit)
    })
    // Some tens of milliseconds when measured; quadratic work takes many seconds.
    expect(took).toBeLessThan(1500)
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
    // A search per word takes seconds here; the bound leaves room for a slow machine.
    expect(cpuMsOf(() => guard.scan(input('a'.repeat(64 * 1024))))).toBeLessThan(250)
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
