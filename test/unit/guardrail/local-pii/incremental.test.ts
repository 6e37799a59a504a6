import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Finding, LocalGuardrail } from '../../../../src/guardrail/guardrail.ts'
import { ENTITIES } from '../../../../src/guardrail/local-pii/settings.ts'
import { ANSWER, findingsIn, output } from '../segments.ts'
import { piiGuardrail } from './scanner.ts'

const byPlace = (a: Finding, b: Finding): number =>
  (a.span?.start ?? 0) - (b.span?.start ?? 0) || (a.span?.end ?? 0) - (b.span?.end ?? 0)

/** In these pieces it finds what it finds in the whole, and never in what it called safe. */
function expectSame(guardrail: LocalGuardrail, pieces: readonly string[]): void {
  const scan = guardrail.openScan?.(ANSWER) ?? expect.fail('no incremental scan')
  const findings: Finding[] = []
  let safeTo = 0
  for (const step of [...pieces.map(piece => () => scan.push(piece)), () => scan.end()]) {
    const progress = step()
    for (const { span } of progress.findings) expect(span?.start).toBeGreaterThanOrEqual(safeTo)
    expect(progress.safeTo).toBeGreaterThanOrEqual(safeTo)
    safeTo = progress.safeTo
    findings.push(...progress.findings)
  }
  const whole = findingsIn(guardrail, output(pieces.join('')))
  expect(findings.toSorted(byPlace)).toEqual(whole.toSorted(byPlace))
}

const TEXTS = [
  'NHS number: 943 476 5919, or 943-476-5919 is my NHS number.',
  'AB 12 34 56 C and AB123456C, NI number ab123456c',
  '{"a":"line\\nAB 12 34 56 C\\tAB123456C\\rDE 136695976"}',
  'VAT ID DE 136695976, ATU13585627; NL004495445B01',
  'CPF 390.533.447-05, 756.9217.0769.85, BSN 111222333, 131052-308T, 54362315K',
  'RCCMNL83S18D969H and 2 95 10 99 126 111 93, 11010519491231002X',
  'EC8424965 is my passport number; driving licence: 414 118 054',
  'from 203.0.113.77:80 or [2001:db8:a:b::c1]:443, dead:beef::1',
  'mac aa-bb-cc-dd-ee-01 00:BA:3C:09:C4:93 12:34:56',
  'see https://jdoe:hunter2@git.example.org:8443/a/b?c=d. and http://a@b.co/',
  'pay 1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4',
  'ETH 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed',
  `GPS: 52.52001, 13.40495 or -33.8688,151.2093; 40°26'46"N 79°58'56"W`,
  'I live at 2853 Elm Road, Suite 200, Bristol BS1 5TR. Lindenweg 11, 80331 München',
  '38 rue de la Paix, 75002 Paris; Calle Mayor 5, 28013 Madrid; via Roma 12 or via the API',
  'born on January 5th, 1980. DOB: 07/27/1941; 1977-12-13 is my birthday, 5 May 1980',
  'call me at 612 345 678 or (11) 98123-4567, 999.12.3.400, PT36 1641 3627 7674 3410 9956 0',
  '{"a":"line\\nDE89370400440532013000\\n078-05-1120"} _4111 1111 1111 1111_ __078-05-1120__',
  '身份证号510104199311184284 ９４３ ４７６ ５９１９ is the NHS number, １２ Ｍａｉｎ Ｓｔｒｅｅｔ， Ｓｐｒｉｎｇｆｉｅｌｄ， ＩＬ ６２７０１',
]

const GUARDRAILS = [piiGuardrail(), ...ENTITIES.map(entity => piiGuardrail({ entities: [entity] }))]

describe('in pieces as in the whole', () => {
  test.each(TEXTS)('every split of %s', text => {
    for (const guardrail of GUARDRAILS) {
      for (let cut = 0; cut <= text.length; cut++)
        expectSame(guardrail, [text.slice(0, cut), text.slice(cut)])
      expectSame(guardrail, text.split(''))
    }
  })

  test('any pieces of any mixture', () => {
    const part = fc.oneof(
      fc
        .constantFrom(...TEXTS)
        .chain(text =>
          fc.tuple(fc.nat(text.length), fc.nat(30)).map(([from, length]) => text.slice(from, from + length)),
        ),
      fc.constantFrom(
        ' ',
        '\n',
        '_',
        '-',
        '.',
        ':',
        ',',
        '/',
        '@',
        '://',
        '+',
        '(',
        '°',
        '\u200b',
        'é',
        '中',
        '\\n',
      ),
      fc.constantFrom(
        '1',
        '12',
        '2024',
        'A',
        'AB ',
        'May ',
        'Via ',
        'Via Roma ',
        'ab:',
        'ab-',
        'fe',
        'passport ',
        'St',
      ),
    )
    const cuts = fc.array(fc.nat({ max: 1000 }), { maxLength: 10 })
    fc.assert(
      fc.property(
        fc.constantFrom(...GUARDRAILS),
        fc.array(part, { maxLength: 12 }),
        cuts,
        (guardrail, parts, at) => {
          const text = parts.join('')
          const borders = at
            .map(permille => Math.round((permille * text.length) / 1000))
            .sort((a, b) => a - b)
          expectSame(
            guardrail,
            [...borders, text.length].map((border, index) => text.slice(borders[index - 1] ?? 0, border)),
          )
          expectSame(guardrail, text.split(''))
        },
      ),
      { numRuns: 1500 },
    )
  })
})
