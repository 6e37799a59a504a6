/** Digits without a separator between them, in UTF-16 offsets, end exclusive. */
export interface DigitGroup {
  readonly start: number
  readonly end: number
}

/** Groups of digits with a single space or dash between each two. */
export interface DigitRun {
  readonly groups: readonly DigitGroup[]
}

/** Spaces and dashes that people put into numbers, the no-break and the typographic ones included. */
export const SEPARATORS = ' -\u00a0\u2009\u202f\u2010\u2011\u2012\u2013'

export function isSeparator(character: string | undefined): boolean {
  return character !== undefined && SEPARATORS.includes(character)
}

/**
 * The runs of digit groups that start at `from` or after; a group that has begun before is in none. A group that touches
 * a letter or a plus sign, or that a dot or comma joins to another digit (a decimal, a version), is part of something
 * else: it is in no run and it ends the one before it.
 */
export function findDigitRuns(text: string, from: number): DigitRun[] {
  const runs: DigitRun[] = []
  let groups: DigitGroup[] = []
  let previousEnd = -1
  const digits = /(?<!\d)\d+/g
  digits.lastIndex = from
  for (let match = digits.exec(text); match !== null; match = digits.exec(text)) {
    const group = { start: match.index, end: match.index + match[0].length }
    const continues = previousEnd === group.start - 1 && isSeparator(text[previousEnd])
    const alone = standsAlone(text, group)
    if (!continues || !alone) groups = []
    if (alone) {
      if (groups.length === 0) runs.push({ groups })
      groups.push(group)
    }
    previousEnd = group.end
  }
  return runs
}

function standsAlone(text: string, { start, end }: DigitGroup): boolean {
  if (touchesWord(text, start - 1) || touchesWord(text, end)) return false
  return !(joinsDigits(text, start - 1, start - 2) || joinsDigits(text, end, end + 1))
}

/** Spaces and dashes are by far the most frequent neighbours: they are told without a regular expression. */
function touchesWord(text: string, at: number): boolean {
  const character = text[at]
  return character !== undefined && !isSeparator(character) && /[\p{L}_+]/u.test(character)
}

function joinsDigits(text: string, at: number, beyond: number): boolean {
  const character = text[at]
  return (character === '.' || character === ',') && /\d/.test(text[beyond] ?? '')
}
