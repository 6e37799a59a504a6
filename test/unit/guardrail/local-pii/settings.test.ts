import { describe, expect, test } from 'vitest'
import { guide } from '../../../../src/guardrail/local-pii/guide.ts'
import { ENTITIES } from '../../../../src/guardrail/local-pii/settings.ts'
import { Placeholders, plainName } from '../../../../src/policy/placeholder.ts'
import { evidence, findingsIn, input } from '../segments.ts'
import { expectHits, expectNone, piiGuardrail } from './scanner.ts'

/** One text of each entity. */
const SAMPLES: Readonly<Record<(typeof ENTITIES)[number], string>> = {
  email: 'jane.doe@example.com',
  phone: '+49 30 901820',
  card: '4111 1111 1111 1111',
  iban: 'DE89 3704 0044 0532 0130 00',
  us_ssn: '078-05-1120',
  us_itin: '912-70-1234',
  uk_nhs: 'NHS number 943 476 5919',
  uk_nino: 'AB123456C',
  eu_vat: 'DE136695976',
  national_id: '390.533.447-05',
  passport: 'passport EC8424965',
  driver_license: "driver's license F5263244",
  ip: '203.0.113.77',
  mac: '00:BA:3C:09:C4:93',
  url_credentials: 'https://jdoe:hunter2@git.example.org/a',
  wallet: '1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH',
  coordinates: '76.0806° N, 38.5074° W',
  address: '12 Main Street, Springfield, IL 62701',
  date_of_birth: 'DOB 07/27/1941',
}

describe.each(ENTITIES)('%s', entity => {
  const text = SAMPLES[entity]
  const [found = ''] = evidence(piiGuardrail(), input(text))
  const value = found.slice(found.indexOf(': ') + 2)

  test('is found by default, alone, and not when it is switched off', () => {
    expect(found).toBe(`pii/${entity}: ${value}`)
    expect(evidence(piiGuardrail({ entities: [entity] }), input(text))).toEqual([found])
    const off = piiGuardrail({ settings: { [entity]: { enabled: false } } })
    expect(evidence(off, input(text)).filter(other => other.startsWith(`pii/${entity}:`))).toEqual([])
  })

  test('is found beside the entities that are named, when it is switched on', () => {
    const other = entity === 'email' ? 'card' : 'email'
    const on = piiGuardrail({ entities: [other], settings: { [entity]: { enabled: true } } })
    expect(evidence(on, input(text))).toEqual([found])
  })

  test('has a score, and is found from that on only', () => {
    const [finding] = findingsIn(piiGuardrail({ entities: [entity] }), input(text))
    const score = finding?.score ?? expect.fail('no score')
    expect(score).toBeGreaterThanOrEqual(0.5)
    const stricter = { entities: [entity], settings: { [entity]: { min_score: Math.min(1, score + 0.02) } } }
    expectNone(score > 0.98 ? [] : [text], piiGuardrail(stricter))
  })

  test('is nothing when it is allowed, and neither is what is in it', () => {
    for (const allow of [[value.toUpperCase()], [`${value.slice(0, 3)}*${value.slice(-2)}`], ['*']]) {
      expectNone([text], piiGuardrail({ settings: { [entity]: { allow } } }))
    }
    const others = piiGuardrail({ settings: { [entity]: { allow: [`${value}x`, 'x*', `*${value}*x`] } } })
    expect(evidence(others, input(text))).toEqual([found])
  })

  test('gets the same placeholder each time', () => {
    const twice = `${text}\nand ${text}`
    const placeholders = new Placeholders(() => [twice])
    const names = findingsIn(piiGuardrail(), input(twice)).map(({ detector, span }) =>
      placeholders.name(
        { detector, style: { kind: 'replace', restore: true } },
        twice.slice(span?.start, span?.end),
      ),
    )
    expect(names).toHaveLength(2)
    expect(new Set(names)).toEqual(new Set([`<${entity.toUpperCase()}_1>`]))
    expect(plainName({ detector: `pii/${entity}`, style: { kind: 'replace', restore: false } }, value)).toBe(
      `<${entity.toUpperCase()}>`,
    )
  })
})

test('the guide says of every entity what finds it', () => {
  const named = new Set(Array.from(guide.finds.matchAll(/`(\w+)`/g), ([, name]) => name))
  const unnamed = ENTITIES.filter(entity => !named.has(entity))
  expect(unnamed, 'name it under `finds` in src/guardrail/local-pii/guide.ts').toEqual([])
})

describe('settings', () => {
  test('words of the config raise a score as the known ones do', () => {
    const own = piiGuardrail({ settings: { passport: { context: ['Travel Doc'] } } })
    expectHits('pii/passport', [['travel doc: EC8424965', 'EC8424965'], ['travel document EC8424965']], own)
    expectNone(['travel doc: EC8424965'])
  })

  test('a lower score takes what nothing names', () => {
    const open = piiGuardrail({ entities: ['uk_nhs'], settings: { uk_nhs: { min_score: 0.1 } } })
    expectHits('pii/uk_nhs', [['943 476 5919', '943 476 5919'], ['943 476 5918']], open)
  })

  test('national telephone numbers of the regions named, and no others', () => {
    const [french, spanish] = [['FR'], ['ES']].map(regions =>
      piiGuardrail({ entities: ['phone'], settings: { phone: { regions } } }),
    )
    expectHits('pii/phone', [['téléphone 612345678', '612345678']], spanish)
    expectHits('pii/phone', [['teléfono 0612345678', '0612345678']], french)
    expectNone(['teléfono 0612345678'], spanish)
  })

  test.each([
    { settings: { email: { min_score: 2 } } },
    { settings: { email: { context: ['x'] } } },
    { settings: { email: { allow: [''] } } },
    { settings: { email: { regions: ['DE'] } } },
    { settings: { phone: { regions: ['XX'] } } },
    { settings: { name: {} } },
    { entities: [] },
  ])('%j is refused', config => expect(() => piiGuardrail(config)).toThrow())
})
