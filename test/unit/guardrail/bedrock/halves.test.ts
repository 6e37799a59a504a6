import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { halvesOf } from '../../../../src/guardrail/halves.ts'
import type { Piece } from '../../../../src/guardrail/pieces.ts'

const piece = (text: string, segment = 0, start = 0): Piece => ({ segment, start, role: 'user', text })
const lengths = (halves: readonly (readonly Piece[])[]) =>
  halves.map(half => half.reduce((sum, { text }) => sum + text.length, 0))

describe('halves', () => {
  test('of a short batch are none', () => {
    expect(halvesOf([piece('x'.repeat(1000))])).toEqual([])
    expect(halvesOf([])).toEqual([])
  })

  test('part between two texts where one ends near the middle', () => {
    const batch = [900, 200, 1000].map((chars, at) => piece('x'.repeat(chars), at))
    expect(halvesOf(batch)).toEqual([batch.slice(0, 2), batch.slice(2)])
    expect(halvesOf([...batch].reverse())).toEqual([[batch[2]], [batch[1], batch[0]]])
  })

  test('part inside of a long text at a boundary, and overlap there', () => {
    const text = `${'one two. '.repeat(200)}`
    const [first, second] = halvesOf([piece('short', 3), piece(text, 4, 70)])
    expect(first?.map(({ segment, start }) => [segment, start])).toEqual([
      [3, 0],
      [4, 70],
    ])
    const cut = first?.[1]?.text.length ?? 0
    expect(text.slice(0, cut)).toMatch(/\. $/)
    expect(second).toEqual([{ ...piece(text.slice(cut - 200)), segment: 4, start: 70 + cut - 200 }])
  })

  test('that are blank are left out', () => {
    expect(halvesOf([piece(`word${' '.repeat(3000)}`)])).toHaveLength(1)
    expect(halvesOf([piece(' '.repeat(3000))])).toEqual([])
  })

  test('hold all of the text, where it stands, and are shorter', () => {
    const word = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.nat(900).map(chars => 'x'.repeat(chars)),
      fc.nat(400).map(count => '😀 '.repeat(count)),
    )
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 8 }), words => {
        const batch = words.map((text, segment) => piece(text, segment, 5))
        const total = lengths([batch])[0] ?? 0
        const halves = halvesOf(batch)
        expect(halves.length).toBeLessThanOrEqual(total <= 1000 ? 0 : 2)
        if (total <= 1000) return
        for (const chars of lengths(halves)) expect(chars).toBeLessThan(total)
        const covered = words.map(text => new Set<number>(Array.from(text, () => -1)))
        for (const { segment, start, text } of halves.flat()) {
          expect(words[segment]?.slice(start - 5, start - 5 + text.length)).toBe(text)
          for (let at = 0; at < text.length; at++) covered[segment]?.add(start - 5 + at)
        }
        for (const [segment, text] of words.entries()) {
          const missing = Array.from({ length: text.length }, (_, at) => at).filter(
            at => !covered[segment]?.has(at),
          )
          expect(
            missing
              .map(at => text[at])
              .join('')
              .trim(),
          ).toBe('')
        }
      }),
      { numRuns: 300 },
    )
  })

  test('never part the halves of a surrogate pair', () => {
    for (const text of ['😀'.repeat(2000), `x${'😀'.repeat(2000)}`]) {
      for (const { text: half } of halvesOf([piece(text)]).flat()) expect(half.isWellFormed()).toBe(true)
    }
  })
})
