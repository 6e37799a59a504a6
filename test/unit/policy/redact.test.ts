import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { TextSegment } from '../../../src/llm/format.ts'
import {
  inOriginal,
  overlay,
  type Replacement,
  redactionsBySegment,
  redactPiece,
  redactSegments,
} from '../../../src/policy/redact.ts'
import type { Redaction } from '../../../src/policy/redaction.ts'
import { PLAIN } from '../../../src/policy/redaction.ts'

const segment = (text: string): TextSegment => ({ message: 0, role: 'user', kind: 'content', text, path: [] })
const redaction = (start: number, end: number, detector = 'pii/email'): Redaction => ({
  span: { segment: 0, start, end },
  detector,
  style: PLAIN,
})
const replacementsOf = (text: string, list: readonly Redaction[]): readonly Replacement[] =>
  redactionsBySegment([segment(text)], list).get(0) ?? []
const redacted = (text: string, ...list: Redaction[]): string =>
  redactSegments([segment(text)], redactionsBySegment([segment(text)], list))[0]!.text

describe('redaction', () => {
  test('puts the entity in the place of the text', () => {
    expect(redacted('write to a@b.c now', redaction(9, 14))).toBe('write to <EMAIL> now')
    expect(redacted('x', redaction(0, 1, 'us-ssn'))).toBe('<US_SSN>')
  })

  test('makes one of stretches that overlap, named by the first', () => {
    expect(redacted('0123456789', redaction(2, 5, 'a/one'), redaction(4, 8, 'a/two'))).toBe('01<ONE>89')
    expect(redacted('0123456789', redaction(2, 8, 'a/one'), redaction(3, 5, 'a/two'))).toBe('01<ONE>89')
    expect(redacted('0123456789', redaction(2, 5, 'a/one'), redaction(5, 8, 'a/two'))).toBe('01<ONE><TWO>89')
  })

  test('is named by the longest of those that begin at one place, whatever came first', () => {
    for (const list of [
      [redaction(2, 4, 'a/short'), redaction(2, 8, 'a/long')],
      [redaction(2, 8, 'a/long'), redaction(2, 4, 'a/short')],
    ]) {
      expect(redacted('0123456789', ...list)).toBe('01<LONG>89')
    }
  })

  test('goes into the segment that it names, in the syntax of that one', () => {
    const segments: TextSegment[] = [segment('plain'), { ...segment('json'), syntax: 'json' }]
    const second = { ...redaction(0, 4), span: { segment: 1, start: 0, end: 4 } }
    const named: unknown[] = []
    const found = redactionsBySegment(segments, [redaction(0, 5), second], (_, original, syntax) => {
      named.push([original, syntax])
      return 'x'
    })
    expect([...found.keys()]).toEqual([0, 1])
    expect(named).toEqual([
      ['plain', undefined],
      ['json', 'json'],
    ])
  })

  test('leaves segments without one as they are', () => {
    const segments = [segment('a'), segment('b')]
    const [first, second] = redactSegments(segments, redactionsBySegment(segments, [redaction(0, 1)]))
    expect(first?.text).toBe('<EMAIL>')
    expect(second).toBe(segments[1])
  })
})

const spans = fc.array(fc.tuple(fc.nat(40), fc.integer({ min: 1, max: 10 })), { maxLength: 6 })
const redactionsIn = (text: string, list: [number, number][]): Redaction[] =>
  list.flatMap(([start, length]) => {
    const end = Math.min(start + length, text.length)
    return start < end ? [redaction(start, end)] : []
  })

test('a text cut into pieces anywhere is redacted as the whole is', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 40 }), spans, fc.array(fc.nat(40)), (text, list, cuts) => {
      const redactions = redactionsIn(text, list)
      const replacements = replacementsOf(text, redactions)
      const places = [0, ...cuts.map(cut => Math.min(cut, text.length)), text.length].sort((a, b) => a - b)
      const pieces = places
        .slice(1)
        .map((to, i) => redactPiece(text.slice(places[i], to), places[i]!, replacements))
      expect(pieces.join('')).toBe(redacted(text, ...redactions))
    }),
  )
})

test('what is found in a redacted text names the same characters of the original', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 40 }), spans, spans, (text, first, second) => {
      const earlier = redactionsIn(text, first)
      const between = redacted(text, ...earlier)
      const later = redactionsIn(between, second)
      const replacements = replacementsOf(text, earlier)
      for (const one of later) {
        const { span } = inOriginal(one, replacements)
        const wanted = one.span
        expect(span.start).toBeLessThan(span.end)
        expect(span.end).toBeLessThanOrEqual(text.length)
        // All that the later one covers is gone, and no half of a placeholder stays.
        const rest = redactPiece(text.slice(0, span.start), 0, replacements)
        expect(rest.length).toBeLessThanOrEqual(wanted.start)
        const tail = redactPiece(text.slice(span.end), span.end, replacements)
        expect(tail.length).toBeLessThanOrEqual(between.length - wanted.end)
      }
    }),
  )
})

test('what is found in a piece of a redacted text names the same characters as in the whole', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 40 }), spans, fc.nat(40), (text, list, cut) => {
      const replacements = replacementsOf(text, redactionsIn(text, list))
      const from = Math.min(cut, text.length)
      const [before, piece] = [text.slice(0, from), text.slice(from)].map((part, index) =>
        redactPiece(part, index * from, replacements),
      )
      for (let at = 0; at < piece!.length; at++) {
        const inWhole = redaction(before!.length + at, before!.length + at + 1)
        expect(inOriginal(redaction(at, at + 1), replacements, from)).toEqual(
          inOriginal(inWhole, replacements),
        )
      }
    }),
  )
})

test('of two lists the weaker one keeps out of what the stronger one touches', () => {
  const stronger = [{ start: 2, end: 4, text: 'S' }]
  const weaker = [
    { start: 0, end: 2, text: 'a' },
    { start: 3, end: 6, text: 'b' },
    { start: 6, end: 8, text: 'c' },
  ]
  expect(overlay(stronger, weaker).map(({ text }) => text)).toEqual(['a', 'S', 'c'])
  expect(overlay(stronger, weaker, 5, 7).map(({ text }) => text)).toEqual(['c'])
  // What only touches the borders of the piece is not in it.
  expect(overlay([], weaker, 2, 6).map(({ text }) => text)).toEqual(['b'])
})
