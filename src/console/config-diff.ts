import { isDeepStrictEqual } from 'node:util'

/** One place of the config and what stands there now; a side is absent where the place is not there. */
export interface Change {
  readonly path: string
  readonly before?: unknown
  readonly after?: unknown
}

/**
 * What tells two values of plain data apart, as the paths of the smallest parts that differ. Lists of mappings that have
 * names are compared by them, lists of plain values as what came and what went.
 */
export function changesBetween(before: unknown, after: unknown, path = ''): readonly Change[] {
  if (isDeepStrictEqual(before, after)) return []
  const pairs = pairsOf(before, after)
  if (pairs === undefined) return [changeAt(path, before, after)]
  const changes = pairs.flatMap(([key, old, next]) =>
    changesBetween(old, next, path === '' ? key : `${path}.${key}`),
  )
  // The same named entries in another order.
  return changes.length > 0 ? changes : [changeAt(path, namesIn(before), namesIn(after))]
}

function namesIn(value: unknown): unknown {
  return Array.isArray(value) ? value.map(nameOf) : value
}

/** Undefined where the two are not made of parts, or not of parts that can be told one from another. */
function pairsOf(
  before: unknown,
  after: unknown,
): readonly (readonly [string, unknown, unknown])[] | undefined {
  const [old, next] = [partsOf(before), partsOf(after)]
  if (old === undefined || next === undefined || Array.isArray(before) !== Array.isArray(after))
    return undefined
  const keys = [...new Set([...old.keys(), ...next.keys()])]
  return keys.map(key => [key, old.get(key), next.get(key)])
}

function partsOf(value: unknown): ReadonlyMap<string, unknown> | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  if (!Array.isArray(value)) return new Map(Object.entries(value))
  const names = value.map(nameOf)
  const named = new Map(value.map((entry, index) => [names[index] ?? '', entry]))
  return names.includes(undefined) || named.size < value.length ? undefined : named
}

/** A policy's own name; of a rule, the guardrail's. */
function nameOf(entry: unknown): string | undefined {
  if (typeof entry !== 'object' || entry === null) return undefined
  const name = 'name' in entry ? entry.name : 'use' in entry ? entry.use : undefined
  return typeof name === 'string' ? name : undefined
}

function changeAt(path: string, before: unknown, after: unknown): Change {
  if (Array.isArray(before) && Array.isArray(after)) {
    const [gone, come] = [without(before, after), without(after, before)]
    // The same in another order: both lists tell that, their difference would not.
    if (gone.length > 0 || come.length > 0) {
      return { path, ...(gone.length > 0 && { before: gone }), ...(come.length > 0 && { after: come }) }
    }
  }
  return { path, ...(before !== undefined && { before }), ...(after !== undefined && { after }) }
}

/** The entries of `list` that `others` has not, each as often as it is missing there. */
function without(list: readonly unknown[], others: readonly unknown[]): readonly unknown[] {
  const left = new Map<string, number>()
  for (const other of others) left.set(JSON.stringify(other), (left.get(JSON.stringify(other)) ?? 0) + 1)
  return list.filter(entry => {
    const count = left.get(JSON.stringify(entry)) ?? 0
    left.set(JSON.stringify(entry), count - 1)
    return count <= 0
  })
}
