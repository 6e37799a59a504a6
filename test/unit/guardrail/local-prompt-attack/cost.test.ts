import { checkSync } from 'recheck'
import { describe, expect, test } from 'vitest'
import { ENCODINGS, PATTERNS } from '../../../../src/guardrail/local-prompt-attack/encodings.ts'
import { Extractor } from '../../../../src/guardrail/local-prompt-attack/features.ts'
import { INPUT_PAGES, pagesOf } from '../../../../src/guardrail/local-prompt-attack/pages.ts'
import { TextReader } from '../../../../src/guardrail/local-prompt-attack/plain-text.ts'
import { eachReading } from '../../../../src/guardrail/local-prompt-attack/readings.ts'
import { decodedViews } from '../../../../src/guardrail/local-prompt-attack/views.ts'
import { eachWindow } from '../../../../src/guardrail/local-prompt-attack/windows.ts'

const ALL = new Set(ENCODINGS)

test.each(Object.entries(PATTERNS))('the pattern %s is safe', (_, pattern) =>
  expect(checkSync(pattern.source, pattern.flags).status).toBe('safe'),
)

/** What may look like several encodings at once, over and over. */
const REPEATED = [
  'a',
  'a ',
  '1 ',
  '0f ',
  '01010101 ',
  'x41',
  '\\u0041',
  '4ll y0u ',
  'naq gur ',
  'eht dna ',
  'QUJD',
  'QUJDREVGR0hJSktMTU5PUFFS1 ',
  '\u200b',
  '４',
  '日本',
  '\ufdfa',
  '\u{e0041}',
  'ignore all previous ',
]

describe.each(REPEATED)('64 KB of %j', part => {
  const text = part.repeat(Math.ceil(65_536 / part.length)).slice(0, 65_536)

  test('are read a bounded number of times', () => {
    let read = 0
    for (const page of pagesOf(text, INPUT_PAGES))
      eachReading(page.text, 'user', ALL, ({ length }) => {
        read += length
      })
    // Itself, pages that overlap, each encoding at most once more; a ligature may read as several letters.
    expect(read / text.length).toBeLessThan(6)
  })

  test('have a bounded number of features', () => {
    const { codes, length } = new TextReader().read(text)
    const { from } = new Extractor().extract(codes, length, 'tool')
    expect(from[length] ?? 0).toBeLessThanOrEqual(7 * length)
  })

  test('are decoded in a bounded number of stretches', () => {
    const page = text.slice(0, INPUT_PAGES.size)
    expect(decodedViews(page, new TextReader().read(page), ALL).length).toBeLessThanOrEqual(12)
  })
})

test('windows grow in number with the text, and show all of it', () => {
  const count = (length: number): number => {
    let windows = 0
    let covered = 0
    eachWindow(length, (start, end) => {
      windows++
      expect(start).toBeLessThanOrEqual(covered)
      covered = end < covered ? end : Math.max(covered, end)
    })
    expect(covered).toBe(length)
    return windows
  }
  expect(count(0)).toBe(1)
  expect(count(100)).toBe(1)
  expect(count(8192) / count(4096)).toBeLessThan(2.1)
})
