import type { Candidate } from './candidate.ts'

/** 3-2-4 digits with the same dash or space twice, not inside of a longer number or word. */
const GROUPED = /(?<![\p{L}\p{N}_.-])(\d{3})([- ])(\d{2})\2(\d{4})(?![\p{L}\p{N}_-])(?!\.\d)/gu
/** Nine plain digits are an id like any other, unless the text says what they are. */
const NAMED =
  /\b(?:ssn|social security(?: number| no\.?| #)?)(?: is)?(?: ?[:#=])? ?(\d{3})(\d{2})(\d{4})(?![\p{L}\p{N}_-])/giu

/** US social security numbers that the Social Security Administration could have issued. */
export function findUsSsns(text: string): Candidate[] {
  const found: Candidate[] = []
  for (const match of text.matchAll(GROUPED)) {
    const [whole, area, separator, group, serial] = match
    if (!isIssuable(area, group, serial)) continue
    found.push({
      start: match.index,
      end: match.index + whole.length,
      score: separator === '-' ? 0.9 : 0.7,
    })
  }
  for (const match of text.matchAll(NAMED)) {
    const [whole, area, group, serial] = match
    const end = match.index + whole.length
    if (isIssuable(area, group, serial)) found.push({ start: end - 9, end, score: 0.9 })
  }
  return found
}

/** No area 000, 666 or 900–999 (those are taxpayer numbers), no group 00, no serial 0000. */
function isIssuable(area = '', group = '', serial = ''): boolean {
  return area !== '000' && area !== '666' && area < '900' && group !== '00' && serial !== '0000'
}
