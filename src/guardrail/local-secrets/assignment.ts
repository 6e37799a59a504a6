import { endOfStretch, stopsAt } from './characters.ts'
import type { Matcher } from './match.ts'
import { bitsPerCharacter, isPlaceholder } from './randomness.ts'
import { readName } from './secret-name.ts'

const LEAST_PASSWORD = 8
const LEAST_KEY = 16
const LONG_KEY = 20
const MOST = 256
const MAX_BLANKS = 4
/** Ends a value that stands in no quotes; in quotes less does. */
const ENDS_BARE = stopsAt('"\'`\\,;(){}[]<>|&')
const ENDS_QUOTED = stopsAt('"\'`\\<>')
const WAKE = /[^\x21-\x7e]|["'`\\,;(){}[\]<>|&]/
const QUOTE = /["'`]/

/**
 * The value behind `=` or `:` where the name before it says that it is secret, and it looks like a key or a password.
 * `leastBits` is the entropy of a character that a key has at least.
 */
export function assignmentMatcher(leastBits: number): Matcher {
  return ({ text, textEnd }, at) => {
    const next = text[at + 1]
    // A comparison, or the first half of `:=` or `::`.
    if (next === '=' || next === ':' || '=!<'.includes(text[at - 1] ?? ' ')) return undefined
    // A URL's scheme.
    if (next === '/' && text[at + 2] === '/') return undefined
    const start = valueStart(text, next === '>' ? at + 2 : at + 1)
    const isQuoted = QUOTE.test(text.charAt(start - 1))
    const stops = isQuoted ? ENDS_QUOTED : ENDS_BARE
    // Most values are shorter, and most names say nothing.
    const soonest = endOfStretch(text, start, stops, LEAST_PASSWORD)
    const isCut = textEnd === 'open' && soonest === text.length
    if (soonest - start < LEAST_PASSWORD && !isCut) return undefined
    const name = readName(text, at)
    if (name === undefined) return undefined
    const end = endOfStretch(text, start, stops, MOST)
    if (textEnd === 'open' && end === text.length && end - start < MOST)
      return { kind: 'open', start, wake: WAKE }
    // A call, an index, or no key at all.
    if (end - start >= MOST || (!isQuoted && '(['.includes(text.charAt(end) || ' ')))
      return { kind: 'no-guess', end }
    const value = text.slice(start, end).replace(/[.,;:)}\]*_]{1,8}$/, '')
    const score = scoreOf(value, name.is, isQuoted, leastBits)
    if (score === undefined) return { kind: 'no-guess', end }
    const rule = name.isAws && /^[A-Za-z0-9/+]{40}$/.test(value) ? 'aws' : 'assignment'
    return { kind: 'secret', rule, score, start, end: start + value.length, told: 'guess' }
  }
}

/** Behind blanks and quotes, those of an escape or of three in a row too. */
function valueStart(text: string, from: number): number {
  let start = from
  while (start < from + MAX_BLANKS && (text[start] === ' ' || text[start] === '\t')) start++
  for (let quotes = 0; quotes < 3; quotes++) {
    if (text[start] === '\\' && QUOTE.test(text.charAt(start + 1))) start++
    if (!QUOTE.test(text.charAt(start))) break
    start++
  }
  return start
}

function scoreOf(
  value: string,
  is: 'key' | 'password',
  isQuoted: boolean,
  leastBits: number,
): number | undefined {
  if (value.length < LEAST_PASSWORD || isPlaceholder(value) || isReference(value) || isKnownShape(value))
    return undefined
  const hasDigit = /\d/.test(value)
  if (value.length >= LEAST_KEY) {
    if (!hasDigit || !/[a-z]/i.test(value) || isWordy(value) || bitsPerCharacter(value) < leastBits)
      return undefined
    return value.length >= LONG_KEY ? 0.8 : 0.7
  }
  if (is !== 'password' || !hasDigit || (!isQuoted && /[()[\]]/.test(value))) return undefined
  const classes = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/].filter(one => one.test(value)).length
  return classes >= 3 && bitsPerCharacter(value) >= Math.min(leastBits, MOST_PASSWORD_BITS) ? 0.6 : undefined
}

/** Eight characters carry three bits each at most. */
const MOST_PASSWORD_BITS = 2.5

/** Where the secret comes from, rather than the secret. */
export function isReference(value: string): boolean {
  return /^[$@%#&<{[(]|^(?:vault|env|file|secret|ssm|arn|op|ref|data|https?|process\.env|os\.environ|import\.meta|sha\d{1,3})[:.]/i.test(
    value,
  )
}

/**
 * Random or not, these are no secrets: ids, hashes with their name, numbers, addresses, dates, public keys. Apart, and
 * with small counts, so that recheck proves each linear at once; of one pattern for all it could not.
 */
const KNOWN_SHAPES = [
  /[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/i,
  /\b00-(?:[0-9a-f]{16}){2}-/i,
  /^(?:sha\d{1,3}-|0x[0-9a-f]+$|pk_)/i,
  /:\/\//,
  /^[\d.,:/TZ+-]+$/,
]

function isKnownShape(value: string): boolean {
  return KNOWN_SHAPES.some(shape => shape.test(value))
}

const LONG_WORD = 3.5

/** Words run together, paths and names in code: `createToken2`, `app/v2/secret-name`, `config.auth.v2Token`. */
function isWordy(value: string): boolean {
  const digits = value.match(/\d/g)?.length ?? 0
  const words = value.match(/[A-Z]?[a-z]+|[A-Z]+(?![a-z])/g) ?? []
  const letters = words.reduce((sum, word) => sum + word.length, 0)
  return digits <= value.length / 6 && words.length > 0 && letters / words.length >= LONG_WORD
}
