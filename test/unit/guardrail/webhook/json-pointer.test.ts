import { expect, test } from 'vitest'
import { isPointer, valueAt } from '../../../../src/guardrail/webhook/json-pointer.ts'

const document = { foo: ['bar', { deep: null }], '': 0, 'a/b': 1, 'm~n': 8, '~1': 9, '0': 'zero' }

test.each<[string, unknown]>([
  ['', document],
  ['/foo', document.foo],
  ['/foo/0', 'bar'],
  ['/foo/1/deep', null],
  ['/', 0],
  ['/a~1b', 1],
  ['/m~0n', 8],
  ['/~01', 9],
  ['/0', 'zero'],
  ['/foo/00', undefined],
  ['/foo/-', undefined],
  ['/foo/2', undefined],
  ['/foo/length', undefined],
  ['/foo/1/deep/er', undefined],
  ['/toString', undefined],
  ['/__proto__', undefined],
])('%j', (pointer, value) => {
  expect(isPointer(pointer)).toBe(true)
  expect(valueAt(document, pointer)).toBe(value)
})

test.each(['foo', 'foo/', '/~', '/~2', '#/foo'])('%j is no pointer', pointer => {
  expect(isPointer(pointer)).toBe(false)
})
