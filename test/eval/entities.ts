import type { Entity } from '../../src/guardrail/local-pii/settings.ts'

/** What `local-pii` looks for; telephone numbers without their country are measured by themselves. */
export type MeasuredEntity = Entity | 'phone_national'

/** Which findings of `local-pii` are the entity of a span, by the detector's name without `pii/`. */
const NAMES: Readonly<Record<MeasuredEntity, RegExp>> = {
  email: /^email/,
  phone: /^phone/,
  phone_national: /^phone/,
  card: /card/,
  iban: /iban/,
  us_ssn: /^(?:us_)?ssn/,
  us_itin: /itin/,
  uk_nhs: /nhs/,
  uk_nino: /nino|^uk_ni$|national_insurance/,
  eu_vat: /vat/,
  ip: /^ip(?:v4|v6|_address)?$/,
  mac: /^mac/,
  url_credentials: /url/,
  wallet: /wallet|crypto|bitcoin|btc|eth/,
  coordinates: /coordinates|^geo/,
  national_id: /national_id|^[a-z]{2}_(?!ssn|itin|nhs|nino|ni$|vat|passport|driver)/,
  address: /^(?:street_|postal_)?address/,
  date_of_birth: /birth|dob/,
  passport: /passport/,
  driver_license: /driv/,
}

/** Known by the words around them: beside the goal that holds for the others. */
const BY_CONTEXT = new Set(['phone_national', 'address', 'date_of_birth', 'passport', 'driver_license'])

const PATTERNS: ReadonlyMap<string, RegExp> = new Map(Object.entries(NAMES))

export const ENTITY_NAMES = [...PATTERNS.keys()]
export const isPatterned = (entity: string): boolean => !BY_CONTEXT.has(entity)

export const isEntity = (detector: string, entity: string): boolean =>
  PATTERNS.get(entity)?.test(detector.replace(/^pii\//, '')) ?? false

/** The entity that a finding claims, for counting false ones; its own name where none fits. */
export const entityOf = (detector: string): string =>
  ENTITY_NAMES.find(entity => isEntity(detector, entity)) ?? detector
