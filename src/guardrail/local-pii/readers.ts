import { addressMatcher } from './address.ts'
import type { Matcher } from './anchor.ts'
import { ninoMatcher, UK_NHS, US_ITIN, US_SSN } from './anglo-numbers.ts'
import { birthDateMatcher } from './birth-date.ts'
import type { Reader } from './candidate.ts'
import { cardMatcher } from './card.ts'
import { coordinatesMatcher } from './coordinates.ts'
import { DRIVER_LICENSE, documentMatcher, PASSPORT } from './documents.ts'
import { emailReader } from './email.ts'
import type { EntitySettings } from './entity.ts'
import { vatMatcher } from './eu-vat.ts'
import { ibanMatcher } from './iban.ts'
import { NATIONAL_IDS, type NationalId } from './national-ids.ts'
import { ipMatcher, macMatcher } from './network.ts'
import { numberReader } from './number-reader.ts'
import { phoneMatcher } from './phone.ts'
import type { Entity } from './settings.ts'
import { type NumberKind, shapedNumbers } from './shaped-numbers.ts'
import { urlReader } from './url-reader.ts'
import { walletMatcher } from './wallet.ts'

/** What to look for, and how. */
export interface Wanted {
  readonly entities: ReadonlyMap<Entity, EntitySettings>
  readonly regions: readonly string[]
  readonly nationalIds: readonly NationalId[]
}

/** Numbers that a table of shapes tells apart. */
const SHAPED = {
  us_ssn: () => [US_SSN],
  us_itin: () => [US_ITIN],
  uk_nhs: () => [UK_NHS],
  national_id: ({ nationalIds }) => nationalIds.map(name => NATIONAL_IDS[name]),
} as const satisfies Partial<Record<Entity, (wanted: Wanted) => readonly NumberKind[]>>

type ShapedEntity = keyof typeof SHAPED

/** How a word with a digit in it begins. */
type Where = 'digits' | 'letters' | 'any'
type NumberEntity = Exclude<Entity, 'email' | 'url_credentials' | ShapedEntity>
type Make = (settings: EntitySettings, wanted: Wanted) => Matcher

/** All others that have digits, each with its own matcher at the words where it is looked for. */
const MATCHERS: Readonly<Record<NumberEntity, readonly [Where, Make]>> = {
  phone: ['digits', (settings, { regions }) => phoneMatcher(settings, regions)],
  card: ['digits', cardMatcher],
  iban: ['letters', ibanMatcher],
  uk_nino: ['any', ninoMatcher],
  eu_vat: ['any', vatMatcher],
  passport: ['any', settings => documentMatcher(settings, PASSPORT)],
  driver_license: ['any', settings => documentMatcher(settings, DRIVER_LICENSE)],
  ip: ['any', ipMatcher],
  mac: ['any', macMatcher],
  wallet: ['any', walletMatcher],
  coordinates: ['digits', coordinatesMatcher],
  address: ['digits', addressMatcher],
  date_of_birth: ['digits', birthDateMatcher],
}

/** One reader for everything with a digit in it, one for what stands around at signs, one for what begins `://`. */
export function readersFor(wanted: Wanted): readonly Reader[] {
  const { entities } = wanted
  const readers: Reader[] = []
  const matchers: Record<Where, Matcher[]> = { digits: [], letters: [], any: [] }
  const kinds: (readonly [EntitySettings, NumberKind])[] = []
  for (const [entity, settings] of entities) {
    if (entity === 'email') readers.push(emailReader(settings))
    else if (entity === 'url_credentials') readers.push(urlReader(settings))
    else if (isShaped(entity)) for (const kind of SHAPED[entity](wanted)) kinds.push([settings, kind])
    else {
      const [where, make] = MATCHERS[entity]
      matchers[where].push(make(settings, wanted))
    }
  }
  if (kinds.length > 0) {
    const shaped = shapedNumbers(kinds)
    matchers.digits.push(shaped.digits)
    matchers.any.push(shaped.letters)
  }
  if (Object.values(matchers).some(list => list.length > 0)) {
    const leads = { dates: entities.has('date_of_birth'), streets: entities.has('address') }
    readers.push(numberReader({ ...matchers, leads }))
  }
  return readers
}

function isShaped(entity: Entity): entity is ShapedEntity {
  return Object.hasOwn(SHAPED, entity)
}
