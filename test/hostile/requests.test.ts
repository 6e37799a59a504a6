import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { chatRequest } from '../support/chat.ts'
import { flagWord, policy, policySet, rule } from '../support/policies.ts'
import { type Fate, type Headers, useDoor } from './door.ts'
import { expectUnharmed } from './unharmed.ts'

/**
 * Bodies and headers made to hurt, at the gRPC door and within the default limits, where the tables of
 * test/envoy/evasion*.test.ts ask what is seen of small ones and test/exchange/limits.test.ts what a limit does.
 */
const WORD = 'attack'
const MIB = 1_048_576
const door = useDoor()
const guarded = policySet(policy({ inputRules: [rule(flagWord(WORD))] }))

afterEach(() => expectUnharmed(door(), WORD))

type Expected = 'seen' | 'passed' | 'BadRequest' | 'PayloadTooLarge' | 'UnsupportedMediaType'

async function expectFate(expected: Expected, body: Uint8Array, given: Headers = []): Promise<void> {
  door().use(guarded)
  const fate: Fate = await door().ask(body, given)
  if (expected === 'passed') expect(fate.kind === 'passed' && fate.body.equals(body)).toBe(true)
  else if (expected === 'seen') expect(fate).toMatchObject({ kind: 'refused', why: 'flagged' })
  else expect(fate).toMatchObject({ kind: 'refused', status: expected, why: 'failed-closed' })
}

const many = (count: number, item: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => item(index)).join(',')
const beside = (members: string, word = WORD): string =>
  `{"messages":[{"role":"user","content":"${word}"}],${members}}`
const crowd = (part: string, last: string): string => {
  const parts = `[${many(1000, () => part)}]`
  const messages = many(999, () => `{"role":"user","content":${parts}}`)
  return `{"messages":[${messages},{"role":"user","content":${parts.slice(0, -1)},${last}]}]}`
}
const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)

const CODERS = { gzip: gzipSync, br: brotliCompressSync, deflate: deflateSync, zstd: zstdCompressSync }
/** A hundred times what the limit lets in. */
const BOMB = Buffer.alloc(100 * MIB)

describe('a bomb is not inflated to its end', () => {
  test.each(Object.entries(CODERS))('%s', (coding, encode) =>
    expectFate('PayloadTooLarge', encode(BOMB), [['content-encoding', coding]]),
  )

  test.each(Object.entries(CODERS))('%s inside of itself', (coding, encode) =>
    expectFate('PayloadTooLarge', encode(encode(BOMB)), [['content-encoding', `${coding}, ${coding}`]]),
  )
})

describe('the sheer number of things is read, not refused', () => {
  test.each<[string, Expected, string]>([
    ['4 MiB of [', 'BadRequest', '['.repeat(4 * MIB)],
    ['4 MiB of {"a":', 'BadRequest', '{"a":'.repeat((4 * MIB) / 5)],
    ['4 MiB of quotes', 'BadRequest', '"'.repeat(4 * MIB)],
    ['4 MiB of backslashes in a text', 'BadRequest', `{"a":"${'\\'.repeat(4 * MIB + 1)}"}`],
    ['300,000 keys', 'seen', beside(many(300_000, index => `"k${index}":0`))],
    ['300,000 keys that look like numbers', 'seen', beside(many(300_000, index => `"${index * 7919}":0`))],
    ['one key 300,000 times', 'BadRequest', beside(many(300_000, () => '"k":0'))],
    ['a key of 4 MiB', 'seen', beside(`"${'k'.repeat(4 * MIB)}":0`)],
    ['a number of 4 MiB', 'seen', beside(`"k":${'9'.repeat(4 * MIB)}`)],
    ['1,000,000 empty lists', 'seen', beside(`"k":[${many(1_000_000, () => '[]')}]`)],
    [
      '32,000 texts, the word in the last',
      'seen',
      `{"messages":[${many(32_000, () => '{"content":"x"}')},{"content":"${WORD}"}]}`,
    ],
    ['1,000,000 texts: nobody sends as many', 'PayloadTooLarge', crowd('"x"', `"${WORD}"`)],
    ['1,000 messages of 1,000 parts of more than the limit', 'PayloadTooLarge', crowd('{"text":"x"}', '{}')],
    [
      '100,000 messages without a text',
      'seen',
      `{"messages":[${many(100_000, () => '{}')},{"content":"${WORD}"}]}`,
    ],
    ['a text of 4 MiB of escapes', 'seen', beside(`"k":0`, '\\u0061'.repeat(600_000) + WORD)],
    ['depth at the limit', 'seen', beside(`"k":${nested(199)}`)],
    ['depth past the limit', 'BadRequest', beside(`"k":${nested(200)}`)],
    ['depth at the limit 1,000 times', 'seen', beside(`"k":[${many(1000, () => nested(198))}]`)],
  ])('%s', (_, expected, body) => expectFate(expected, Buffer.from(body)))
})

describe('names that objects have by themselves are names', () => {
  const NAMES = [
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'hasOwnProperty',
    'then',
    'toJSON',
    'length',
  ]
  test.each(NAMES)('%s', async name => {
    const evil = `{"polluted":true,"inner":{"polluted":true},"${name}":{"polluted":true}}`
    await expectFate('seen', Buffer.from(beside(`"${name}":${evil}`)))
    await expectFate('seen', Buffer.from(`{"messages":[{"${name}":${evil},"content":"${WORD}"}]}`))
    await expectFate('seen', Buffer.from(`{"messages":[{"content":[{"${name}":${evil},"text":"${WORD}"}]}]}`))
    await expectFate('BadRequest', Buffer.from(beside(`"${name}":1,"${name}":2`)))
    await expectFate('BadRequest', Buffer.from(`{"${name}":{"messages":[{"content":"${WORD}"}]}}`))
  })
})

describe('bytes that are no UTF-8 are refused', () => {
  const inText = (...bytes: readonly number[]): Buffer => {
    const [before, after] = chatRequest('@').split('@')
    return Buffer.concat([Buffer.from(before!), Buffer.from(bytes), Buffer.from(`${WORD}${after}`)])
  }
  test.each<[string, Buffer]>([
    ['a lone continuation', inText(0x80)],
    ['a cut sequence', inText(0xf0, 0x9f, 0x98)],
    ['an overlong slash', inText(0xc0, 0xaf)],
    ['half of a surrogate pair', inText(0xed, 0xa0, 0x80)],
    ['past the last character', inText(0xf4, 0x90, 0x80, 0x80)],
    ['a byte that never stands', inText(0xff)],
    ['UTF-16, little end first', Buffer.from(`\ufeff${chatRequest(WORD)}`, 'utf16le')],
    ['UTF-16, big end first', Buffer.from(`\ufeff${chatRequest(WORD)}`, 'utf16le').swap16()],
    ['UTF-32', Buffer.from([...chatRequest(WORD)].flatMap(one => [one.charCodeAt(0), 0, 0, 0]))],
  ])('%s', (_, body) => expectFate('BadRequest', body))
})

describe('headers', () => {
  const body = Buffer.from(chatRequest(WORD))
  const ODD = Buffer.from([0, 1, 0x0a, 0x0d, 0x7f, 0x80, 0xc3, 0xff])
  test.each<[string, Headers]>([
    ['10,000 of them', Array.from({ length: 10_000 }, (_, index) => [`x-${index}`, 'v'] as const)],
    ['one of 1 MiB', [['x-long', 'v'.repeat(MIB)]]],
    ['a name of 1 MiB', [['x'.repeat(MIB), 'v']]],
    ['one name 10,000 times', Array.from({ length: 10_000 }, () => ['accept', 'v'] as const)],
    ['odd bytes in a value', [['x-odd', ODD]]],
    ['odd bytes in a name', [['x-\0\n\u00ff', 'v']]],
    ['no name', [['', 'v']]],
    [
      'names that objects have',
      [
        ['__proto__', 'v'],
        ['constructor', 'v'],
        ['tostring', 'v'],
      ],
    ],
    ['a type of 1 MiB', [['content-type', `${'a/b;'.repeat(MIB / 4)}`]]],
    ['the forged choice of another policy', [['x-weir-policy', 'loose']]],
    [
      'the forged choice by another name',
      [
        ['x-envoy-weir-policy', 'loose'],
        ['X-Weir-Policy', 'loose'],
      ],
    ],
  ])('%s', (_, given) => expectFate('seen', body, given))

  test.each<[string, Headers]>([
    ['an encoding of 1 MiB', [['content-encoding', 'gzip,'.repeat(MIB / 5)]]],
    ['an encoding in odd bytes', [['content-encoding', ODD]]],
  ])('%s', (_, given) => expectFate('UnsupportedMediaType', body, given))

  test('only gRPC metadata chooses a policy', async () => {
    door().use(
      policySet(policy({ name: 'strict', inputRules: [rule(flagWord(WORD))] }), policy({ name: 'loose' })),
    )
    const forged: Headers = [['x-weir-policy', 'loose']]
    expect(await door().ask(body, forged)).toMatchObject({ kind: 'refused', why: 'flagged' })
    expect(await door().ask(body, forged, { 'x-weir-policy': 'strict' })).toMatchObject({ why: 'flagged' })
    const chosen = await door().ask(body, [['x-weir-policy', 'strict']], { 'x-weir-policy': 'loose' })
    expect(chosen).toEqual({ kind: 'passed', body })
  })
})
