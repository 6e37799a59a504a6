import fc from 'fast-check'

/** A place in a JSON document, as `/a/0/b`; the document itself is ``. */
export type Place = string

/** What stands at a place instead of what belongs there. */
type Replacement = { readonly kind: 'removed' } | { readonly kind: 'value'; readonly value: unknown }

export interface Mutation {
  readonly place: Place
  readonly what: string
  readonly body: string
}

/** One of each JSON type. */
const VALUES: readonly unknown[] = [null, 'x', 17, true, {}, []]

/** Each field of the document set to null, to a value of every other type, and removed: one at a time. */
export function singleMutations(document: unknown): readonly Mutation[] {
  return [...placesOf(document)].flatMap(([place, value]) => {
    const others = VALUES.filter(other => typeName(other) !== typeName(value)).map(
      (other): Replacement => ({ kind: 'value', value: other }),
    )
    // An entry less makes another list, not a broken one.
    const isField = place !== '' && !/\/\d+$/.test(place)
    const all: readonly Replacement[] = isField ? [...others, { kind: 'removed' }] : others
    return all.map(by => ({
      place,
      what: by.kind === 'removed' ? 'removed' : JSON.stringify(by.value),
      body: JSON.stringify(replaced(document, place, by)),
    }))
  })
}

/** Documents with up to four such changes at once, or none of the document at all. */
export function mutatedAnswers(documents: readonly unknown[]): fc.Arbitrary<string> {
  const changed = fc
    .tuple(
      fc.constantFrom(...documents),
      fc.array(fc.tuple(fc.nat(), replacement()), { minLength: 1, maxLength: 4 }),
    )
    .map(([document, changes]) =>
      changes.reduce((current, [pick, by]) => {
        const places = [...placesOf(current).keys()]
        return replaced(current, places[pick % places.length] ?? '', by)
      }, document),
    )
  return fc.oneof(
    { arbitrary: changed.map(document => JSON.stringify(document) ?? 'null'), weight: 8 },
    { arbitrary: fc.json(), weight: 1 },
    { arbitrary: fc.string(), weight: 1 },
  )
}

function replacement(): fc.Arbitrary<Replacement> {
  return fc.oneof(
    fc.constant<Replacement>({ kind: 'removed' }),
    fc
      .oneof(
        fc.constantFrom<unknown>(...VALUES, 1e308, -1, 0.5, '', 'false', '__proto__', ['x'], [null], {
          a: null,
        }),
        fc.jsonValue(),
      )
      .map((value): Replacement => ({ kind: 'value', value })),
  )
}

function placesOf(value: unknown, place: Place = '', into = new Map<Place, unknown>()): Map<Place, unknown> {
  into.set(place, value)
  if (typeof value === 'object' && value !== null) {
    for (const [key, entry] of Object.entries(value)) placesOf(entry, `${place}/${key}`, into)
  }
  return into
}

function replaced(value: unknown, place: Place, by: Replacement): unknown {
  if (place === '') return by.kind === 'removed' ? undefined : by.value
  return replacedAt(value, keysOf(value, place), by)
}

/** Keys may hold slashes themselves (`hate/threatening`): the longest key that fits is meant. */
function keysOf(value: unknown, place: Place): readonly string[] {
  if (place === '' || typeof value !== 'object' || value === null) return []
  for (const [key, entry] of Object.entries(value)) {
    const start = `/${key}`
    if (place === start) return [key]
    if (!place.startsWith(`${start}/`)) continue
    const rest = keysOf(entry, place.slice(start.length))
    if (rest.length > 0) return [key, ...rest]
  }
  return []
}

function replacedAt(value: unknown, [key, ...rest]: readonly string[], by: Replacement): unknown {
  if (key === undefined) return by.kind === 'removed' ? undefined : by.value
  if (Array.isArray(value))
    return value.map((entry, at) => (String(at) === key ? replacedAt(entry, rest, by) : entry))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).flatMap(([name, entry]) => {
    if (name !== key) return [[name, entry] satisfies [string, unknown]]
    if (rest.length === 0 && by.kind === 'removed') return []
    return [[name, replacedAt(entry, rest, by)] satisfies [string, unknown]]
  })
  return Object.fromEntries(entries)
}

function typeName(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'list' : typeof value
}
