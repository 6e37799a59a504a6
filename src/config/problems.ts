import type { z } from 'zod'
import type { ConfigProblem } from '../errors.ts'
import { closestWord } from './hints.ts'

type Issue = z.core.$ZodIssue

/** The keys that may stand at a place of the config, for hints; empty where any may. */
export type KnownKeys = (path: readonly PropertyKey[]) => readonly string[]

/**
 * Zod's issues in plain English. No message holds a value from the file: only key names, which have to be named,
 * and what should stand there.
 */
export function problemsFrom(issues: readonly Issue[], knownKeys: KnownKeys): ConfigProblem[] {
  return issues.flatMap(issue => {
    if (issue.code === 'unrecognized_keys') return unknownKeys(issue.path, issue.keys, knownKeys)
    return [{ path: dottedPath(issue.path), message: messageOf(issue) }]
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
  knownKeys: KnownKeys,
): ConfigProblem[] {
  const known = knownKeys(path)
  return keys.map(key => {
    const meant = closestWord(key, known)
    const hint = meant === undefined ? '' : `; did you mean ${meant}?`
    const blank = key.includes(':') ? '; is the blank after a colon missing?' : hint
    return { path: dottedPath([...path, key]), message: `unknown key${blank}` }
  })
}

function messageOf(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined
        ? `is required and must be ${typeName(issue.expected)}`
        : `must be ${typeName(issue.expected)}, not ${kindOf(issue.input)}`
    case 'invalid_value':
      return `must be ${listOf(issue.values.map(String))}`
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

function unionMessage(issue: Issue & { code: 'invalid_union' }): string {
  if (!('options' in issue) || !Array.isArray(issue.options)) return issue.message
  const given: unknown = issue.input
  const missing = !(typeof given === 'object' && given !== null && String(issue.discriminator) in given)
  const options = listOf(issue.options.map(String))
  return missing ? `is required and must be ${options}` : `must be ${options}`
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

function listOf(words: readonly string[]): string {
  if (words.length < 2) return words.join('')
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}
