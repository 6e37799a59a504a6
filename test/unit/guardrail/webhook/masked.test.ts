import { expect, test } from 'vitest'
import { changedStretches, maskedFindings } from '../../../../src/guardrail/webhook/masked.ts'

const changed = (before: string, after: string) =>
  changedStretches(before, after).map(({ start, end }) => before.slice(start, end))

test.each<[string, string, string, readonly string[]]>([
  ['one word', 'call Bob now', 'call [NAME] now', ['Bob']],
  ['an address', 'mail a.b@c.example, ok', 'mail [EMAIL], ok', ['a.b@c.example']],
  ['a spaced number', 'card 4111 1111 1111 1111 end', 'card **** end', ['4111 1111 1111 1111']],
  ['two places', 'a@b.c and d@e.f', '[X] and [Y]', ['a@b.c', 'd@e.f']],
  ['inside of JSON', '{"to":"a@b.c","cc":"d@e.f"}', '{"to":"[X]","cc":"[Y]"}', ['a@b.c', 'd@e.f']],
  ['a part of a word', 'pass s3cret!', 'pass s3****!', ['s3cret']],
  ['all of it', 'my secret', '', ['my secret']],
  ['behind an emoji', '😀 Bob', '😀 [NAME]', ['Bob']],
  ['the end cut off', 'keep this drop that', 'keep this', ['drop that']],
  ['only put in', 'hello', 'hello [checked]', []],
  ['nothing', 'hello', 'hello', []],
])('%s', (_, before, after, expected) => {
  expect(changed(before, after)).toEqual(expected)
})

test('a change that is too large to align counts as one', () => {
  const words = (letter: string) =>
    Array.from({ length: 600 }, (_, index) => `${letter}${index}`).join(' same ')
  expect(changed(`keep ${words('a')} end`, `keep ${words('b')} end`)).toEqual([words('a')])
})

test('findings stand in their segments; a text without a place for its change has one without a span', () => {
  const piece = (text: string, segment: number, start: number) => ({
    segment,
    start,
    role: 'user' as const,
    text,
  })
  const batch = [piece('same', 0, 0), piece('call Bob', 2, 100), piece('hi', 3, 0)]
  expect(maskedFindings(batch, ['same', 'call X', 'hi there'])).toEqual([
    { detector: 'webhook', span: { segment: 2, start: 105, end: 108 } },
    { detector: 'webhook' },
  ])
})
