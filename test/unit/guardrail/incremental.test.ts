import { describe, expect, test, vi } from 'vitest'
import type { Finding, IncrementalScan, LocalGuardrail } from '../../../src/guardrail/guardrail.ts'
import { keywords } from '../../../src/guardrail/keywords/keywords.ts'
import type { Reader } from '../../../src/guardrail/local-pii/candidate.ts'
import { CONTEXT_UNITS } from '../../../src/guardrail/local-pii/candidate.ts'
import { openPiiScan } from '../../../src/guardrail/local-pii/incremental.ts'
import { localPii, readersOf } from '../../../src/guardrail/local-pii/local-pii.ts'
import { settleOverlaps } from '../../../src/guardrail/local-pii/overlaps.ts'
import { regex } from '../../../src/guardrail/regex/regex.ts'
import { ANSWER } from './segments.ts'

const PIECES = 10_000

const pii = localPii.create('pii', localPii.configSchema.parse({ kind: 'local-pii' }))

function words(...list: readonly string[]): LocalGuardrail {
  return keywords.create('words', keywords.configSchema.parse({ kind: 'keywords', words: list }))
}

function open(guardrail: LocalGuardrail): IncrementalScan {
  return guardrail.openScan?.(ANSWER) ?? expect.fail('no incremental scan')
}

/** After each piece: what of the text is still held back, then what was found. Last, what the end brought. */
function story(guardrail: LocalGuardrail, ...pieces: readonly string[]): readonly string[][] {
  const scan = open(guardrail)
  let text = ''
  const told = (findings: readonly Finding[]) =>
    findings.map(({ detector, span }) => `${detector}: ${text.slice(span?.start, span?.end)}`)
  const steps = pieces.map(piece => {
    text += piece
    const { findings, safeTo } = scan.push(piece)
    return [text.slice(safeTo), ...told(findings)]
  })
  const { findings, safeTo } = scan.end()
  expect(safeTo).toBe(text.length)
  return [...steps, told(findings)]
}

describe('local-pii', () => {
  test('an entity is found once nothing that follows can change it', () => {
    expect(story(pii, 'write to a', '@b.c', 'om', '. And')).toEqual([
      ['a'],
      ['a@b.c'],
      ['a@b.com'],
      ['And', 'pii/email: a@b.com'],
      [],
    ])
    expect(story(pii, 'pay 4111', ' 1111 1111', ' 1111', ' 123', ' now')).toEqual([
      ['4111'],
      ['4111 1111 1111'],
      ['4111 1111 1111 1111'],
      ['4111 1111 1111 1111 123'],
      ['now', 'pii/card: 4111 1111 1111 1111'],
      [],
    ])
    expect(story(pii, 'to DE89 3704 0044', ' 0532 0130 00', '!')).toEqual([
      ['DE89 3704 0044'],
      ['DE89 3704 0044 0532 0130 00'],
      ['', 'pii/iban: DE89 3704 0044 0532 0130 00'],
      [],
    ])
    expect(story(pii, 'it is 078-05-11', '20', ' ok')).toEqual([
      ['078-05-11'],
      ['078-05-1120'],
      ['ok', 'pii/us_ssn: 078-05-1120'],
      [],
    ])
  })

  test('the end of the text decides what was waited for', () => {
    for (const [text, found] of [
      ['a@b.co', 'pii/email: a@b.co'],
      ['4111111111111111', 'pii/card: 4111111111111111'],
      ['DE89370400440532013000', 'pii/iban: DE89370400440532013000'],
      ['078-05-1120', 'pii/us_ssn: 078-05-1120'],
      ['+49 30 901820', 'pii/phone: +49 30 901820'],
    ] as const) {
      expect(story(pii, text)).toEqual([[text], [found]])
    }
    expect(story(pii, 'a@b.co:', 'x', ' git@b.co:', '')).toEqual([
      ['a@b.co:'],
      ['x', 'pii/email: a@b.co'],
      ['git@b.co:'],
      ['git@b.co:'],
      ['pii/email: git@b.co'],
    ])
  })

  test('what follows undoes an entity', () => {
    expect(story(pii, '4111111111111111', 'b ')).toEqual([['4111111111111111'], [''], []])
    expect(story(pii, '078-05-1120', '-0 x')).toEqual([['078-05-1120'], ['x'], []])
    expect(story(pii, 'git@b.co:', 'team/repo ')).toEqual([['git@b.co:'], [''], []])
    // Mathematical A, whose first half says nothing yet.
    expect(story(pii, '078-05-1120\ud835', '\udc00 x')).toEqual([['078-05-1120\ud835'], ['x'], []])
  })

  test('words that name a number are released, and count all the same', () =>
    expect(story(pii, 'please call me ', 'at ', '2125551', '234, ', 'ok ')).toEqual([
      [''],
      [''],
      ['2125551'],
      ['', 'pii/phone: 2125551234'],
      [''],
      [],
    ]))

  test('a longer reading that is under way goes before a complete one', () =>
    expect(story(pii, 'ssn 078-05-1120', '@b.co', ' ')).toEqual([
      ['078-05-1120'],
      ['078-05-1120@b.co'],
      ['', 'pii/email: 078-05-1120@b.co'],
      [],
    ]))

  test('of readings as long and as sure as each other, that of the entity named first counts', () => {
    const sure = { detector: 'pii/email', score: 1, allowed: false }
    const early = { ...sure, start: 0, end: 4, rank: 1 }
    const late = { ...sure, start: 2, end: 6, rank: 0 }
    expect(settleOverlaps([early, late], 6)).toEqual({ kept: [late], undecided: [] })
    expect(settleOverlaps([early, late], 5)).toEqual({ kept: [], undecided: [late, early] })
  })

  test('prose waits for no more than its last word', () => {
    const prose =
      "In 2024, on May 3rd, 12 ships of the line (see page 7/8) sailed past; it's 3.5 km – or 2 miles – off. " +
      'Écoute: «à bientôt», said @someone at 10:30. 他说你好，世界。 😀 | 17 | 18 | x_1-y = a.b(c) '
    const scan = open(pii)
    let text = ''
    for (const unit of prose.repeat(3).split('')) {
      text += unit
      const held = text.slice(scan.push(unit).safeTo)
      expect(held.trim().split(/\s/).length, held).toBeLessThanOrEqual(/\d/.test(held) ? 4 : 1)
    }
    expect(scan.push(' ').safeTo).toBe(text.length + 1)
  })

  test.each([
    ['letters without a space', 'abcd', 64],
    ['a domain without an end', '@b.c', 66],
    ['digits', '1111', 64],
    ['digits and spaces', '41 1', 64],
    ['dashes', '----', 0],
    ['dots', '....', 0],
    ['parentheses', '(1)(', 50],
    ['a script without spaces', '他说你好', 0],
  ])('%s are held no longer than an entity can be', (_, piece, most) => {
    const scan = open(pii)
    let length = 0
    for (let i = 0; i < 200; i++) {
      length += piece.length
      const { safeTo } = scan.push(piece)
      expect(length - safeTo).toBeLessThanOrEqual(most)
    }
  })

  test.each([
    'word',
    'some words, ',
    'a@b.',
    `x@${'b'.repeat(254)} `,
    '1 1 ',
    '4111',
    '(1)-',
    'de89',
    'call',
    'ssn ',
    '+1-2',
    '....',
    'AB 12 ',
    '12 Main ',
    'Via Roma ',
    'ab:cd:',
    'a1',
    '1.2345, ',
    '12345678 is ',
    'http://a:',
  ])('ten thousand pieces of text full of %j cost no more than their length', content => {
    let unitsRead = 0
    let longestRead = 0
    const config = localPii.configSchema.parse({ kind: 'local-pii' })
    const readers = readersOf(config).map(
      (read): Reader =>
        (text, from, textEnd) => {
          unitsRead += text.length - from
          longestRead = Math.max(longestRead, text.length)
          return read(text, from, textEnd)
        },
    )
    const scan = openPiiScan(readers)
    const text = content.repeat((4 * PIECES) / content.length + 1)
    for (let i = 0; i < PIECES; i++) scan.push(text.slice(4 * i, 4 * i + 4))
    scan.end()
    // The longest of these entities with the unit that decides it, what may name it before it, and the piece.
    expect(longestRead).toBeLessThanOrEqual(321 + CONTEXT_UNITS + 4)
    // Numbers are read again as long as they may grow, everything else but once; a quadratic scan reads 20,000.
    expect(unitsRead / PIECES / readers.length).toBeLessThan(50)
  })
})

describe('keywords', () => {
  test('the start of the longest end that begins a word is held', () =>
    expect(story(words('blocked', 'locker'), 'a b', 'lo', 'cke', 'rs', ' block')).toEqual([
      ['b'],
      ['blo'],
      ['blocke'],
      ['', 'keyword: locker'],
      ['block'],
      [],
    ]))

  test('a word is found at its last unit, unless a longer one may follow', () => {
    expect(story(words('bad'), 'so ba', 'd')).toEqual([['ba'], ['', 'keyword: bad'], []])
    expect(story(words('bad', 'badly'), 'so bad', 'l', 'y')).toEqual([
      ['bad'],
      ['badl'],
      ['', 'keyword: badly'],
      [],
    ])
    expect(story(words('bad', 'badly'), 'so bad')).toEqual([['bad'], ['keyword: bad']])
    expect(story(words('bad', 'adobe'), 'bad', 'o', 'x')).toEqual([
      ['bad'],
      ['bado'],
      ['', 'keyword: bad'],
      [],
    ])
  })

  test('words that a longer one may swallow wait together', () =>
    expect(story(words('abcdefgh', 'bc', 'ef'), 'abcdef', 'g', 'x')).toEqual([
      ['abcdef'],
      ['abcdefg'],
      ['', 'keyword: bc', 'keyword: ef'],
      [],
    ]))

  test('half of a character waits for the other half', () => {
    expect(story(words('𐐨'), 'a\ud801', '\udc00')).toEqual([['\ud801'], ['', 'keyword: 𐐀'], []])
    expect(story(words('\ud801'), 'a\ud801')).toEqual([['\ud801'], ['keyword: \ud801']])
  })

  test('two blanks at the beginning of a piece hang on what is before them', () => {
    expect(story(words('a b'), 'a', '  b\u200b')).toEqual([['a'], ['', 'keyword: a  b'], []])
    expect(story(words('a b'), 'a', '  b')).toEqual([['a'], ['', 'keyword: a  b'], []])
  })

  test('offsets hold after a letter that grows when lowered', () =>
    expect(story(words('bad'), 'İİ', 'İ B', 'AD')).toEqual([[''], ['B'], ['', 'keyword: BAD'], []]))

  test('no unit is looked at more often than a few times', () => {
    const read = vi.spyOn(String.prototype, 'charCodeAt')
    try {
      const scan = open(words('aaaaaaaaab', 'aaab', 'ab'))
      read.mockClear()
      for (let i = 0; i < PIECES; i++) scan.push('aaaa')
      scan.end()
      // By the search, where a word may begin once more, and the last one of a piece to see whether it is half a character.
      expect(read.mock.calls.length).toBeLessThanOrEqual(PIECES * (2 * 4 + 1))
    } finally {
      read.mockRestore()
    }
  })
})

describe('the others', () => {
  test('a regular expression has no bound, so regex has no incremental scan', () => {
    const config = regex.configSchema.parse({ kind: 'regex', patterns: [{ name: 'x', pattern: 'a.*b' }] })
    expect(regex.create('regex', config).openScan).toBeUndefined()
  })
})
