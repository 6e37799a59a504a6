import { describe, expect, it } from 'vitest'
import { foldHelp, foldLine } from '../../../src/cli/fold.ts'

describe('foldLine', () => {
  it('breaks between words, the rest behind the indent', () => {
    expect(foldLine('12:00 denied chat: one two three', 14, 6)).toBe(
      '12:00 denied\n      chat:\n      one two\n      three',
    )
  })

  it('leaves what fits, and what no terminal shows', () => {
    expect(foldLine('one two three', 13, 2)).toBe('one two three')
    expect(foldLine('one two three', undefined, 2)).toBe('one two three')
  })

  it('counts no style, and lets one span a break', () => {
    const styled = '\u001b[31mdenied\u001b[39m \u001b[2mone two\u001b[22m'
    expect(foldLine(styled, 14, 0)).toBe(styled)
    expect(foldLine(styled, 10, 1)).toBe('\u001b[31mdenied\u001b[39m \u001b[2mone\n two\u001b[22m')
  })

  it('drops the blanks of a column at a break, and leaves a word that is wider whole', () => {
    expect(foldLine('a      bbbb', 6, 1)).toBe('a\n bbbb')
    expect(foldLine('    wider-than-it', 6, 2)).toBe('    wider-than-it')
  })
})

it('foldHelp fills paragraphs, and lets the text of an option go on under itself', () => {
  const words = (count: number): string => Array.from({ length: count }, () => 'word').join(' ')
  const help = `Usage: weir it\n\n${words(12)}\n${words(6)}\n\n  an example\n\nOptions:\n  --name X  ${words(14)}\n            more\n  --next Y  text\n`
  expect(foldHelp(help)).toBe(
    `Usage: weir it\n\n${words(16)}\n${words(2)}\n\n  an example\n\nOptions:\n  --name X  ${words(13)}\n            word more\n  --next Y  text\n`,
  )
})
