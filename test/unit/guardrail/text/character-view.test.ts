import { describe, expect, test } from 'vitest'
import { UNDISGUISED } from '../../../../src/guardrail/local-pii/disguise.ts'
import { openOffsetMap } from '../../../../src/guardrail/text/offset-map.ts'
import { PLAIN_VIEW } from '../../../../src/guardrail/text/plain-view.ts'

const read = (view: typeof PLAIN_VIEW, text: string): string => view.read(text, 0, openOffsetMap())

describe.each([
  ['the plain view', PLAIN_VIEW],
  ['the view of entities', UNDISGUISED],
])('%s', (_, view) => {
  test.each([
    ['hidden characters', 'se\u200bcr\u00adet', 'secret'],
    ['loose marks', 'se\u0301cr\u20ddet', 'secret'],
    ['marks that enclose a letter', 'se\u0488cr\u0489et', 'secret'],
    ['full-width and mathematical characters', '\uff53e\u{1d41c}ret', 'secret'],
    ['tags', 's\u{e0065}cret', 'secret'],
  ])('sees through %s', (_name, text, plain) => {
    expect(view.changes(text)).toBe(true)
    expect(read(view, text)).toBe(plain)
  })

  test.each(['secret, 4111\n', 'Привет', '密码是秘密', 'x² + ①'])('leaves %j as it is', text => {
    expect(read(view, text)).toBe(text)
  })

  test('knows where each unit of it comes from', () => {
    const map = openOffsetMap()
    const changes: (readonly [number, number])[] = []
    const text = view.read('a\u200bb\u{1d7d9}c', 10, map, (at, units) => changes.push([at, units]))
    expect(text).toBe('ab1c')
    expect([...text].map((_unit, at) => [map.startOf(at), map.endOf(at)])).toEqual([
      [10, 11],
      [12, 13],
      [13, 15],
      [15, 16],
    ])
    expect(changes).toEqual([
      [1, 0],
      [2, 1],
    ])
  })
})

test('only entities take odd spaces and dashes for the plain ones, one for one', () => {
  expect(read(UNDISGUISED, '4111\u00a0\u2011\u30002222')).toBe('4111 - 2222')
  expect(read(PLAIN_VIEW, '4111\u00a0\u20112222')).toBe('4111\u00a0\u20112222')
})

test('only addresses take every full stop for the plain one', () => {
  expect(read(PLAIN_VIEW, 'example\u3002com')).toBe('example.com')
  expect(read(UNDISGUISED, 'example\u3002com')).toBe('example\u3002com')
})
