import { describe, expect, test } from 'vitest'
import { NATIONAL_IDS } from '../../../../src/guardrail/local-pii/national-ids.ts'
import { evidence, input } from '../segments.ts'
import { expectHits, expectNone, piiGuardrail } from './scanner.ts'

describe('pii/us_itin', () => {
  test('grouped, or named', () =>
    expectHits('pii/us_itin', [
      ['912-70-1234', '912-70-1234'],
      ['ITIN 999881234', '999881234'],
      ['my taxpayer identification number is 900 90 0001.', '900 90 0001'],
    ]))

  test('not groups that the IRS does not assign', () =>
    expectNone(['912-49-1234', '912-66-1234', '912-89-1234', '912-93-1234', '812-00-1234', 'ITIN 912661234']))
})

describe('pii/uk_nhs', () => {
  test('named, before it or behind it', () =>
    expectHits('pii/uk_nhs', [
      ['NHS number: 943 476 5919', '943 476 5919'],
      ['NHS no. 9434765919', '9434765919'],
      ['943-476-5919 is my NHS number', '943-476-5919'],
    ]))

  test('not by itself, not with a wrong check digit, not named otherwise', () =>
    expectNone([
      'see 943 476 5919',
      '9434765919',
      'NHS number: 943 476 5918',
      'NHS number 1111111111',
      'order 9434765919',
    ]))
})

describe('pii/uk_nino', () => {
  test('in pairs or in one', () =>
    expectHits('pii/uk_nino', [
      ['AB123456C', 'AB123456C'],
      ['it is AB 12 34 56 C.', 'AB 12 34 56 C'],
      ['NI number ab123456c', 'ab123456c'],
    ]))

  test('not with letters that are not given out, nor within something else', () =>
    expectNone([
      'BG123456C',
      'QQ123456C',
      'AB123456E',
      'AB1234567C',
      'xAB123456C',
      'AB123456CD',
      'ab123456c',
      'AB 12 34 56',
      'X-AB123456C',
    ]))
})

describe('pii/eu_vat', () => {
  test('by country and check digits', () =>
    expectHits('pii/eu_vat', [
      ['DE136695976', 'DE136695976'],
      ['VAT ID: ATU13585627.', 'ATU13585627'],
      ['BE0428759497', 'BE0428759497'],
      ['DE 136695976', 'DE 136695976'],
      ['NL004495445B01', 'NL004495445B01'],
      ['FR40303265045', 'FR40303265045'],
      ['USt-IdNr. de136695976', 'de136695976'],
    ]))

  test('not with a wrong check, of another country, or within something else', () =>
    expectNone([
      'DE136695977',
      'ATU13585628',
      'US136695976',
      'XDE136695976',
      'DE1366959760',
      'de136695976',
      'order DE136695976',
      'ORD-DE136695976',
    ]))
})

describe('pii/national_id', () => {
  const named: readonly (readonly [kind: keyof typeof NATIONAL_IDS, label: string, number: string])[] = [
    ['au_tfn', 'TFN', '876 543 210'],
    ['be_rrn', 'rijksregisternummer', '85.07.30-033.28'],
    ['br_cpf', 'CPF', '390.533.447-05'],
    ['ca_sin', 'SIN', '123-456-782'],
    ['ch_ahv', 'AHV', '756.9217.0769.85'],
    ['cn_resident_id', '身份证号', '11010519491231002X'],
    ['cz_rc', 'rodné číslo', '710319/2745'],
    ['de_steuer_id', 'Steuer-ID', '36 574 261 809'],
    ['dk_cpr', 'CPR', '211062-5629'],
    ['es_dni', 'DNI', '54362315K'],
    ['es_nie', 'NIE', 'X2482300W'],
    ['fi_hetu', 'henkilötunnus', '131052-308T'],
    ['fr_nir', 'NIR', '2 95 10 99 126 111 93'],
    ['ie_pps', 'PPS number', '6433435F'],
    ['in_aadhaar', 'Aadhaar', '2341 2341 2346'],
    ['in_pan', 'PAN', 'ACUPA7085R'],
    ['it_codice_fiscale', 'codice fiscale', 'RCCMNL83S18D969H'],
    ['kr_rrn', 'resident registration number', '971013-9019902'],
    ['mx_curp', 'CURP', 'BOXW310820HNERXN09'],
    ['nl_bsn', 'BSN', '111222333'],
    ['no_fnr', 'fødselsnummer', '151086 95088'],
    ['pl_pesel', 'PESEL', '44051401359'],
    ['pt_nif', 'NIF', '501964843'],
    ['se_personnummer', 'personnummer', '880320-0016'],
    ['za_id', 'ID number', '7503305044089'],
  ]

  test('there is one for every kind', () =>
    expect(named.map(([kind]) => kind)).toEqual(Object.keys(NATIONAL_IDS)))

  test.each(named)('%s where the text names it, and only with the right check', (kind, label, number) => {
    const guardrail = piiGuardrail({
      entities: ['national_id'],
      settings: { national_id: { kinds: [kind] } },
    })
    for (const text of [
      `${label}: ${number}`,
      `my ${label} is ${number}, thanks`,
      `${number} is my ${label}`,
    ]) {
      expect(evidence(guardrail, input(text)), text).toEqual([`pii/national_id: ${number}`])
    }
    const digit = number.search(/\d(?!.*\d)/)
    const other = (Number(number.charAt(digit)) + 3) % 10
    const wrong = number.slice(0, digit) + other + number.slice(digit + 1)
    // An Indian PAN has no check digit, and Danish ones are given out without since 2007.
    if (kind !== 'dk_cpr' && kind !== 'in_pan') expectNone([`${label}: ${wrong}`], guardrail)
    expectNone([`x${number}`, `${label}: 9-${number}`], guardrail)
  })

  test('those that are telling by themselves need no name; plain digits do', () => {
    expectHits('pii/national_id', [
      ['390.533.447-05', '390.533.447-05'],
      ['756.9217.0769.85', '756.9217.0769.85'],
      ['RCCMNL83S18D969H', 'RCCMNL83S18D969H'],
      ['54362315K', '54362315K'],
    ])
    expectNone(['111222333', '44051401359', '123 456 782', '2341 2341 2346', '7503305044089', 'ACUPA7085R'])
  })

  test('only the kinds asked for', () => {
    const guardrail = piiGuardrail({ settings: { national_id: { kinds: ['es_dni'] } } })
    expectHits('pii/national_id', [['DNI 54362315K', '54362315K'], ['CPF 390.533.447-05']], guardrail)
    expect(() => piiGuardrail({ settings: { national_id: { kinds: ['xx'] } } })).toThrow()
  })
})

describe('what stands around a number', () => {
  test('emphasis and escaped line breaks are none of it', () => {
    expectHits('pii/us_ssn', [
      ['_078-05-1120_', '078-05-1120'],
      ['__078-05-1120__', '078-05-1120'],
      ['**078-05-1120**', '078-05-1120'],
      [String.raw`{"a":"x\n078-05-1120\n"}`, '078-05-1120'],
    ])
    expectHits('pii/iban', [[String.raw`{"a":"x\nDE89370400440532013000"}`, 'DE89370400440532013000']])
    expectNone(['a_078-05-1120', '078-05-1120_b', String.raw`\x078-05-1120`])
  })

  test('a row of fields is none of a number', () =>
    expectHits('pii/us_ssn', [['17,078-05-1120,Boston', '078-05-1120']]))

  test('said on the phone is no telephone number', () =>
    expectNone(['As agreed on the phone, 783826699 is right', 'sent over the phone: 7838266991']))

  test('nothing is found in an IBAN whose check is wrong', () =>
    expectNone(['IBAN PT36 1641 3627 7674 3410 9956 0', 'SK66 1011 4622 0828 8305 5885']))
})

describe('a number in a row of numbers', () => {
  test('is none of anybody', () =>
    expectNone([
      '08 02 22 97 38 15 00 40 00 75 04 05 07 78 52 12 50 77 91 08',
      '67 26 20 68 02 62 12 20 95 63 94 39 63 08',
      '0 0 2 2 2 2 0 2 0 0 2 2 2 0',
      'path 58 739 82 1376 79 2060',
      '[0.1234, 0.5678, 0.9012]',
      '0.809 2.13,-1.91 1.75,-0.225 3.11',
    ]))
})
