import type { Reader } from './candidate.ts'
import { patternReader } from './pattern-reader.ts'

const DIGITS = '0123456789'

/**
 * US social security numbers that the Social Security Administration could have issued: 9 digits, 11 units when grouped.
 */
export const ssnReaders: readonly Reader[] = [
  // 3-2-4 digits with the same dash or space twice, not inside of a longer number or word.
  patternReader({
    pattern: /(?<![\p{L}\p{N}_.-])\d{3}([- ])\d{2}\1\d{4}(?![\p{L}\p{N}_-])(?!\.\d)/gu,
    extent: { starts: DIGITS, holds: `${DIGITS}- .`, reach: 13 },
    lead: 0,
    score: ssn => (isIssuable(ssn.replace(/\D/g, '')) ? (ssn.includes('-') ? 0.9 : 0.7) : undefined),
  }),
  // Nine plain digits are an id like any other, unless the text says what they are.
  patternReader({
    pattern:
      /\b(?:ssn|social security(?: number| no\.?| #)?)(?: is)?(?: ?[:#=])? ?(?<entity>\d{9})(?![\p{L}\p{N}_-])/giu,
    extent: { starts: DIGITS, holds: DIGITS, reach: 11 },
    lead: 'social security number is : '.length,
    score: digits => (isIssuable(digits) ? 0.9 : undefined),
  }),
]

/** No area 000, 666 or 900–999 (those are taxpayer numbers), no group 00, no serial 0000. */
function isIssuable(digits: string): boolean {
  const area = digits.slice(0, 3)
  return (
    area !== '000' &&
    area !== '666' &&
    area < '900' &&
    digits.slice(3, 5) !== '00' &&
    digits.slice(5) !== '0000'
  )
}
