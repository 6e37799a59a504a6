import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { localSecrets } from '../../../../src/guardrail/local-secrets/local-secrets.ts'
import { expectSameAtEveryCut, expectSameInPieces, findingsOfPieces } from '../cuts.ts'
import { ANSWER, findingsIn, output } from '../segments.ts'
import { checked, JWT, pem, random, TOKENS, TOLD } from './samples.ts'

const ALL = localSecrets.create('secrets', localSecrets.configSchema.parse({ kind: 'local-secrets' }))
const KEY = random(28, 'alnum')

describe('secrets in a stream', () => {
  test.each([...Object.entries(TOKENS)])('%s: the same wherever it is cut', (_, tokens) => {
    const text = `x ${tokens[0]}, and "${tokens[0]}" y`
    expectSameAtEveryCut(ALL, text)
    expect(findingsIn(ALL, output(text))).toHaveLength(2)
  })

  test.each([
    ...Object.values(TOLD).flatMap(cases => cases.map(([before, key]) => `x ${before}${key}; y`)),
    `a ${JWT}. b`,
    `a ${pem('PRIVATE KEY', '\n', 2)} b`,
    `a ${pem('RSA PRIVATE KEY', '\\n', 2)} b`,
    `${pem('EC PRIVATE KEY', '\n', 3).slice(0, 190)}\n\nProse goes on. And on.`,
    '-----BEGIN PRIVATE KEY----- is how a key begins',
    '-----BEGIN PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nno key',
    `api key: "${KEY}", token = ${checked('ghp_')} and password=Tr0ub4dor&3`,
    `token=secret=${KEY}; token=abc=def== x`,
    `https://${checked('ghp_')}:s3cr3tpw@github.com/x, https://oauth2:${checked('ghp_')}@github.com`,
    'postgres://app:gzo9rHXwm0lpKqh@db.example.com, https://example.com:80/x',
    `Authorization: Bearer ${KEY}\nAuthorization: Basic YWRtaW46Z1RHWTlZdU8ybm8h`,
    `a\u200b ${checked('ghp_').slice(0, 9)}\u200b${checked('ghp_').slice(9)} 😀 b`,
    `_${random(32, 'hex')}-us14_ ${(TOKENS.telegram ?? [])[0]}_`,
  ])('%#: the same wherever it is cut', text => expectSameAtEveryCut(ALL, text))

  const PARTS = [
    ...[
      'token',
      'password',
      'api_key',
      'Bearer ',
      'Basic ',
      '=',
      ':',
      '"',
      "'",
      '://',
      '@',
      ' ',
      '\n',
      '\\n',
      '\\',
      '-',
      '_',
      '.',
    ],
    ...[
      '-----BEGIN ',
      'PRIVATE KEY-----',
      '-----END ',
      'sk-',
      'ghp_',
      'eyJ',
      'AKIA',
      'SG.',
      ':AA',
      '-us1',
      '8Q~',
      'hvs.',
    ],
    ...[
      KEY,
      random(64, 'base64'),
      random(32, 'hex'),
      random(9, 'digits'),
      checked('ghp_'),
      JWT,
      'word',
      '\u200b',
      '😀',
      'ｓ',
      '钥',
    ],
  ] as const

  test('any text has the findings of the whole', () => {
    const texts = fc.array(fc.constantFrom(...PARTS), { maxLength: 16 })
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 40 }), (parts, size) => {
        expectSameInPieces(ALL, parts.join('').match(new RegExp(`.{1,${size}}`, 'gs')) ?? [])
      }),
      { numRuns: 1000 },
    )
  })

  test('prose goes on at once, but for its last word', () => {
    const scan = ALL.openScan?.(ANSWER)
    expect(scan?.push('Some words, and then more')).toEqual({ findings: [], safeTo: 21 })
    expect(scan?.push(' 你好世界')).toEqual({ findings: [], safeTo: 30 })
  })

  test('what no end comes for is held no further than its bound', () => {
    for (const [start, more, most] of [
      ['-----BEGIN PRIVATE KEY-----\n', `${random(64, 'base64')}\n`, 16_384 * 1.25],
      ['eyJhbGciOiJIUzI1NiJ9.eyJ', 'abcdefgh', 16_384 * 1.25],
      ['password=', 'aA1bcdef', 400],
      ['Authorization: Bearer ', 'aA1bcdef', 2048 * 1.25],
      ['sk-proj-', 'aA1bcdef', 300],
      ['x', 'aA1bcdef', 60],
    ] as const) {
      const scan = ALL.openScan?.(ANSWER)
      let length = 0
      let held = 0
      for (let i = 0; i < 4000 && length < 40_000; i++) {
        const piece = i === 0 ? start : more
        length += piece.length
        held = Math.max(held, length - (scan?.push(piece).safeTo ?? 0))
      }
      expect(held, start).toBeLessThan(most + 150)
    }
  })

  test('a key that was cut off ends with the text', () => {
    const text = pem('PRIVATE KEY', '\n', 6).slice(0, 300)
    expect(findingsOfPieces(ALL, text.match(/.{1,7}/gs) ?? []).map(({ span }) => span)).toEqual([
      { segment: 0, start: 0, end: 300 },
    ])
  })
})
