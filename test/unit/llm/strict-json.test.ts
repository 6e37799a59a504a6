import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeRequestJson } from '../../../src/llm/strict-json.ts'

const decode = (text: string) => decodeRequestJson(new TextEncoder().encode(text))

describe('a request that every reader reads alike', () => {
  it.each([
    '{}',
    '[]',
    '{"messages":[{"role":"user","content":"a: \\"b\\": {c}"}]}',
    '{ "a" : { "a" : [ { "a" : ":" } ] } }',
    '{"tools":[{"function":{"parameters":{"properties":{"Content":{},"content":{}}}}}]}',
    '{"metadata":{"Role":"x"}}',
    '{"documents":[{"Title":"x"},{"data":{"Text":"x"}}]}',
    '{"messages":[{"content":[{"input":{"Text":"x"}}]}]}',
  ])('%s', text => {
    expect(decode(text)).toEqual({ kind: 'ok', value: JSON.parse(text) })
  })

  it('is any JSON that JSON.stringify writes, where keys are free', () => {
    fc.assert(
      fc.property(fc.jsonValue(), value => {
        // Objects as fast-check makes them may have a key that sets a prototype.
        const text = JSON.stringify({ metadata: { value: JSON.parse(JSON.stringify(value)) } })
        expect(decode(text).kind).toBe('ok')
      }),
    )
  })
})

describe('a request that readers may read differently is refused:', () => {
  it.each([
    ['a byte order mark', '\uFEFF{}'],
    ['a key twice', '{"messages":[],"messages":[1]}'],
    ['a key twice, once in escapes', '{"messages":[],"\\u006dessages":[1]}'],
    ['a key twice, far inside', '{"a":[{"b":{"c":1,"c":2}}]}'],
    ['a key twice, in free-form arguments', '{"arguments":{"c":1,"c":2}}'],
    ['a known key in another case', '{"Messages":[]}'],
    ['a known key in another case, inside', '{"messages":[{"role":"user","Content":"x"}]}'],
    ['a known key in another case, in a list of input', '{"input":[{"ROLE":"user"}]}'],
    ['a known key folded from other letters', '{"me\u017fsages":[]}'],
  ])('%s', (_, text) => {
    expect(decode(text)).toEqual({ kind: 'undecodable', reason: 'wrong-shape' })
  })

  it('what is no JSON at all', () => {
    expect(decode('{')).toEqual({ kind: 'undecodable', reason: 'not-json' })
    expect(decode('{} {}')).toEqual({ kind: 'undecodable', reason: 'not-json' })
  })
})
