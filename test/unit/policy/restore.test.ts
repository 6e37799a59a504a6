import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { redactPiece } from '../../../src/policy/redact.ts'
import { Restorer } from '../../../src/policy/restore.ts'

const ORIGINALS = new Map([
  ['<EMAIL_1>', 'a@b.c'],
  ['<EMAIL_12>', 'd@e.f'],
  ['<US_SSN_1>', 'say "no"'],
])
const restorer = new Restorer(ORIGINALS)
const restored = (text: string, syntax?: 'json'): string =>
  redactPiece(text, 0, restorer.find(text, 0, syntax))

describe('a placeholder', () => {
  test.each([
    ['is replaced by its original', 'write to <EMAIL_1> now', 'write to a@b.c now'],
    ['is told from a longer one', '<EMAIL_12><EMAIL_1>', 'd@e.fa@b.c'],
    ['that nobody made stays', '<EMAIL_2> <EMAIL> <b>', '<EMAIL_2> <EMAIL> <b>'],
    ['in other letters is none', '<email_1> <Email_1>', '<email_1> <Email_1>'],
    ['that is not complete stays', '<EMAIL_1', '<EMAIL_1'],
    ['after an open bracket is found', '1 < 2 <<EMAIL_1>', '1 < 2 <a@b.c'],
  ])('%s', (_, text, wanted) => {
    expect(restored(text)).toBe(wanted)
  })

  test('is escaped in JSON source, however the model escaped it', () => {
    for (const spelled of ['<US_SSN_1>', '\\u003cUS_SSN_1\\u003e', '\\u003CUS_SSN_1>']) {
      expect(JSON.parse(restored(`{"a":"${spelled}"}`, 'json'))).toEqual({ a: 'say "no"' })
    }
  })
})

const pieces = fc.array(
  fc.constantFrom(
    '<EMAIL_1>',
    '<EMAIL_12>',
    '<US_SSN_1>',
    '\\u003cEMAIL_1\\u003e',
    '<',
    '\\',
    '\\u00',
    'x',
    ' ',
    'EMAIL_',
  ),
  { maxLength: 12 },
)

test('a text that grows is restored as the whole is, and nothing is let go before', () => {
  fc.assert(
    fc.property(pieces, fc.array(fc.integer({ min: 1, max: 6 })), (words, lengths) => {
      const text = words.join('')
      const scan = restorer.open(undefined)
      const found = []
      let at = 0
      for (const length of [...lengths, text.length]) {
        const piece = text.slice(at, at + length)
        at += piece.length
        const before = scan.safeTo
        const fresh = scan.push(piece)
        for (const { start } of fresh) expect(start).toBeGreaterThanOrEqual(before)
        found.push(...fresh)
      }
      scan.end()
      expect(scan.safeTo).toBe(text.length)
      expect(redactPiece(text, 0, found)).toBe(restored(text))
    }),
  )
})

test('a beginning that cannot become one holds nothing back', () => {
  const scan = restorer.open(undefined)
  scan.push(`<${'A'.repeat(1000)}`)
  expect(scan.safeTo).toBe(1001)
})
