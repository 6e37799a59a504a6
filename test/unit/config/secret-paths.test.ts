import { describe, expect, it } from 'vitest'
import { isSecret, mapSecrets, textsIn } from '../../../src/config/secret-paths.ts'

const PATTERNS = ['api_key', 'headers.*', 'a.b.c']
const BLOCK = {
  kind: 'webhook',
  api_key: 'one',
  headers: { 'x-key': 'two', deeper: { api_key: 'no' } },
  params: { api_key: 'not looked into' },
  a: { b: { c: 'three', d: 'four' }, c: 5 },
  list: ['six'],
}

describe('looking for the texts of a block of config', () => {
  it('finds what stands in the block itself and where a pattern leads, and says which is secret', () => {
    expect(textsIn(BLOCK, PATTERNS).map(({ path, text, is }) => `${path.join('.')} ${text} ${is}`)).toEqual([
      'kind webhook plain',
      'api_key one secret',
      'headers.x-key two secret',
      'a.b.c three secret',
      'a.b.d four plain',
    ])
  })

  it.each([['text'], [undefined], [null], [['api_key']], [7]])('finds nothing in %j', block => {
    expect(textsIn(block, PATTERNS)).toEqual([])
  })
})

describe('masking a block of config', () => {
  it('replaces what stands at secret places, whatever it is, and nothing else', () => {
    expect(mapSecrets(BLOCK, PATTERNS, path => `<${path.join('.')}>`)).toEqual({
      ...BLOCK,
      api_key: '<api_key>',
      headers: { 'x-key': '<headers.x-key>', deeper: '<headers.deeper>' },
      a: { b: { c: '<a.b.c>', d: 'four' }, c: 5 },
    })
    expect(BLOCK.api_key).toBe('one')
  })
})

describe('which places are secret', () => {
  it.each<[string, boolean]>([
    ['api_key', true],
    ['headers', false],
    ['headers.x', true],
    ['headers.x.y', false],
    ['params.api_key', false],
    ['a.b', false],
  ])('%s: %s', (path, expected) => {
    expect(isSecret(path.split('.'), PATTERNS)).toBe(expected)
  })
})
