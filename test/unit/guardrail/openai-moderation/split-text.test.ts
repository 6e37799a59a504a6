import { expect, test } from 'vitest'
import { splitText } from '../../../../src/guardrail/openai-moderation/split-text.ts'

test.each<[string, string, readonly string[]]>([
  ['short', 'abc', ['abc']],
  ['exactly as long', 'abcdefghij', ['abcdefghij']],
  ['empty', '', ['']],
  ['after a paragraph, before all else', 'aaaaa\n\nb. c d e f', ['aaaaa\n\n', 'b. c d e f']],
  ['after a paragraph of CRLF', 'aaaa\r\n\r\nb c d', ['aaaa\r\n\r\n', 'b c d']],
  ['after a sentence, before a space', 'aaaaa. b c d', ['aaaaa. ', 'b c d']],
  ['after a line', 'aaaaa\nb c d e', ['aaaaa\n', 'b c d e']],
  ['after a sentence without spaces', 'ああああああ。いいいいい', ['ああああああ。', 'いいいいい']],
  ['after a space', 'aaaaaaa bbbbbb', ['aaaaaaa ', 'bbbbbb']],
  ['not in its first half', 'aa bbbbbbbbbbbb', ['aa bbbbbbb', 'bbbbb']],
  ['between characters', 'abcdefghijklm', ['abcdefghij', 'klm']],
  ['never inside a surrogate pair', 'abcdefghi😀klm', ['abcdefghi', '😀klm']],
  ['before a lone surrogate', 'abcdefghi\ud83dklm', ['abcdefghi\ud83d', 'klm']],
])('%s', (_, text, pieces) => {
  expect(splitText(text, 10)).toEqual(pieces)
})

test('the pieces are the text, each within the limit and at least half of it', () => {
  const text = 'One two, three. Four\n\nfive 😀😀😀😀😀😀 sixseveneightnineteneleven。'.repeat(50)
  for (let max = 2; max < 60; max++) {
    const pieces = splitText(text, max)
    expect(pieces.join('')).toBe(text)
    expect(pieces.every(piece => piece.isWellFormed() && piece.length <= max)).toBe(true)
    expect(pieces.slice(0, -1).every(piece => piece.length >= max >> 1)).toBe(true)
  }
})
