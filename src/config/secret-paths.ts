/**
 * Where a secret stands inside of a block of the config: keys from the outside in, `*` for every key of a mapping.
 * `api_key` is that key of the block; `headers.*` is every value of the mapping `headers`.
 */
export type SecretPattern = string

/** A text of a block that is a secret, or could be mistaken for one. */
export interface TextAt {
  /** Keys from the block inwards. */
  readonly path: readonly string[]
  readonly text: string
  readonly is: 'secret' | 'plain'
}

/** The texts of a block: its own, and those of the mappings that a pattern leads into. */
export function textsIn(block: unknown, patterns: readonly SecretPattern[]): readonly TextAt[] {
  return textsBelow(block, [], patterns)
}

function textsBelow(
  value: unknown,
  path: readonly string[],
  patterns: readonly SecretPattern[],
): readonly TextAt[] {
  if (typeof value === 'string') {
    return path.length === 0 ? [] : [{ path, text: value, is: isSecret(path, patterns) ? 'secret' : 'plain' }]
  }
  if (!isMapping(value) || !leadsInto(path, patterns)) return []
  return Object.entries(value).flatMap(([key, entry]) => textsBelow(entry, [...path, key], patterns))
}

/** A mapping with what stands at its secret places replaced; what is beside them stays the same value. */
export function mapSecrets(
  block: object,
  patterns: readonly SecretPattern[],
  replace: (path: readonly string[], value: unknown) => unknown,
): Readonly<Record<string, unknown>> {
  return mapBelow(block, [], patterns, replace)
}

function mapBelow(
  mapping: object,
  path: readonly string[],
  patterns: readonly SecretPattern[],
  replace: (path: readonly string[], value: unknown) => unknown,
): Readonly<Record<string, unknown>> {
  const entries = Object.entries(mapping).map(([key, value]: [string, unknown]) => {
    const here = [...path, key]
    if (isSecret(here, patterns)) return [key, replace(here, value)]
    return [
      key,
      isMapping(value) && leadsInto(here, patterns) ? mapBelow(value, here, patterns, replace) : value,
    ]
  })
  return Object.fromEntries(entries)
}

/** Whether a secret stands at this path; a path may itself be written with `*` for the name of an entry. */
export function isSecret(path: readonly string[], patterns: readonly SecretPattern[]): boolean {
  return patterns.some(pattern => {
    const keys = pattern.split('.')
    return keys.length === path.length && agree(keys, path)
  })
}

/** Whether a secret may stand below this path; below the block itself one always may. */
function leadsInto(path: readonly string[], patterns: readonly SecretPattern[]): boolean {
  return (
    path.length === 0 ||
    patterns.some(pattern => {
      const keys = pattern.split('.')
      return keys.length > path.length && agree(keys, path)
    })
  )
}

function agree(keys: readonly string[], path: readonly string[]): boolean {
  return path.every((key, index) => keys[index] === '*' || keys[index] === key)
}

function isMapping(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
