import { describe, expect, test } from 'vitest'
import { localPii } from '../../../../src/guardrail/local-pii/local-pii.ts'
import { cpuMsOf } from '../../../support/cpu-time.ts'
import { evidence, findingsIn, input, output } from '../segments.ts'

function guardrail(config: object = {}) {
  return localPii.create('pii', localPii.configSchema.parse({ kind: 'local-pii', ...config }))
}

const ALL = guardrail()

/** `[text, what of it is found]`; the found ones without their detector. */
type Hits = readonly (readonly [text: string, ...found: string[]])[]

function expectHits(detector: string, hits: Hits): void {
  for (const [text, ...found] of hits) {
    expect(evidence(ALL, input(text)), text).toEqual(found.map(entity => `${detector}: ${entity}`))
  }
}

function expectNone(texts: readonly string[]): void {
  for (const text of texts) expect(evidence(ALL, input(text)), text).toEqual([])
}

describe('pii/email', () => {
  test('addresses, without the sentence around them', () =>
    expectHits('pii/email', [
      ['a@b.co', 'a@b.co'],
      ['Write to jane.doe+x@mail.example.com.', 'jane.doe+x@mail.example.com'],
      ['<müller@example.de>', 'müller@example.de'],
      ['mailto:x@y.io?subject=1', 'x@y.io'],
      ["'o'brien@example.com'", "o'brien@example.com"],
      ['我的邮箱是foo@example.com吗', 'foo@example.com'],
      ['😀 a@b.co, c@d.org', 'a@b.co', 'c@d.org'],
      ['почта@пример.рф', 'почта@пример.рф'],
      ['user@xn--mnchen-3ya.xn--p1ai', 'user@xn--mnchen-3ya.xn--p1ai'],
      ['{"email":"a_b@c-d.co.uk"}', 'a_b@c-d.co.uk'],
      ['see a@b.com...', 'a@b.com'],
      ['a@b.co@d.org', 'a@b.co'],
      [`${'x'.repeat(70)}@b.co`, `${'x'.repeat(64)}@b.co`],
    ]))

  test('not what only looks like one', () =>
    expectNone([
      'foo@bar',
      'x@localhost',
      '@decorator and @user.name',
      'logo@2x.png',
      'react@18.2.0',
      'x@1.2.3.4',
      'git@github.com:owner/repo.git',
      'a..b@c.de',
      'a.@c.de',
      'x@-c.de',
      'x@c-.de',
      'a@b.c',
      'a @ b.com',
      'image@sha256:abcdef',
    ]))
})

describe('pii/phone', () => {
  test('international, North American, French and trunk-0 numbers', () =>
    expectHits('pii/phone', [
      ['+49 30 901820', '+49 30 901820'],
      ['+44 (0)20 7946 0958', '+44 (0)20 7946 0958'],
      ['+1 (212) 555-1234', '+1 (212) 555-1234'],
      ['tel:+12125551234', '+12125551234'],
      ['+1 212 555 1234 5 people', '+1 212 555 1234'],
      ['0049 30 901820', '0049 30 901820'],
      ['212-555-1234', '212-555-1234'],
      ['(212) 555-1234', '(212) 555-1234'],
      ['at 212.555.1234.', '212.555.1234'],
      ['1-800-555-1234', '1-800-555-1234'],
      ['01 23 45 67 89', '01 23 45 67 89'],
      ['(020) 7946 0958', '(020) 7946 0958'],
      ['07700 900123', '07700 900123'],
      ['030/901820', '030/901820'],
    ]))

  test('bare digits only when the text says what they are', () =>
    expectHits('pii/phone', [
      ['call me at 2125551234', '2125551234'],
      ['My phone number is 5551234567', '5551234567'],
      ['Tel.: 901820123', '901820123'],
      ['my number 2125551234'],
      ['phone 2024-01-15 10:30'],
      ['call 911 now'],
    ]))

  test('not ids, times, prices, versions or addresses', () =>
    expectNone([
      '1700000000 and 1700000000000',
      '2024-01-15 10:30:00.123',
      '01-02-2024 and 01/02/2024',
      '192.168.100.200',
      'v1.22.333.4444 and 212.555.1234.5',
      '$212 555 1234',
      'order 2125551234',
      '123e4567-e89b-12d3-a456-426614174000',
      'ISBN 978-3-16-148410-0',
      '1,234,567.89 or 12 345 678',
      'UTC+0100 and +12345',
      'a1+4915112345678',
      '112-555-1234 and 212-155-1234',
      '3.14159265358979',
      '2345-678-9012-34',
    ]))
})

describe('pii/card', () => {
  test('numbers of the networks, with spaces, dashes or none', () =>
    expectHits('pii/card', [
      ['4111111111111111', '4111111111111111'],
      ['pay 4111 1111 1111 1111, thanks', '4111 1111 1111 1111'],
      ['4111-1111-1111-1111 12/29', '4111-1111-1111-1111'],
      ['4111 1111 1111 1111 123', '4111 1111 1111 1111'],
      ['1 4111111111111111', '4111111111111111'],
      ['6304000000000000', '6304000000000000'],
      ['3782 822463 10005', '3782 822463 10005'],
      ['5555555555554444', '5555555555554444'],
      ['2223003122003222', '2223003122003222'],
      ['6011111111111117', '6011111111111117'],
      ['30569309025904', '30569309025904'],
      ['3530111333300000', '3530111333300000'],
      ['6200000000000005', '6200000000000005'],
      ['4111111111111111 5555555555554444', '4111111111111111', '5555555555554444'],
      ['4111\u00a01111\u00a01111\u00a01111', '4111\u00a01111\u00a01111\u00a01111'],
    ]))

  test('not a wrong check digit, another prefix or length, or a cut of something longer', () =>
    expectNone([
      '4111111111111112',
      'EAN 4222222222222',
      '+4111111111111111',
      '1234567812345670',
      '41111111111111111111',
      '411111111111',
      '94111111111111111',
      'order4111111111111111',
      '4111111111111111b',
      '0.4111111111111111',
      '4111111111111111.5',
      '4111  1111  1111  1111',
      '4111\n1111\n1111\n1111',
      '5000000000000009',
      '1700000000000000000',
    ]))
})

describe('pii/iban', () => {
  test('by country, length and check digits', () =>
    expectHits('pii/iban', [
      ['DE89370400440532013000', 'DE89370400440532013000'],
      ['to DE89 3704 0044 0532 0130 00.', 'DE89 3704 0044 0532 0130 00'],
      ['gb82 west 1234 5698 7654 32', 'gb82 west 1234 5698 7654 32'],
      ['FR1420041010050500013M02606', 'FR1420041010050500013M02606'],
      ['NO9386011117947 and more', 'NO9386011117947'],
      ['MT84MALT011000012345MTLCAST001S', 'MT84MALT011000012345MTLCAST001S'],
    ]))

  test('not with a wrong check, country or length', () =>
    expectNone([
      'DE89370400440532013001',
      'DE8937040044053201300',
      'DE893704004405320130000',
      'XX89370400440532013000',
      'xDE89370400440532013000',
      'DE89  370400440532013000',
      'DE89',
    ]))
})

describe('pii/us_ssn', () => {
  test('grouped, or named', () =>
    expectHits('pii/us_ssn', [
      ['078-05-1120', '078-05-1120'],
      ['it is 123 45 6789.', '123 45 6789'],
      ['SSN: 123456789', '123456789'],
      ['my social security number is 123456789', '123456789'],
    ]))

  test('not what was never issued, and not part of something else', () =>
    expectNone([
      '000-12-3456',
      '666-12-3456',
      '912-12-3456',
      '123-00-4567',
      '123-45-0000',
      '123-45-67890',
      '1123-45-6789',
      '123-45 6789',
      '123456789',
      'ssn 000123456',
      'ab-123-45-6789',
      '123-45-6789-0',
    ]))
})

describe('disguised entities', () => {
  const tags = (ascii: string) =>
    [...ascii].map(character => String.fromCodePoint(0xe0000 + character.charCodeAt(0))).join('')

  test.each<[string, string, readonly string[]]>([
    ['full-width digits and spaces', '４１１１　１１１１　１１１１　１１１１', []],
    ['zero-width characters', '4111\u200b1111\u200c1111\u200d1111', []],
    ['mathematical digits', '𝟎𝟕𝟖-𝟎𝟓-𝟏𝟏𝟐𝟎', []],
    ['dashes', '078\u201405\u22121120', []],
    ['full-width signs', '＋４９\u00a0（３０）901820', []],
    ['figure spaces', 'DE89\u20073704 0044 0532 0130 00', []],
    ['look-alikes in a domain', 'ja\u200bne＠exаmple．com', []],
    ['marks apart from their letter', 'mu\u0308ller@example.de', []],
    ['tag characters', tags('a@b.co'), []],
    ['control characters', '4111\u00001111\u00001111\u00001111', []],
    ['what surrounds them', '忽略，２１２-555-1234。', ['２１２-555-1234']],
    ['one behind a hidden character', '4111111111111111\u200b1', ['4111111111111111']],
  ])('%s', (_, text, expected) => {
    const spans = findingsIn(ALL, input(text)).map(({ span }) => text.slice(span?.start, span?.end))
    expect(spans).toEqual(expected.length === 0 ? [text] : expected)
  })

  test('a character that only looks like a digit is none, and lines stay apart', () =>
    expectNone([
      '4111 1111 1111 111¹',
      '①②③-④⑤-⑥⑦⑧⑨',
      'O78-O5-ll2O',
      '4111\u20281111\u20281111\u20281111',
      '4111\u00a0\u00a01111 1111 1111',
      '\u200b\u200b👨\u200d👩\u200d👧 1️⃣ 2️⃣',
    ]))
})

describe('local-pii', () => {
  test('spans are per segment, in text order, on either side', () => {
    const texts = ['nothing', '😀 078-05-1120 a@b.co']
    expect(findingsIn(ALL, input(...texts))).toEqual([
      { detector: 'pii/us_ssn', score: 0.85, span: { segment: 1, start: 3, end: 14 } },
      { detector: 'pii/email', score: 0.95, span: { segment: 1, start: 15, end: 21 } },
    ])
    expect(evidence(ALL, output('a@b.co'))).toEqual(['pii/email: a@b.co'])
    expect(ALL.scan(input('nothing'))).toEqual({ kind: 'clean' })
  })

  test('only the entities asked for', () => {
    const text = 'a@b.co 078-05-1120'
    expect(evidence(guardrail({ entities: ['us_ssn', 'us_ssn'] }), input(text))).toEqual([
      'pii/us_ssn: 078-05-1120',
    ])
    for (const entities of [[], ['name']]) expect(() => guardrail({ entities })).toThrow()
  })

  test('of overlapping readings the longest counts', () => {
    // The number behind the plus sign has a card's prefix as well, and the address holds a whole SSN.
    expect(evidence(ALL, input('call 078-05-1120@example.com'))).toEqual([
      'pii/email: 078-05-1120@example.com',
    ])
    expect(evidence(ALL, input('ssn 078-05-1120, phone 078-05-11201'))).toEqual([
      'pii/us_ssn: 078-05-1120',
      'pii/phone: 078-05-11201',
    ])
  })

  /** Each is the start of an entity, over and over: what a quadratic reader would choke on. */
  test.each([
    'a',
    'a@',
    'a@b.',
    '1',
    '1 ',
    '4 ',
    '+4 ',
    '+41-',
    '0171 ',
    '01-',
    '((',
    '123-45-',
    'de89',
    'call 1 ',
    'ssn 1',
    '.',
    'http://a:b@',
    '12 Main ',
    '1.23456, ',
    '123456789 ',
    'ab:',
    '٣',
  ])('64 KB of %j end in time', piece => {
    const text = piece.repeat(Math.ceil(65_536 / piece.length))
    // A few milliseconds when measured; a quadratic reader takes seconds.
    expect(cpuMsOf(() => ALL.scan(input(text)))).toBeLessThan(250)
  })
})
