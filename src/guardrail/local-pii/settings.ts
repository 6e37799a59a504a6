import { z } from 'zod'
import type { EntitySettings } from './entity.ts'
import { NATIONAL_IDS, type NationalId } from './national-ids.ts'
import { PHONE_REGIONS } from './phone-plans.ts'

export const NATIONAL_ID_NAMES = Object.keys(NATIONAL_IDS).filter(isNationalId)

function isNationalId(name: string): name is NationalId {
  return Object.hasOwn(NATIONAL_IDS, name)
}

/** Whose national forms are looked for when the config names none: where most of the traffic comes from. */
const DEFAULT_REGIONS = [
  'US',
  'CA',
  'GB',
  'IE',
  'DE',
  'AT',
  'CH',
  'FR',
  'BE',
  'NL',
  'ES',
  'PT',
  'IT',
  'SE',
  'NO',
  'DK',
  'FI',
  'PL',
  'CZ',
  'GR',
  'BR',
  'MX',
  'AR',
  'CL',
  'CO',
  'JP',
  'KR',
  'CN',
  'IN',
  'SG',
  'AU',
  'NZ',
  'ZA',
  'IL',
  'TR',
  'UA',
]

const DEFAULT_MIN_SCORE = 0.5

const entitySchema = z.strictObject({
  enabled: z.boolean().optional().describe('Whether to look for it, whatever `entities` says.'),
  min_score: z
    .number()
    .min(0)
    .max(1)
    .default(DEFAULT_MIN_SCORE)
    .describe('Finds what is at least so sure. Below 0.5 much counts that no word beside it names.'),
  context: z
    .array(z.string().trim().min(2).max(64))
    .max(64)
    .default([])
    .describe(
      'Words that name it, beside the ones that are known: they raise the score of what stands near them.',
    ),
  allow: z
    .array(z.string().min(1).max(256))
    .max(1000)
    .default([])
    .describe('What is never a finding, in any case; `*` stands for any characters: `*@example.com`.'),
})

const phoneSchema = entitySchema.extend({
  regions: z
    .array(
      z.string().refine(region => PHONE_REGIONS.includes(region), 'must be an ISO 3166 code of a region'),
    )
    .default(DEFAULT_REGIONS)
    .describe(
      'Regions whose national numbers count where the text names them. Numbers with a plus sign always do.',
    ),
})

const nationalIdSchema = entitySchema.extend({
  kinds: z
    .array(z.enum(NATIONAL_ID_NAMES))
    .min(1)
    .default([...NATIONAL_ID_NAMES])
    .describe('Whose numbers to look for.'),
})

const plain = entitySchema.prefault({})

/** Every entity with its settings, in the order in which readings that are as long and as sure count. */
const SETTINGS = {
  email: plain,
  phone: phoneSchema.prefault({}),
  card: plain,
  iban: plain,
  us_ssn: plain,
  us_itin: plain,
  uk_nhs: plain,
  uk_nino: plain,
  eu_vat: plain,
  national_id: nationalIdSchema.prefault({}),
  passport: plain,
  driver_license: plain,
  ip: plain,
  mac: plain,
  url_credentials: plain,
  wallet: plain,
  coordinates: plain,
  address: plain,
  date_of_birth: plain,
} as const

export type Entity = keyof typeof SETTINGS

export const ENTITIES = Object.keys(SETTINGS).filter(isEntity)

function isEntity(name: string): name is Entity {
  return Object.hasOwn(SETTINGS, name)
}

/** By entity; what is left out has its defaults. */
export const settingsSchema = z.strictObject(SETTINGS).prefault({})

type Settings = z.output<typeof entitySchema>

/** The settings of one entity, ready for use. */
export function compileSettings(entity: Entity, rank: number, settings: Settings): EntitySettings {
  const patterns = settings.allow.map(value => value.toLowerCase().split('*'))
  return {
    detector: `pii/${entity}`,
    rank,
    minScore: settings.min_score,
    context: settings.context.map(word => word.toLowerCase()),
    allows: found => patterns.some(parts => fits(found.toLowerCase(), parts)),
  }
}

/** Whether a text is these parts in their order, with anything between them: linear, whatever the config holds. */
function fits(text: string, parts: readonly string[]): boolean {
  const first = parts[0] ?? ''
  const last = parts.at(-1) ?? ''
  if (parts.length === 1) return text === first
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length)
    return false
  let at = first.length
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at)
    if (found === -1 || found + part.length > text.length - last.length) return false
    at = found + part.length
  }
  return true
}
