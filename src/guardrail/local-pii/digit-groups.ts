import { isAlphanumeric, isDigit, isLetter, isUpper, type TextView } from './text-view.ts'

/** Digits without a separator between them, in UTF-16 offsets, end exclusive. */
export interface DigitGroup {
  readonly start: number
  readonly end: number
  /** What joins it to the group before: a space, a dash, a dot, a slash or a plus sign; '' for the first one. */
  readonly joint: string
  /** One letter stands behind the digits and ends the word: it ends the groups as well. */
  readonly letter: boolean
  /** Joint, count of digits, and `L` for the letter. */
  readonly shape: string
}

export const MAX_GROUPS = 20
const MAX_GROUP = 20
/** The longest card number, 19 digits and 18 separators, and two units for its surroundings. */
const MAX_REACH = 39

/** The joint that a character can be, or '': the spaces and dashes that people put into numbers, dot, slash, plus. */
export function jointOf(character: string | undefined): string {
  switch (character) {
    case ' ':
    case '\u00a0':
    case '\u2009':
    case '\u202f':
      return ' '
    case '-':
    case '\u2010':
    case '\u2011':
    case '\u2012':
    case '\u2013':
      return '-'
    case '.':
    case '/':
    case '+':
      return character
    default:
      return ''
  }
}

/** Groups of digits with one separator between each two, read as far as they are asked for. */
export class DigitGroups {
  readonly #view: TextView
  readonly #start: number
  readonly #groups: DigitGroup[] = []
  #ended = false

  constructor(view: TextView, start: number) {
    this.#view = view
    this.#start = start
  }

  /** The group of that index; undefined when there are fewer, or it is part of a word. */
  at(index: number): DigitGroup | undefined {
    while (this.#groups.length <= index && !this.#ended) this.#readNext()
    return this.#groups[index]
  }

  /** The digits of a group that is there. */
  text(index: number): string {
    const group = this.at(index)
    return group === undefined
      ? ''
      : this.#view.text.slice(group.start, group.letter ? group.end - 1 : group.end)
  }

  #readNext(): void {
    const view = this.#view
    const last = this.#groups.at(-1)
    const joint = last === undefined ? '' : jointOf(view.text[last.end])
    const start = last === undefined ? this.#start : last.end + 1
    if (last !== undefined) view.code(last.end)
    const goesOn = last === undefined || (joint !== '' && view.isDigit(start))
    this.#ended = true
    if (!goesOn || this.#groups.length >= MAX_GROUPS || start - this.#start >= MAX_REACH) return
    const end = view.runEnd(start, MAX_GROUP + 1, isDigit)
    if (end - start > MAX_GROUP || end - this.#start > MAX_REACH) return
    const letter = isLetter(view.code(end)) && !isAlphanumeric(view.code(end + 1))
    if (!view.endsWord(letter ? end + 1 : end)) return
    const shape = `${joint}${end - start}${letter ? 'L' : ''}`
    this.#groups.push({ start, end: letter ? end + 1 : end, joint, letter, shape })
    this.#ended = letter
  }
}

/**
 * Whether a number can start at `at`: not in the middle of an id, a decimal, a date or a price. A comma before a group
 * of three digits stands within a large number, before others it may separate the fields of a row.
 */
export function startsNumber(view: TextView, at: number): boolean {
  const before = view.text[at - 1]
  if (before === undefined) return true
  if ('$€£¥'.includes(before)) return false
  const beyond = view.code(at - 2)
  switch (jointOf(before)) {
    case '-':
      return !isAlphanumeric(beyond)
    case '+':
      return false
    case '.':
    case '/':
      return !isDigit(beyond)
    default:
      if (before === ':') return !isDigit(beyond)
      return !(before === ',' && isDigit(beyond) && isThree(view, at) && jointOf(view.text[at + 3]) !== '-')
  }
}

/** Whether a number can end before `at`. */
export function endsNumber(view: TextView, at: number): boolean {
  const after = view.text[at]
  if (view.code(at) < 0 || after === undefined) return true
  if (after === '.' || after === '/' || after === ':' || after === '+') return !view.isDigit(at + 1)
  if (after === ',') return !(view.isDigit(at + 1) && view.isDigit(at + 2) && isThree(view, at + 1))
  return jointOf(after) !== '-' || !isAlphanumeric(view.code(at + 1))
}

/** Whether a number whose groups spaces join stands in a row of numbers. */
export function isInRow(view: TextView, start: number, end: number, written: string): boolean {
  if (!written.includes(' ')) return false
  const isBefore = jointOf(view.text[start - 1]) === ' ' && isDigit(view.code(start - 2))
  return isBefore || (jointOf(view.text[end]) === ' ' && view.isDigit(end + 1))
}

/** Where the two capital letters start that stand before a number, a space between; `at` without them. */
export function pairBefore(view: TextView, at: number): number {
  if (view.code(at - 1) !== 0x20) return at
  return isUpper(view.code(at - 2)) && isUpper(view.code(at - 3)) ? at - 3 : at
}

function isThree(view: TextView, at: number): boolean {
  return view.runEnd(at, 4, isDigit) === at + 3
}
