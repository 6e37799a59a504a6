import type { Chance } from '../chance.ts'

const MAILS =
  'example.com,example.org,mail.example.net,firma-beispiel.de,correo-ejemplo.es,posta-esempio.it,exemple-societe.fr,sub.dept.example.ac.uk,acme.io,northwind.co.jp'.split(
    ',',
  )
const GIVEN = 'anna,marie,johann,li.wei,o.brien,carlos,fatima,sven,chloe,d.okafor,yuki,priya'.split(',')

export function email(chance: Chance): string {
  const name = chance.pick(GIVEN)
  const local = chance.pick([
    name,
    `${name}.${chance.pick(['smith', 'meyer', 'garcia', 'rossi'])}`,
    `${name}+${chance.pick(['news', 'billing', 'test'])}`,
    `${name}_${chance.digits(2)}`,
    `${name}${chance.digits(4)}`,
  ])
  const address = `${local}@${chance.pick(MAILS)}`
  return chance.next() < 0.1 ? address.toUpperCase() : address
}

const US_AREAS = '212,415,312,202,617,206,303,512,404,713,305,702'.split(',')

const exchange = (chance: Chance): string => {
  const digits = `${chance.integer(2, 9)}${chance.integer(0, 9)}${chance.integer(0, 9)}`
  return digits.endsWith('11') || digits === '555' ? '639' : digits
}

/** Subscriber numbers in their countries' plans: `#` is any digit. */
const INTERNATIONAL = [
  '+49 30 9018####',
  '+49 151 2#######',
  '+49 (0)89 2180####',
  '+44 20 7946 0###',
  '+44 7911 1#####',
  '+33 6 12 ## ## ##',
  '+33 1 42 ## ## ##',
  '+34 612 ### ###',
  '+39 347 ### ####',
  '+31 6 2#######',
  '+46 70 1## ## ##',
  '+41 79 2## ## ##',
  '+48 601 ### ###',
  '+91 98#### ####',
  '+91-98########',
  '+55 11 98###-####',
  '+81 90-1###-####',
  '+81 3-3###-####',
  '+61 412 ### ###',
  '+52 55 5### ####',
  '+4915123######',
  '+33612######',
]

/** With the country's code, or a North American number as people there write it. */
export function phone(chance: Chance): string {
  if (chance.next() < 0.6) return digitsIn(chance.pick(INTERNATIONAL), chance)
  const [area, office, line] = [chance.pick(US_AREAS), exchange(chance), chance.digits(4)]
  return chance.pick([
    `(${area}) ${office}-${line}`,
    `${area}-${office}-${line}`,
    `+1 ${area} ${office} ${line}`,
    `+1-${area}-${office}-${line}`,
    `${area}.${office}.${line}`,
    `1-${area}-${office}-${line}`,
    `+1${area}${office}${line}`,
  ])
}

const NATIONAL = [
  '030 9018####',
  '0151 2#######',
  '020 7946 0###',
  '07911 1#####',
  '06 12 ## ## ##',
  '612 ### ###',
  '090-1###-####',
  '0412 ### ###',
  '(11) 98###-####',
  '070-1## ## ##',
]

/** As written within a country other than the USA: known for a phone number by the words around it. */
export const phoneNational = (chance: Chance): string => digitsIn(chance.pick(NATIONAL), chance)

const digitsIn = (pattern: string, chance: Chance): string =>
  pattern.replaceAll('#', () => String(chance.integer(0, 9)))

/** An address that is nobody's loopback and no netmask. */
export function ip(chance: Chance): string {
  if (chance.next() < 0.7) {
    const first = chance.pick([23, 45, 52, 81, 93, 104, 142, 185, 198, 203])
    return `${first}.${chance.integer(1, 254)}.${chance.integer(1, 254)}.${chance.integer(1, 254)}`
  }
  const group = (): string => chance.integer(1, 0xffff).toString(16)
  return chance.pick([
    `2001:db8:${group()}:${group()}:${group()}:${group()}:${group()}:${group()}`,
    `2a02:${group()}:${group()}::${group()}`,
    `2600:${group()}::${group()}:${group()}`,
  ])
}

export function mac(chance: Chance): string {
  const separator = chance.pick([':', '-'])
  const pairs = Array.from({ length: 6 }, () => chance.word('0123456789abcdef', 2))
  const text = ['00', ...pairs.slice(1)].join(separator)
  return chance.next() < 0.5 ? text.toUpperCase() : text
}

export const urlWithCredentials = (chance: Chance): string =>
  `${chance.pick(['https', 'http', 'ftp', 'https'])}://${chance.pick(['deploy', 'admin', 'jdoe', 'svc-backup'])}:${chance.word('abcdefghkmnpqrstuvwxyzABCDEFGH23456789_', chance.integer(8, 18))}@${chance.pick(['files.example.com', 'git.example.org:8443', 'intranet.example.net'])}/${chance.pick(['', 'repo.git', 'export/2024.csv', 'a/b?c=d'])}`

export function coordinates(chance: Chance): string {
  const [lat, lon] = [chance.next() * 160 - 80, chance.next() * 340 - 170]
  const minutes = (value: number): string =>
    `${Math.floor(Math.abs(value))}°${chance.integer(10, 59)}'${chance.integer(10, 59)}"`
  return chance.pick([
    `${lat.toFixed(5)}, ${lon.toFixed(5)}`,
    `${lat.toFixed(4)},${lon.toFixed(4)}`,
    `${Math.abs(lat).toFixed(4)}° ${lat < 0 ? 'S' : 'N'}, ${Math.abs(lon).toFixed(4)}° ${lon < 0 ? 'W' : 'E'}`,
    `${minutes(lat)}${lat < 0 ? 'S' : 'N'} ${minutes(lon)}${lon < 0 ? 'W' : 'E'}`,
  ])
}

const MONTHS = 'January,February,March,April,May,June,July,August,September,October,November,December'.split(
  ',',
)
const two = (value: number): string => String(value).padStart(2, '0')

export function birthDate(chance: Chance): string {
  const [year, month, day] = [chance.integer(1935, 2006), chance.integer(1, 12), chance.integer(1, 28)]
  return chance.pick([
    `${year}-${two(month)}-${two(day)}`,
    `${two(month)}/${two(day)}/${year}`,
    `${day} ${MONTHS[month - 1]} ${year}`,
    `${MONTHS[month - 1]} ${day}, ${year}`,
    `${two(day)}.${two(month)}.${year}`,
  ])
}

export const passport = (chance: Chance): string =>
  chance.pick([
    chance.digits(9),
    `C${chance.word('0123456789CFGHJKLMNPRTVWXYZ', 8)}`,
    `${chance.word('ABCDEFGH', 2)}${chance.digits(7)}`,
  ])

export const driverLicence = (chance: Chance): string =>
  chance.pick([
    `${chance.word('ABDFHKMPRSTW', 1)}${chance.digits(7)}`,
    `${chance.word('BDFHKMPRSTW', 1)}${chance.digits(12)}`,
    `${chance.digits(3)} ${chance.digits(3)} ${chance.digits(3)}`,
  ])

const STREETS =
  'Main Street,Oak Avenue,Maple Drive,Elm Road,Washington Blvd,Park Lane,5th Avenue,Cedar Court,High Street,Station Road'.split(
    ',',
  )
const TOWNS = [
  'Springfield, IL 62701',
  'Portland, OR 97201',
  'Austin, TX 78701',
  'Leeds LS1 4AP',
  'Bristol BS1 5TR',
  'Denver, CO 80202',
]
const ABROAD = [
  'Hauptstraße # , 10115 Berlin',
  'Lindenweg #, 80331 München',
  '# rue de la Paix, 75002 Paris',
  'Calle Mayor #, 28013 Madrid',
  'Via Roma #, 00184 Roma',
]

export const address = (chance: Chance): string =>
  chance.next() < 0.7
    ? `${chance.integer(1, 9800)} ${chance.pick(STREETS)}${chance.pick(['', ' Apt 4B', ', Suite 200'])}, ${chance.pick(TOWNS)}`
    : chance
        .pick(ABROAD)
        .replace('#', String(chance.integer(1, 120)))
        .replace(' ,', ',')
