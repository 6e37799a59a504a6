import type { TextView } from './text-view.ts'
import { isLetter, NOTHING } from './text-view.ts'

/** How far before an entity the word may end that names it. */
const BEFORE_UNITS = 72
const AFTER_UNITS = 48
/** A name behind an entity stands in its sentence, and before the next number. */
const STOP = /[\d.!?;:=\n\r]/
/** `on the phone` tells how something was said, not what a number is. */
const IDIOM = /(?:on the|over the|by|via|per) $/

const LETTER = /\p{L}/u

/** How far from `start` the nearest of these words stands before it: 0 to 1, or infinite. */
export function nearestBefore(view: TextView, start: number, words: readonly string[]): number {
  const text = view.rememberBefore(start, lowerBefore)
  if (text === '') return Number.POSITIVE_INFINITY
  let nearest = Number.POSITIVE_INFINITY
  for (const word of words) {
    let at = text.lastIndexOf(word)
    while (at !== -1 && !names(text, at, word)) at = at === 0 ? -1 : text.lastIndexOf(word, at - 1)
    if (at !== -1) nearest = Math.min(nearest, (text.length - at - word.length) / BEFORE_UNITS)
  }
  return nearest
}

/** The same for what follows `end`. */
export function nearestAfter(view: TextView, end: number, words: readonly string[]): number {
  if (words.length === 0) return Number.POSITIVE_INFINITY
  const text = lowerRest(view, end)
  let nearest = Number.POSITIVE_INFINITY
  for (const word of words) {
    let at = text.indexOf(word)
    while (at !== -1 && !names(text, at, word)) at = text.indexOf(word, at + 1)
    if (at !== -1) nearest = Math.min(nearest, at / AFTER_UNITS)
  }
  return nearest
}

function lowerBefore(view: TextView, start: number): string {
  const text = view.text.slice(Math.max(0, start - BEFORE_UNITS), start)
  return LETTER.test(text) ? text.toLowerCase() : ''
}

function lowerRest(view: TextView, end: number): string {
  return sentenceRest(view, end).toLowerCase()
}

function sentenceRest(view: TextView, end: number): string {
  let to = end
  for (; to < end + AFTER_UNITS; to++) {
    const code = view.code(to)
    if (code === NOTHING || (code < 0x80 && STOP.test(String.fromCharCode(code)))) break
  }
  // What stands before a colon names what comes behind that.
  const stop = view.text[to]
  return to < end + AFTER_UNITS && (stop === ':' || stop === '=') ? '' : view.text.slice(end, to)
}

function names(text: string, at: number, word: string): boolean {
  return isWhole(text, at, word) && !(word === 'phone' && IDIOM.test(text.slice(Math.max(0, at - 9), at)))
}

/** Not a part of another word; words of scripts without spaces have no borders. */
function isWhole(text: string, at: number, word: string): boolean {
  if (word.charCodeAt(0) > 0x2fff) return true
  return !isWordAt(text, at - 1) && !isWordAt(text, pluralEnd(text, at + word.length))
}

function pluralEnd(text: string, end: number): number {
  return text[end] === 's' ? end + 1 : end
}

function isWordAt(text: string, at: number): boolean {
  const code = at < 0 || at >= text.length ? NOTHING : text.charCodeAt(at)
  return isLetter(code) || (code >= 0xc0 && code < 0x2000)
}
