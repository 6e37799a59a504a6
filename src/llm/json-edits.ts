import { WeirError } from '../errors.ts'
import type { JsonPath, TextEdit } from './format.ts'

/** A change to one place of a JSON text. */
export type JsonEdit =
  /** The string at `path` gets this value. That there is one is the caller's promise: it was read there. */
  | { readonly kind: 'set-text'; readonly path: JsonPath; readonly text: string }
  /** The value at `path`, whatever it is, becomes this string. That there is one is the caller's promise. */
  | { readonly kind: 'replace'; readonly path: JsonPath; readonly text: string }
  /** The value at `path`, if any, becomes null. */
  | { readonly kind: 'clear'; readonly path: JsonPath }

/** Texts in the place of texts. */
export function setTexts(edits: readonly TextEdit[]): readonly JsonEdit[] {
  return edits.map(edit => ({ kind: 'set-text', ...edit }))
}

/**
 * Texts in the place of whatever stands there: arguments that came as a bare object become the string that the API has
 * there. Redacted, they need not be JSON any more.
 */
export function replaceByTexts(edits: readonly TextEdit[]): readonly JsonEdit[] {
  return edits.map(edit => ({ kind: 'replace', ...edit }))
}

/** Makes null what spells out the text of an entry of `list` once more, as `logprobs` do, in each entry that is edited. */
export function clearSpelledOut(
  edits: readonly TextEdit[],
  list: string,
  keys: readonly string[],
): readonly JsonEdit[] {
  const entries = new Set(edits.flatMap(({ path }) => (path[0] === list ? [path[1]!] : [])))
  return [...entries].flatMap(index =>
    keys.map((key): JsonEdit => ({ kind: 'clear', path: [list, index, key] })),
  )
}

/** Puts `replacement` where `length` UTF-16 units from `offset` on stand in a text. */
export interface Splice {
  readonly offset: number
  readonly length: number
  readonly replacement: string
}

/**
 * What `edits` change in `text`, whose JSON value starts at `start`: in order, and only whole JSON values. The text
 * must be JSON, since it is only skimmed: one pass, that looks into those objects and arrays alone that a path leads
 * through. Throws `bug` for an edit of a text that finds none: a redaction that silently did not happen would let the
 * text out.
 */
export function jsonSplices(text: string, start: number, edits: readonly JsonEdit[]): readonly Splice[] {
  const root = new Step()
  const steps = edits.map(({ path }) => root.along(path))
  new Skim(text).value(start, root)
  return edits
    .flatMap((edit, index) => toSplice(text, steps[index]!, edit))
    .sort((a, b) => a.offset - b.offset || a.length - b.length)
}

function toSplice(text: string, { from, to }: Step, edit: JsonEdit): Splice[] {
  const isFound = from >= 0
  if (edit.kind === 'clear') {
    return isFound ? [{ offset: from, length: to - from, replacement: 'null' }] : []
  }
  if (!isFound || (edit.kind === 'set-text' && text.charCodeAt(from) !== QUOTE)) {
    throw new WeirError('bug', 'an edit of a JSON body names no text')
  }
  return [{ offset: from, length: to - from, replacement: JSON.stringify(edit.text) }]
}

/** Where paths lead: a tree of their steps, and where in the text each of them was found. */
class Step {
  #next: Map<string | number, Step> | undefined
  /** Of the keys that lead on, each length as a bit; those from 31 on share one. */
  #lengths = 0
  /** -1: not found. */
  from = -1
  to = -1

  get isLast(): boolean {
    return this.#next === undefined
  }

  find(step: string | number): Step | undefined {
    return this.#next?.get(step)
  }

  /** No key of this length leads on. */
  lacksLength(length: number): boolean {
    return (this.#lengths & lengthBit(length)) === 0
  }

  along(path: JsonPath): Step {
    let at: Step = this
    for (const step of path) {
      at.#next ??= new Map()
      let next = at.#next.get(step)
      if (next === undefined) {
        next = new Step()
        at.#next.set(step, next)
        if (typeof step === 'string') at.#lengths |= lengthBit(step.length)
      }
      at = next
    }
    return at
  }

  /** Nothing below it was found. */
  forget(): void {
    this.from = -1
    for (const next of this.#next?.values() ?? []) next.forget()
  }
}

function lengthBit(length: number): number {
  return 1 << Math.min(length, 31)
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
/** Bit 5 is all that tells `{` from `[` and `}` from `]`. */
const CURLY_BIT = 0x20
const OPENING = 0x7b
const CLOSING = 0x7d
const OPEN_SQUARE = 0x5b
/** Below and at it there is nothing in JSON but white space, outside of strings. */
const SPACE = 0x20

/** One pass over a JSON text that is known to be JSON. Recurses no deeper than the paths are long. */
class Skim {
  readonly #text: string
  /** The first backslash from where the last key began on. */
  #backslash = -1

  constructor(text: string) {
    this.#text = text
  }

  /** The value that stands at `at` or behind white space there; returns where it ends. */
  value(at: number, step: Step): number {
    const from = this.#afterSpace(at)
    const first = this.#text.charCodeAt(from)
    let to: number
    if (step.isLast || (first | CURLY_BIT) !== OPENING) to = this.#skip(from)
    else to = first === OPEN_SQUARE ? this.#array(from, step) : this.#object(from, step)
    step.from = from
    step.to = to
    return to
  }

  #array(open: number, step: Step): number {
    let at = this.#afterSpace(open + 1)
    for (let index = 0; !this.#closes(at); index++) {
      const next = step.find(index)
      at = this.#afterSpace(next === undefined ? this.#skip(at) : this.value(at, next))
      if (this.#text.charCodeAt(at) === COMMA) at = this.#afterSpace(at + 1)
    }
    return at + 1
  }

  /** Of a key that stands twice the last one counts, as it does for JSON.parse, which read the text to be edited. */
  #object(open: number, step: Step): number {
    let at = this.#afterSpace(open + 1)
    while (!this.#closes(at)) {
      const keyEnd = this.#string(at)
      const next = this.#along(step, at, keyEnd)
      const value = this.#afterSpace(this.#afterSpace(keyEnd) + 1)
      next?.forget()
      at = this.#afterSpace(next === undefined ? this.#skip(value) : this.value(value, next))
      if (this.#text.charCodeAt(at) === COMMA) at = this.#afterSpace(at + 1)
    }
    return at + 1
  }

  /** Where the key that stands there leads. Most lead nowhere, which their length tells. */
  #along(step: Step, open: number, end: number): Step | undefined {
    const isOther = step.lacksLength(end - open - 2) && !this.#isEscaped(open, end)
    return isOther ? undefined : step.find(this.#keyIn(open, end))
  }

  #keyIn(open: number, end: number): string {
    if (!this.#isEscaped(open, end)) return this.#text.slice(open + 1, end - 1)
    const read: unknown = JSON.parse(this.#text.slice(open, end))
    if (typeof read !== 'string') throw new WeirError('bug', 'a JSON body has a key that is no string')
    return read
  }

  #isEscaped(from: number, to: number): boolean {
    if (this.#backslash < from) {
      const found = this.#text.indexOf('\\', from)
      this.#backslash = found === -1 ? this.#text.length : found
    }
    return this.#backslash < to
  }

  /** The text's end closes as well: what is no JSON ends here too. */
  #closes(at: number): boolean {
    return at >= this.#text.length || (this.#text.charCodeAt(at) | CURLY_BIT) === CLOSING
  }

  #afterSpace(at: number): number {
    let position = at
    while (this.#text.charCodeAt(position) <= SPACE) position++
    return position
  }

  /** Where the value at `from` ends. */
  #skip(from: number): number {
    const text = this.#text
    const first = text.charCodeAt(from)
    if (first === QUOTE) return this.#string(from)
    if ((first | CURLY_BIT) !== OPENING) return this.#scalar(from)
    let depth = 0
    for (let at = from; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code === QUOTE) at = this.#string(at) - 1
      else if ((code | CURLY_BIT) === OPENING) depth++
      else if ((code | CURLY_BIT) === CLOSING && --depth === 0) return at + 1
    }
    return text.length
  }

  #scalar(from: number): number {
    let at = from
    for (; at < this.#text.length; at++) {
      const code = this.#text.charCodeAt(at)
      if (code === COMMA || code <= SPACE || (code | CURLY_BIT) === CLOSING) break
    }
    return Math.max(at, from + 1)
  }

  /** Behind the quote that closes the string opened at `open`. */
  #string(open: number): number {
    return closingQuote(this.#text, open) + 1
  }
}

/** A search costs as much to begin as a look at so many characters: short strings are looked through instead. */
const SHORT_CHARS = 32

/** The index of the quote that closes the string opened at `open`; the text's length when none does. */
export function closingQuote(text: string, open: number): number {
  let at = open + 1
  while (at < text.length) {
    for (const near = Math.min(at + SHORT_CHARS, text.length); at < near; at++) {
      const code = text.charCodeAt(at)
      if (code === QUOTE) return at
      if (code === BACKSLASH) at++
    }
    const found = text.indexOf('"', at)
    if (found === -1) return text.length
    // An even number of backslashes before it escape each other. Before `at` every one has been paired.
    let before = found
    while (before > at && text.charCodeAt(before - 1) === BACKSLASH) before--
    if ((found - before) % 2 === 0) return found
    at = found + 1
  }
  return text.length
}

/** `splices` must be in order; any two that overlap are a bug. */
export function applySplices(text: string, splices: readonly Splice[]): string {
  const pieces: string[] = []
  let position = 0
  for (const { offset, length, replacement } of splices) {
    if (offset < position) throw new WeirError('bug', 'two edits of a JSON body overlap')
    pieces.push(text.slice(position, offset), replacement)
    position = offset + length
  }
  pieces.push(text.slice(position))
  return pieces.join('')
}
