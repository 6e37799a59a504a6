import { expect, test } from 'vitest'
import { occurrences, spansCoverMasks } from '../../../../src/guardrail/bedrock/spans.ts'

const piece = (text: string, start = 0, segment = 0) => ({ segment, start, role: 'user' as const, text })

test('a match is found wherever it stands, in the coordinates of its segment', () => {
  expect(occurrences('ab', [piece('xababx', 100, 3), piece('none'), piece('ab', 0, 4)])).toEqual([
    { segment: 3, start: 101, end: 103 },
    { segment: 3, start: 103, end: 105 },
    { segment: 4, start: 0, end: 2 },
  ])
  expect(occurrences('', [piece('any')])).toEqual([])
})

test.each<[string, readonly string[], readonly string[], boolean]>([
  ['the masks of what was found', ['hi Bob x'], ['hi {NAME} x'], true],
  ['more found than masked', ['Bob or Bob'], ['{NAME} or Bob'], true],
  ['all of a text', ['Bob'], ['{NAME}'], true],
  ['texts that nothing stands in', ['Bob', 'plain'], ['{NAME}', 'plain'], true],
  ['all texts in one', ['Bob a', 'b Bob'], ['{NAME} a b {NAME}'], true],
  ['another mask', ['hi Bob Eve'], ['hi {NAME} {NAME}'], false],
  ['another mask over what also stands before', ['aBoba'], ['a{NAME}{X}'], false],
  ['another mask in another text', ['Bob', 'Eve'], ['{NAME}', '{NAME}'], false],
  ['fewer texts than sent', ['Bob', 'plain'], ['{NAME}'], false],
  ['no text', ['hi Bob'], [], false],
])('%s', (_, texts, masked, expected) => {
  const pieces = texts.map((text, segment) => piece(text, 50, segment))
  expect(spansCoverMasks(pieces, occurrences('Bob', pieces), masked)).toBe(expected)
})

test('spans may touch and overlap', () => {
  const spans = [
    { segment: 0, start: 2, end: 6 },
    { segment: 0, start: 0, end: 4 },
    { segment: 0, start: 3, end: 4 },
  ]
  expect(spansCoverMasks([piece('abcdefgh')], spans, ['{X}gh'])).toBe(true)
  expect(spansCoverMasks([piece('abcdefgh')], spans, ['{X}h'])).toBe(false)
})
