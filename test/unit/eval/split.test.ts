import { describe, expect, test } from 'vitest'
import { comparable, likeness, minHashes, place, sideOf } from '../../eval/split.ts'

const words = (from: number, count: number): string =>
  Array.from({ length: count }, (_, at) => `word${from + at}`).join(' ')
const item = (text: string, basis?: string) => ({
  source: 'test',
  text,
  ...(basis === undefined ? {} : { basis }),
})

describe('the split', () => {
  test('compares texts without case, width and signs', () => {
    expect(comparable('Ｉｇｎｏｒｅ,  ALL — rules!')).toEqual(['ignore', 'all', 'rules'])
  })

  test('takes each character of a script without spaces for a word', () => {
    expect(comparable('忽略 指令')).toEqual(['忽', '略', '指', '令'])
  })

  test('estimates how much two texts have in common', () => {
    const text = minHashes(words(0, 100))
    expect(likeness(text, text)).toBe(1)
    expect(likeness(text, minHashes(words(1000, 100)))).toBeLessThan(0.1)
    expect(likeness(text, minHashes(`${words(0, 95)} ${words(500, 5)}`))).toBeGreaterThan(0.6)
  })

  test('keeps near copies on one side, through others if need be', () => {
    for (let set = 0; set < 40; set++) {
      const from = set * 1000
      const chain = [0, 8, 16, 24].map(shift => item(words(from + shift, 80)))
      expect(new Set(place(chain).map(({ side }) => side)).size).toBe(1)
    }
  })

  test('keeps texts of one template on one side', () => {
    const filled = Array.from({ length: 30 }, (_, at) => item(`value ${at} of its own`, 'value of its own'))
    expect(new Set(place(filled).map(({ side }) => side)).size).toBe(1)
  })

  test('does not move a text when another joins that is not alike', () => {
    const texts = Array.from({ length: 50 }, (_, at) => item(words(at * 100, 20)))
    const before = place(texts)
    const after = place([...texts, item(words(90_000, 20))])
    expect(after.slice(0, 50)).toEqual(before)
  })

  test('takes a text once', () => {
    expect(place([item('the same words'), item('the same words')])).toHaveLength(1)
  })

  test('puts some 70 % on the side to tune on', () => {
    const sides = Array.from({ length: 2000 }, (_, at) => sideOf(String(at)))
    const share = sides.filter(side => side === 'tune').length / sides.length
    expect(share).toBeGreaterThan(0.66)
    expect(share).toBeLessThan(0.74)
  })
})
