import type { Chance } from '../chance.ts'
import { card } from './cards.ts'
import { spoilt } from './check-digits.ts'
import { iban } from './iban.ts'
import { euVat, ukNhs } from './identity.ts'
import { NATIONAL, spoiltNational } from './national.ts'
import { spoiltWallet } from './wallets.ts'

const two = (value: number): string => String(value).padStart(2, '0')
const HEX = '0123456789abcdef'

export const uuid = (chance: Chance): string =>
  [8, 4, 4, 4, 12].map(length => chance.word(HEX, length)).join('-')

/** Nobody's data, though it looks like someone's: how one is made, and the words that announce it. */
export const NEAR_MISSES: Readonly<
  Record<string, readonly [make: (chance: Chance) => string, ...labels: string[]]>
> = {
  'bad-card': [chance => spoilt(card(chance)), 'card number', 'credit card'],
  'bad-iban': [
    chance => iban(chance).replace(/\d\d/, digits => two((Number(digits) + 7) % 97)),
    'IBAN',
    'account',
  ],
  'bad-ssn': [
    chance => `${chance.pick(['000', '666'])}-${chance.digits(2)}-${chance.digits(4)}`,
    'SSN',
    'case number',
  ],
  'bad-nhs': [chance => spoilt(ukNhs(chance)), 'NHS number', 'patient reference'],
  'bad-vat': [chance => spoilt(euVat(chance)), 'VAT ID', 'reference'],
  'bad-national-id': [
    chance => spoiltNational(chance.pick(Object.values(NATIONAL))[0](chance)),
    'number',
    'reference',
  ],
  'bad-wallet': [spoiltWallet, 'wallet', 'token'],
  order: [
    chance => `${chance.pick(['ORD-', '#', 'PO', ''])}${chance.digits(chance.integer(6, 11))}`,
    'order number',
    'order',
    'invoice number',
    'ticket',
  ],
  tracking: [
    chance => `1Z${chance.word('0123456789ABCDEFGHKLMNPRSTVWXYZ', 16)}`,
    'tracking number',
    'shipment',
  ],
  version: [
    chance =>
      `${chance.integer(0, 20)}.${chance.integer(0, 30)}.${chance.integer(0, 99)}${chance.pick(['', '-rc.1', `.${chance.integer(0, 9)}`])}`,
    'version',
    'release',
    'build',
  ],
  timestamp: [
    chance =>
      chance.pick([
        `2024-${two(chance.integer(1, 12))}-${two(chance.integer(1, 28))}T${two(chance.integer(0, 23))}:${chance.integer(10, 59)}:${chance.integer(10, 59)}Z`,
        String(1_700_000_000_000 + chance.integer(0, 9e9)),
        String(1_700_000_000 + chance.integer(0, 9e7)),
      ]),
    'timestamp',
    'created_at',
    'updated',
  ],
  hash: [chance => chance.word(HEX, chance.pick([32, 40, 64])), 'commit', 'checksum', 'sha256', 'md5'],
  uuid: [uuid, 'request id', 'trace', 'session id'],
  isbn: [isbn, 'ISBN', 'book'],
  'order-of-digits': [
    chance => chance.digits(chance.integer(13, 19)),
    'serial number',
    'snowflake id',
    'barcode',
  ],
  maths: [
    chance => `${chance.digits(3)} - ${chance.digits(2)} * ${chance.digits(4)} = ${chance.digits(5)}`,
    'result',
    'equation',
  ],
  price: [
    chance =>
      `${chance.integer(1, 99)},${chance.digits(3)},${chance.digits(3)}.${chance.digits(2)} ${chance.pick(['EUR', 'USD'])}`,
    'amount',
    'total',
  ],
  'not-an-email': [
    chance =>
      chance.pick([
        '@types/node@22.1.0',
        'user@localhost',
        '@app.route("/x")',
        'logo@2x.png',
        'git@github.com:team/repo.git',
        'a @ b',
        'foo@bar',
        'npm i @scope/pkg@latest',
      ]),
    'import',
    'handle',
    'value',
  ],
  'not-an-ip': [
    chance =>
      chance.pick([
        '127.0.0.1',
        '0.0.0.0',
        '255.255.255.0',
        '999.12.3.400',
        '1.2.3',
        '10.15.7',
        '::1',
        'std::vector',
        '12:34:56',
      ]),
    'setting',
    'value',
    'section',
  ],
  'not-a-mac': [
    chance => chance.pick(['12:34:56:78', '00:11:22', 'aa:bb:cc', '10:30:45.123', 'de-ad-be-ef']),
    'time',
    'value',
    'fingerprint',
  ],
  url: [
    chance =>
      `https://${chance.pick(['www.example.com', 'docs.example.org:8080'])}/${chance.pick(['a/b', 'users/42?tab=posts', 'v1:latest@sha'])}`,
    'link',
    'homepage',
  ],
  range: [chance => `${chance.integer(1, 400)}-${chance.integer(401, 900)}`, 'pages', 'lines', 'range'],
  score: [
    chance =>
      `${chance.integer(0, 9)}-${chance.integer(0, 9)} ${chance.integer(10, 60)}:${chance.integer(10, 59)}`,
    'score',
    'half-time',
  ],
  decimal: [
    chance => `${(chance.next() * 90).toFixed(6)}, ${(chance.next() * 900 + 200).toFixed(6)}`,
    'vector',
    'weights',
  ],
  date: [
    chance => `${chance.integer(2019, 2025)}-${two(chance.integer(1, 12))}-${two(chance.integer(1, 28))}`,
    'release date',
    'due date',
    'meeting',
  ],
}

/** With a valid check digit: a book is not a card all the same. */
function isbn(chance: Chance): string {
  const digits = `978${chance.digits(9)}`
  const sum = [...digits].reduce((total, digit, at) => total + Number(digit) * (at % 2 === 0 ? 1 : 3), 0)
  return `${digits.slice(0, 3)}-${digits.slice(3, 4)}-${digits.slice(4, 8)}-${digits.slice(8)}-${(10 - (sum % 10)) % 10}`
}
