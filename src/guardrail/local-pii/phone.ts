import type { Reader } from './candidate.ts'
import type { Extent } from './open-tail.ts'
import { patternReader } from './pattern-reader.ts'

/**
 * One way to write a phone number. Each pattern is a fixed or bounded row of digits and separators, which exclude each
 * other, so a match attempt reads a bounded stretch and never backtracks over it.
 */
interface Shape {
  readonly pattern: RegExp
  readonly score: number
  /** Judges the bare digits, with the leading plus if there is one. */
  readonly accepts: (digits: string) => boolean
}

/** Not within a word, a price, a decimal, a version or a longer number. */
const BEFORE = '(?<![\\p{L}\\p{N}_.,+/$€£¥#-])'
/** A plus sign starts a number by itself, so less must be ruled out before it. */
const BEFORE_PLUS = '(?<![\\p{L}\\p{N}_+])'
const AFTER = '(?![\\p{L}\\p{N}_])(?![.,:/-]\\p{N})'
const shape = (body: string): RegExp =>
  new RegExp(`${body.startsWith('\\+') ? BEFORE_PLUS : BEFORE}${body}${AFTER}`, 'gu')

const always = (): boolean => true
const totalDigits =
  (min: number, max: number) =>
  (digits: string): boolean =>
    digits.length >= min && digits.length <= max

const SHAPES: readonly Shape[] = [
  // E.164 allows 15 digits, and numbers in use have 9 or more: +49 30 901820, +44 (0)20 7946 0958
  { pattern: shape('\\+[2-9](?:[ .()/\\u00a0-]{0,2}\\d){7,15}'), score: 0.9, accepts: totalDigits(10, 16) },
  // The same for +1, whose length is fixed: +1 (212) 555-1234
  {
    pattern: shape('\\+1[ .-]?\\(?[2-9]\\d{2}\\)?[ .-]{0,2}[2-9]\\d{2}[ .-]?\\d{4}'),
    score: 0.9,
    accepts: always,
  },
  // The same with the 00 prefix, which only counts when it is grouped: 0049 30 901820
  {
    pattern: shape('00[1-9]\\d{0,2}[ ./-](?:[ .()/-]{0,2}\\d){6,13}'),
    score: 0.8,
    accepts: totalDigits(10, 17),
  },
  // North America: (212) 555-1234, 212-555-1234, 212.555.1234, 1-212-555-1234
  {
    pattern: shape('(?:1[ .-])?(?:\\([2-9]\\d{2}\\) ?|[2-9]\\d{2}[ .-])[2-9]\\d{2}[ .-]\\d{4}'),
    score: 0.75,
    accepts: always,
  },
  // France and its like: 01 23 45 67 89
  { pattern: shape('0[1-9](?:[ .-]\\d{2}){4}'), score: 0.75, accepts: always },
  // An area code with its trunk 0, then the number: 030 901820, 030/901820, (020) 7946 0958, 07700 900123
  {
    pattern: shape('(?:\\(0[1-9]\\d{0,4}\\) ?|0[1-9]\\d{1,4}[ /-])\\d{3,8}(?:[ -]\\d{2,8}){0,2}'),
    score: 0.6,
    accepts: totalDigits(9, 12),
  },
]

/** Digits that no shape takes count when the text says what they are: "call me at 2125551234". */
const NAMED =
  /(?<![\p{L}\p{N}_])(?:phone|telephone|tel|mobile|cell|fax|whatsapp|call(?: me)?|text me)(?:[ -]?(?:number|no\.?|nr\.?))?(?: is| at| on)?[.:#]{0,2} {0,2}(?<entity>\(?\d(?:[ .()/-]{0,2}\d){6,14})(?![\p{L}\p{N}_])(?![.,:/-]\p{N})/giu

const DIGITS = '0123456789'
/** The longest is `+` and 16 digits with two signs before each of the last 15: 47 units, and up to 3 looked at behind. */
const EXTENT: Extent = { starts: `+(${DIGITS}`, holds: `+${DIGITS} .()/\u00a0-,:`, reach: 50 }

/**
 * Phone numbers in international form, in the national forms of North America, France and the countries that dial a
 * trunk 0, and any other row of digits that the text names as one.
 */
export const phoneReaders: readonly Reader[] = [
  ...SHAPES.map(({ pattern, score, accepts }) =>
    patternReader({
      pattern,
      extent: EXTENT,
      lead: 0,
      score: number =>
        accepts(number.replace(/[^\d+]/g, '')) && hasBalancedParentheses(number) ? score : undefined,
    }),
  ),
  patternReader({
    pattern: NAMED,
    extent: EXTENT,
    lead: 'telephone-number is::  '.length,
    score: number => (looksLikeDate(number) || !hasBalancedParentheses(number) ? undefined : 0.7),
  }),
]

function looksLikeDate(number: string): boolean {
  return /^(?:19|20)\d{2}[./-]\d{1,2}[./-]\d{1,2}/.test(number)
}

function hasBalancedParentheses(number: string): boolean {
  return number.split('(').length === number.split(')').length && !/\)[^(]*\)|^[^(]*\)/.test(number)
}
