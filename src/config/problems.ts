import type { z } from 'zod'
import type { ConfigProblem } from '../errors.ts'
import { closestWord } from './hints.ts'

type Issue = z.core.$ZodIssue

/** What the schema says of keys, for hints. */
export interface KeyHints {
  /** Those that may stand at a place; none where any may. */
  known(path: readonly PropertyKey[]): readonly string[]
  /** Those that must stand in a mapping at a place. */
  required(path: readonly PropertyKey[]): readonly string[]
  /** Where else a key of this name may stand. */
  placesOf(key: string): readonly string[]
}

export const NO_HINTS: KeyHints = { known: () => [], required: () => [], placesOf: () => [] }

/**
 * Zod's issues in plain English. No message holds a value from the file: only key names, which have to be named,
 * and what should stand there.
 */
export function problemsFrom(issues: readonly Issue[], hints: KeyHints): ConfigProblem[] {
  return issues.flatMap(issue => {
    if (issue.code === 'unrecognized_keys') return unknownKeys(issue.path, issue.keys, hints)
    return [{ path: dottedPath(issue.path), message: messageOf(issue, hints) }]
  })
}

/**
 * `['policies', 0, 'name']` as `policies.0.name`. Of a key that is no plain word only the beginning shows: where the
 * blank after a colon is missing, YAML takes `api_key:VALUE` for a key.
 */
export function dottedPath(path: readonly PropertyKey[]): string {
  return path.map(key => shownKey(String(key))).join('.')
}

function shownKey(key: string): string {
  const plain = /^[A-Za-z0-9._/-]{0,128}/.exec(key)?.[0] ?? ''
  return plain === key ? key : `${plain}…`
}

function unknownKeys(
  path: readonly PropertyKey[],
  keys: readonly string[],
  hints: KeyHints,
): ConfigProblem[] {
  const known = hints.known(path)
  return keys.map(key => ({
    path: dottedPath([...path, key]),
    message: `unknown key${keyHint(key, known, hints)}`,
  }))
}

/** More places than these tell nobody where it belongs. */
const MOST_PLACES = 2

function keyHint(key: string, known: readonly string[], hints: KeyHints): string {
  if (key.includes(':')) return '; is the blank after a colon missing?'
  const meant = closestWord(key, known)
  if (meant !== undefined) return `; did you mean ${meant}?`
  const places = hints.placesOf(key)
  return places.length === 0 || places.length > MOST_PLACES ? '' : ` here; it belongs to ${listOf(places)}`
}

function messageOf(issue: Issue, hints: KeyHints): string {
  switch (issue.code) {
    case 'invalid_type':
      return typeMessage(issue, hints)
    case 'invalid_value':
      return oneOfMessage(issue.input, issue.values.map(String))
    case 'too_small':
      return `must ${bound(issue.origin, 'at least', Number(issue.minimum))}`
    case 'too_big':
      return `must ${bound(issue.origin, 'at most', Number(issue.maximum))}`
    case 'invalid_key':
      return issue.issues[0]?.message ?? 'is not a valid name'
    case 'invalid_union':
      return unionMessage(issue)
    default:
      return issue.message
  }
}

/** How zod begins where the schema has no sentence of its own. */
const ZODS_OWN = 'Invalid input'

function typeMessage(issue: Issue & { code: 'invalid_type' }, hints: KeyHints): string {
  const { expected, input, path, message } = issue
  if (!message.startsWith(ZODS_OWN)) return message
  const required = expected === 'object' ? hints.required(path) : []
  const what = `${typeName(expected)}${required.length === 0 ? '' : ` with ${listOf(required, 'and')}`}`
  if (input === undefined) return `is required and must be ${what}`
  return `must be ${what}, not ${kindOf(input)}${scalarHint(expected, input)}`
}

function scalarHint(expected: string, input: unknown): string {
  if (expected === 'number' && typeof input === 'string' && /^\d/.test(input)) {
    return ': leave out quotes and unit; times are milliseconds, sizes bytes'
  }
  const isScalar = typeof input === 'number' || typeof input === 'boolean'
  return expected === 'string' && isScalar ? ': put it in quotes' : ''
}

/** A long list hides what was most likely meant: that goes first. */
function oneOfMessage(input: unknown, values: readonly string[]): string {
  const meant = typeof input === 'string' ? closestWord(input, values) : undefined
  const rule = `must be ${listOf(values)}`
  return meant === undefined ? rule : `did you mean ${meant}? It ${rule}`
}

function unionMessage(issue: Issue & { code: 'invalid_union' }): string {
  if (!('options' in issue) || !Array.isArray(issue.options)) return issue.message
  const given: unknown = issue.input
  const said = typeof given === 'object' && given !== null ? Object.entries(given) : []
  const [, value] = said.find(([key]) => key === issue.discriminator) ?? []
  const options = issue.options.map(String)
  return value === undefined ? `is required and must be ${listOf(options)}` : oneOfMessage(value, options)
}

function bound(origin: string, relation: 'at least' | 'at most', limit: number): string {
  switch (origin) {
    case 'string':
      return relation === 'at least' && limit === 1 ? 'not be empty' : `have ${relation} ${limit} characters`
    case 'array':
      return relation === 'at least' && limit === 1 ? 'not be empty' : `have ${relation} ${limit} entries`
    default:
      return `be ${relation} ${limit}`
  }
}

function typeName(expected: string): string {
  switch (expected) {
    case 'string':
      return 'text'
    case 'boolean':
      return 'true or false'
    case 'object':
    case 'record':
      return 'a mapping'
    case 'array':
      return 'a list'
    case 'int':
      return 'a whole number'
    case 'number':
      return 'a number'
    default:
      return expected
  }
}

function kindOf(value: unknown): string {
  if (value === null) return 'empty'
  if (Array.isArray(value)) return 'a list'
  switch (typeof value) {
    case 'string':
      return 'text'
    case 'boolean':
      return 'true or false'
    case 'number':
      return Number.isInteger(value) ? 'a whole number' : 'a fraction'
    default:
      return 'a mapping'
  }
}

function listOf(words: readonly string[], joint: 'or' | 'and' = 'or'): string {
  if (words.length < 2) return words.join('')
  return `${words.slice(0, -1).join(', ')} ${joint} ${words.at(-1)}`
}
