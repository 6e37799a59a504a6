import type { Anchor, Emit, Matcher } from './anchor.ts'
import { anchorAt } from './anchor.ts'
import type { Candidate, Reader } from './candidate.ts'
import type { Leads } from './left-reach.ts'
import { leftReach } from './left-reach.ts'
import { isDigit, oneOf, TextView } from './text-view.ts'

/** What looks at words by how they begin. */
export interface NumberMatchers {
  /** At words that start with a digit. */
  readonly digits: readonly Matcher[]
  /** At words that start with a letter and hold a digit. */
  readonly letters: readonly Matcher[]
  /** At both. */
  readonly any: readonly Matcher[]
  readonly leads: Leads
}

const DIGIT = /\d/g

/**
 * Every entity with a digit in it, in one pass: text without digits costs one look at each unit. The first digit of a
 * word is an anchor; what can stand there is read around it, a bounded stretch. In a text that goes on, reading ends
 * before the first anchor that more text can change something about.
 */
export function numberReader(matchers: NumberMatchers): Reader {
  return (text, from, textEnd) => {
    const view = new TextView(text, textEnd)
    const found: Candidate[] = []
    const emit: Emit = candidate => {
      if (candidate !== undefined) found.push(candidate)
    }
    DIGIT.lastIndex = from
    for (let match = DIGIT.exec(text); match !== null; match = DIGIT.exec(text)) {
      const at = match.index
      view.begin()
      if (!isDigit(view.code(at - 1))) {
        const before = found.length
        const anchor = anchorAt(view, at)
        if (anchor !== undefined && !isInside(anchor)) matchAll(matchers, anchor, emit)
        if (view.undecided) {
          found.length = before
          return { found, openFrom: leftReach(text, at, matchers.leads), resumeAt: at }
        }
      }
      DIGIT.lastIndex = digitsEnd(text, at)
    }
    const openFrom = textEnd === 'closed' ? text.length : leftReach(text, text.length, matchers.leads)
    return { found, openFrom, resumeAt: text.length }
  }
}

function matchAll({ digits, letters, any }: NumberMatchers, anchor: Anchor, emit: Emit): void {
  for (const match of anchor.start === anchor.at ? digits : letters) match(anchor, emit)
  for (const match of any) match(anchor, emit)
}

const SPACE = 0x20
const MAX_SMALL = 2

/**
 * Whether nothing can start there: behind a digit and a sign that joins the two, and within a row of small numbers.
 * What the number before can be part of is found from its start.
 */
function isInside(anchor: Anchor): boolean {
  const { view, at, end } = anchor
  if (!anchor.isDigits || !isDigit(view.code(at - 2))) return false
  const before = view.code(at - 1)
  if (before === SPACE) return end - at <= MAX_SMALL && anchor.next === SPACE && isDigit(anchor.second)
  return isJoint(before)
}

const isJoint = oneOf('-./:')

function digitsEnd(text: string, at: number): number {
  let end = at
  while (isDigit(text.charCodeAt(end))) end++
  return end
}
