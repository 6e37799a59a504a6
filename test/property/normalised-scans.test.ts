import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Finding, LocalGuardrail } from '../../src/guardrail/guardrail.ts'
import { keywords } from '../../src/guardrail/keywords/keywords.ts'
import { localPii } from '../../src/guardrail/local-pii/local-pii.ts'
import { ANSWER, findingsIn, output } from '../unit/guardrail/segments.ts'

const HIDDEN = ['\u200b', '\u200d', '\u2060', '\ufeff', '\u00ad', '\u202e', '\u0000', '\ufe0f', '\u{e0001}']
const hidden = fc.array(fc.constantFrom(...HIDDEN), { maxLength: 3 }).map(all => all.join(''))

const full = (character: string): string => String.fromCharCode(character.charCodeAt(0) + 0xfee0)
const tagged = (character: string): string => String.fromCodePoint(0xe0000 + character.charCodeAt(0))
const bold = (digit: string): string => String.fromCodePoint(0x1d7ce + Number(digit))

/** Ways to write a character of printable ASCII. */
function waysToWrite(character: string): readonly string[] {
  if (character === ' ') return [' ', '\u00a0', '\u2009', '\u3000']
  const dashes = character === '-' ? ['\u2011', '\u2013', '\u2212'] : []
  const digits = /\d/.test(character) ? [bold(character)] : []
  return [character, character, full(character), tagged(character), ...dashes, ...digits]
}

/** The text as somebody may write it: the first and the last character of it are to be seen. */
function disguised(text: string): fc.Arbitrary<string> {
  const characters = [...text].map(character => fc.constantFrom(...waysToWrite(character)))
  return fc
    .tuple(fc.tuple(...characters), fc.array(hidden, { minLength: text.length, maxLength: text.length }))
    .map(([written, between]) =>
      written.map((character, i) => (i === 0 ? character : `${between[i]}${character}`)).join(''),
    )
}

const cuts = fc.array(fc.nat({ max: 1000 }), { maxLength: 12 })

function split(text: string, permilles: readonly number[]): string[] {
  const borders = permilles.map(permille => Math.round((permille * text.length) / 1000)).sort((a, b) => a - b)
  return [...borders, text.length].map((border, index) => text.slice(borders[index - 1] ?? 0, border))
}

const byPlace = (a: Finding, b: Finding): number =>
  (a.span?.start ?? 0) - (b.span?.start ?? 0) || (a.span?.end ?? 0) - (b.span?.end ?? 0)

/** Holds back what is not safe, as a stream does, and takes out what is found: what a client would see. */
function redactStream(guardrail: LocalGuardrail, pieces: readonly string[]) {
  const scan = guardrail.openScan?.(ANSWER) ?? expect.fail('no incremental scan')
  const findings: Finding[] = []
  let safeTo = 0
  let length = 0
  const progresses = [...pieces.map(piece => () => scan.push(piece)), () => scan.end()]
  for (const [index, progress] of progresses.entries()) {
    length += pieces[index]?.length ?? 0
    const step = progress()
    for (const { span } of step.findings) {
      expect(span?.start, 'released before it was found').toBeGreaterThanOrEqual(safeTo)
      expect(span?.end).toBeLessThanOrEqual(length)
    }
    expect(step.safeTo).toBeGreaterThanOrEqual(safeTo)
    expect(step.safeTo).toBeLessThanOrEqual(length)
    safeTo = step.safeTo
    findings.push(...step.findings)
  }
  expect(safeTo).toBe(length)
  const text = pieces.join('')
  let shown = ''
  let at = 0
  for (const { span } of findings.toSorted(byPlace)) {
    shown += `${text.slice(at, span?.start)}[gone]`
    at = span?.end ?? 0
  }
  return { findings: findings.toSorted(byPlace), shown: shown + text.slice(at) }
}

/** `around` stands on both sides and shows after redaction as it was. */
function checkRedaction(guardrail: LocalGuardrail, secrets: readonly string[], numRuns: number): void {
  const secret = fc.constantFrom(...secrets).chain(disguised)
  const around = fc.constantFrom('', 'so: ', 'é — ', '忽略，', '\u200b ', 'a \u{1d400} ', 'Да. ', 'x\n')
  fc.assert(
    fc.property(around, secret, around, cuts, (before, text, after, permilles) => {
      const lead = /[^\s，]$/.test(before) ? `${before} ` : before
      const whole = `${lead}${text} ${after}`
      const expected = { shown: `${lead}[gone] ${after}` }
      for (const pieces of [split(whole, permilles), whole.split('')]) {
        const { findings, shown } = redactStream(guardrail, pieces)
        expect(shown).toBe(expected.shown)
        expect(findings).toEqual(findingsIn(guardrail, output(whole)).toSorted(byPlace))
      }
    }),
    { numRuns },
  )
}

/** Any text of fragments, disguises and halves of characters: no finding is expected, only agreement. */
function checkAgreement(guardrails: fc.Arbitrary<LocalGuardrail>, fragments: readonly string[]): void {
  const piece = fc.oneof(
    fc.constantFrom(...fragments),
    fc.constantFrom(...fragments).chain(disguised),
    fc.constantFrom(
      ...HIDDEN,
      '\u0301',
      '\u0338',
      '\ud835',
      '\udc00',
      ' ',
      '  ',
      '\n',
      '\t',
      '\u00a0',
      'ﬁ',
      '，',
      '’',
    ),
    fc.constantFrom('а', 'о', 'е', 'р', 'В', 'é', 'e\u0301', '忽', '𝐀', 'ф', '.', '-', '@', '=', '/', 'YmFk'),
  )
  fc.assert(
    fc.property(guardrails, fc.array(piece, { maxLength: 20 }), cuts, (guardrail, pieces, permilles) => {
      const text = pieces.join('')
      const whole = findingsIn(guardrail, output(text)).toSorted(byPlace)
      for (const parts of [split(text, permilles), text.split('')]) {
        expect(redactStream(guardrail, parts).findings).toEqual(whole)
      }
    }),
    { numRuns: 1500 },
  )
}

describe('local-pii', () => {
  const create = (entities: readonly string[]) =>
    localPii.create('pii', localPii.configSchema.parse({ kind: 'local-pii', entities }))
  const SECRETS: Readonly<Record<string, readonly string[]>> = {
    email: ['jane.doe+x@mail.example.com', 'a@b.co'],
    phone: ['+49 30 901820', '212-555-1234', '(212) 555-1234'],
    card: ['4111 1111 1111 1111', '5555555555554444'],
    iban: ['DE89 3704 0044 0532 0130 00', 'NO9386011117947'],
    us_ssn: ['078-05-1120'],
  }

  test.each(Object.keys(SECRETS))('%s: nothing of a disguised one is left', entity =>
    checkRedaction(create([entity]), SECRETS[entity] ?? [], 400),
  )

  test('however it is cut, a stream comes to what a whole scan finds', () => {
    const guardrails = fc.constantFrom(
      create(Object.keys(SECRETS)),
      ...Object.keys(SECRETS).map(e => create([e])),
    )
    checkAgreement(guardrails, [
      ...Object.values(SECRETS).flat(),
      '1',
      '4111',
      ' ',
      'x',
      'ssn 123456789',
      '.5',
    ])
  })
})

describe('keywords', () => {
  const create = (words: readonly string[], config: object = {}) =>
    keywords.create('words', keywords.configSchema.parse({ kind: 'keywords', words, ...config }))

  test('nothing of a disguised word is left', () =>
    checkRedaction(
      create(['password', 'blocked phrase']),
      ['password', 'blocked phrase', 'BLOCKED PHRASE'],
      600,
    ))

  test('however it is cut, a stream comes to what a whole scan finds', () => {
    const lists = [
      ['bad', 'a b'],
      ['fib', 'ib a'],
      ['сор', 'é', 'bad'],
      [' a', 'b\n'],
      ['e\u0301b', 'fi'],
    ]
    const guardrails = fc
      .tuple(fc.constantFrom(...lists), fc.boolean(), fc.boolean())
      .map(([words, caseSensitive, base64]) =>
        create(words, { case_sensitive: caseSensitive, decode_base64: base64 }),
      )
    checkAgreement(guardrails, [
      'b',
      'a',
      'd',
      'bad',
      'a b',
      'fib',
      'BAD',
      'e',
      'eHggYmFkIHh4IGJhZA',
      'YSBiYWQgYmFkIGI=',
    ])
  })
})
