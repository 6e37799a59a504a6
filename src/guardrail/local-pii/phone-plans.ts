import metadata from 'libphonenumber-js/metadata.min.json'

/** How a country numbers its telephones. */
interface Plan {
  /** Of the national number, without the trunk prefix. */
  readonly number: RegExp
  /** Where several countries share a calling code: how this one's numbers begin, or one pattern for each kind. */
  readonly leading: RegExp | undefined
  readonly types: readonly RegExp[]
  /** What is dialled before it within the country. */
  readonly trunk: string
}

const CALLING_CODE = 0
const NUMBER_PATTERN = 2
const TRUNK = 5
const LEADING = 10
const TYPES = 11

type Country = keyof typeof metadata.countries

const plans = new Map<string, Plan>()

/**
 * libphonenumber's table for a country, without its parser: the shape is read already, and this costs a hundredth.
 * A test holds the two together.
 */
function planOf(country: string): Plan | undefined {
  const known = plans.get(country)
  if (known !== undefined) return known
  const entry: readonly unknown[] | undefined = isCountry(country) ? metadata.countries[country] : undefined
  const pattern = entry?.[NUMBER_PATTERN]
  if (typeof pattern !== 'string') return undefined
  const trunk = entry?.[TRUNK]
  const leading = entry?.[LEADING]
  const plan = {
    number: new RegExp(`^(?:${pattern})$`),
    leading: typeof leading === 'string' ? new RegExp(`^(?:${leading})`) : undefined,
    types: typePatterns(entry?.[TYPES]).map(type => new RegExp(`^(?:${type})$`)),
    trunk: typeof trunk === 'string' ? trunk : '',
  }
  plans.set(country, plan)
  return plan
}

function typePatterns(types: unknown): string[] {
  if (!Array.isArray(types)) return []
  return types.flatMap((type: unknown) =>
    Array.isArray(type) && typeof type[0] === 'string' ? [type[0]] : [],
  )
}

function isCountry(name: string): name is Country {
  return Object.hasOwn(metadata.countries, name)
}

export const PHONE_REGIONS: readonly string[] = Object.keys(metadata.countries)

/** Whether these digits, without a plus sign, are an international number that can be in use. */
export function isInternational(digits: string): boolean {
  for (let length = 1; length <= 3; length++) {
    const countries = countriesOf(digits.slice(0, length))
    if (countries === undefined) continue
    const number = digits.slice(length)
    return countries.some(country => takes(planOf(country), number, countries.length > 1))
  }
  return false
}

function takes(plan: Plan | undefined, number: string, isShared: boolean): boolean {
  if (plan?.number.test(number) !== true) return false
  if (!isShared) return true
  if (plan.leading !== undefined) return plan.leading.test(number)
  return plan.types.length === 0 || plan.types.some(type => type.test(number))
}

/** How many of the digits are the country's; 0 when no country has them. */
export function callingCodeLength(digits: string): number {
  return [1, 2, 3].find(length => countriesOf(digits.slice(0, length)) !== undefined) ?? 0
}

function countriesOf(code: string): readonly string[] | undefined {
  const codes: Readonly<Record<string, readonly string[]>> = metadata.country_calling_codes
  return Object.hasOwn(codes, code) ? codes[code] : undefined
}

/** Whether these digits, as dialled within one of the regions, are a number that can be in use. */
export function isNational(digits: string, regions: readonly string[]): boolean {
  return regions.some(region => {
    const plan = planOf(region)
    if (plan === undefined) return false
    if (plan.number.test(digits)) return true
    return (
      plan.trunk !== '' && digits.startsWith(plan.trunk) && plan.number.test(digits.slice(plan.trunk.length))
    )
  })
}

/** The calling code of a region. */
export function callingCodeOf(region: string): string | undefined {
  const entry: readonly unknown[] | undefined = isCountry(region) ? metadata.countries[region] : undefined
  const code = entry?.[CALLING_CODE]
  return typeof code === 'string' ? code : undefined
}
