/** A format of keys: a literal that they begin with, and what has to follow. */
export type TokenRule = RunRule | ShapeRule

interface RuleBasics {
  /** Whose key it is: the name of the rule in the config, and of the detector behind `secret/`. */
  readonly rule: string
  /** Literals of at least three characters. None stands behind a letter or a digit. */
  readonly prefixes: readonly string[]
  /** Whether the finding begins with the prefix, or the prefix only says what follows it. */
  readonly prefixIs: 'secret' | 'context'
  /** 0 to 1. */
  readonly score: number
}

/** One run of characters behind the prefix. */
export interface RunRule extends RuleBasics {
  readonly kind: 'run'
  /** A set of characters.ts. */
  readonly of: number
  readonly least: number
  /** A longer run is none, unless the next character is neither letter nor digit. */
  readonly most: number
  readonly passes?: (body: string) => boolean
}

/** More than one run. */
export interface ShapeRule extends RuleBasics {
  readonly kind: 'shape'
  /** How many characters of the token can stand before the prefix, each number there is. */
  readonly leads: readonly number[]
  /** What can stand right before the prefix where it is not the beginning: a set of characters.ts. */
  readonly leadOf: number
  /** Sticky, from the token's start on; bounded. What it matches consists of token characters only, `most` at most. */
  readonly shape: RegExp
  readonly most: number
}

interface RunOptions {
  readonly prefixIs?: 'secret' | 'context'
  readonly score?: number
  readonly passes?: (body: string) => boolean
}

const DEFAULT_SCORE = 0.95

/** `length` is one number or the least and the most. */
export function run(
  rule: string,
  prefixes: string,
  of: number,
  length: number | readonly [number, number],
  { prefixIs = 'secret', score = DEFAULT_SCORE, ...rest }: RunOptions = {},
): RunRule {
  const [least, most] = typeof length === 'number' ? [length, length] : length
  return { kind: 'run', rule, prefixes: prefixes.split(' '), prefixIs, of, least, most, score, ...rest }
}

/** `leads` where the prefix, or what stands in for one, is not the beginning. */
export function shape(
  rule: string,
  prefixes: string,
  pattern: RegExp,
  most: number,
  leads: readonly number[] = [0],
  leadOf = 0,
): ShapeRule {
  return {
    kind: 'shape',
    rule,
    prefixes: prefixes.split(' '),
    prefixIs: 'secret',
    leads,
    leadOf,
    shape: pattern,
    most,
    score: DEFAULT_SCORE,
  }
}
