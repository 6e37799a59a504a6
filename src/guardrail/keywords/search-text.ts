import { isBlank, isPlainAscii } from '../text/characters.ts'
import type { Occurrence, SearchProgress, WordSearch } from './multi-search.ts'
import { compileWords } from './multi-search.ts'
import type { SecondReading } from './readings.ts'
import { openSecondReading } from './readings.ts'
import { isAscii, spellingsOf } from './spellings.ts'
import type { FoldCase, Reading } from './undisguise.ts'
import { disguisePattern, readAlone } from './undisguise.ts'

/** Words to be found in texts, also where these write them in disguise. */
export interface CompiledWords {
  readonly search: WordSearch
  readonly foldCase: FoldCase
  readonly disguise: RegExp
  /** Whether white space is part of any. */
  readonly hasPhrases: boolean
  /** The readings that can find something more than the text as it came. */
  readonly readings: readonly Reading[]
}

export function compileDisguisableWords(words: readonly string[], foldCase: FoldCase): CompiledWords {
  const spellings = [...new Set(words.flatMap(word => spellingsOf(word, foldCase)))]
  return {
    search: compileWords(spellings),
    foldCase,
    disguise: disguisePattern(spellings),
    hasPhrases: spellings.some(spelling => /\s/.test(spelling)),
    // Each ASCII word that shows as spelled shows as drawn, too.
    readings: spellings.every(isAscii) ? ['as-drawn'] : ['as-spelled', 'as-drawn'],
  }
}

/** Everything in a text that is complete and reads as it is written, as most do; undefined for any other text. */
export function searchPlain(words: CompiledWords, text: string): readonly Occurrence[] | undefined {
  const lowered = words.foldCase(text)
  const isPlain = plainEnd(words, { lowered, at: 0, previous: '' }) === lowered.length
  return isPlain ? words.search(lowered) : undefined
}

interface LoweredPiece {
  readonly lowered: string
  readonly at: number
  /** The unit before it as it reads. */
  readonly previous: string
}

/** Where what reads as it is written ends, from `at` on. */
function plainEnd(words: CompiledWords, { lowered, at, previous }: LoweredPiece): number {
  // White space hangs on what is before it, which another piece may hold.
  if (at === 0 && words.hasPhrases && /^[\t\n\r ]/.test(lowered)) {
    const isSingleBlank = lowered[0] === ' ' && !isBlank(previous) && !/^.\s/.test(lowered)
    if (!isSingleBlank) return 0
  }
  if (!words.hasPhrases && at === 0 && isPlainAscii(lowered)) return lowered.length
  words.disguise.lastIndex = at
  return words.disguise.exec(lowered)?.index ?? lowered.length
}

/** After a disguise so many units are read twice, then twice as many: mostly the readings have met again by then. */
const FIRST_STRIDE = 8
const LONGEST_STRIDE = 4096
/** What is no part of a word: white space, punctuation, symbols. */
const SIGN = /^[\s\p{P}\p{S}]$/u

/**
 * Searches one text piece by piece, in whole characters. From a disguise on it is read in other ways as well, until
 * these come to the same as the text itself: a text without any costs one look for them.
 */
export function openTextSearch(words: CompiledWords) {
  const first = words.search.open()
  let others: readonly SecondReading[] = []
  let stride = FIRST_STRIDE
  let length = 0
  /** The last unit as it reads. */
  let previous = ''
  const merge = openMerge()

  const take = (text: string, lowered: string): SearchProgress => {
    const progress = first.push(lowered)
    length += text.length
    if (text !== '') previous = lowered.charAt(lowered.length - 1)
    return merge(others.length === 0 ? [progress] : [progress, ...others.map(other => other.push(text))])
  }

  /** What the sign or white space at `at` reads as if, however it is read, nothing is under way behind it. */
  const idleSign = (text: string, at: number): { sign: string; asRead: string } | undefined => {
    const sign = String.fromCodePoint(text.codePointAt(at) ?? 0)
    if (!SIGN.test(sign) || !first.isLostAfter(words.foldCase(sign))) return undefined
    const [asRead = '', ...rest] = words.readings.map(reading =>
      readAlone(sign, { reading, foldCase: words.foldCase, previous }),
    )
    return first.isLostAfter(asRead) && rest.every(other => other === asRead) ? { sign, asRead } : undefined
  }

  const fork = (): void => {
    const start = { foldCase: words.foldCase, first, length, previous }
    others = words.readings.map(reading => openSecondReading({ ...start, reading }))
    stride = FIRST_STRIDE
  }

  /** Whether what comes is read in the same way by all: the last character is plain and no space. */
  const rejoin = (): void => {
    stride = Math.min(stride * 2, LONGEST_STRIDE)
    if (/^[!-~]$/.test(previous) && others.every(other => other.isSpent(first))) others = []
  }

  /** Reads on from `at` to where the way of reading may change. */
  const readOn = (text: string, lowered: string, at: number): SearchProgress => {
    if (others.length === 0) {
      const end = plainEnd(words, { lowered, at, previous })
      if (end > at) return take(text.slice(at, end), lowered.slice(at, end))
      const idle = idleSign(text, at)
      if (idle !== undefined) {
        const asRead = idle.asRead.slice(-1) || previous
        const progress = take(idle.sign, words.foldCase(idle.sign))
        previous = asRead
        return progress
      }
      fork()
    }
    const end = strideEnd(text, at, stride)
    const progress = take(text.slice(at, end), lowered.slice(at, end))
    rejoin()
    return progress
  }

  return {
    push(text: string): SearchProgress {
      if (text === '') return take('', '')
      const lowered = words.foldCase(text)
      const isPlain = others.length === 0 && plainEnd(words, { lowered, at: 0, previous }) === text.length
      if (isPlain) return take(text, lowered)
      const found: Occurrence[] = []
      const from = length
      let safeTo = 0
      while (length - from < text.length) {
        const progress = readOn(text, lowered, length - from)
        for (const occurrence of progress.found) found.push(occurrence)
        safeTo = progress.safeTo
      }
      return { found, safeTo }
    },
    end: (): SearchProgress => merge([first.end(), ...others.map(other => other.end())]),
  }
}

/** Between two characters. */
function strideEnd(text: string, at: number, stride: number): number {
  const end = Math.min(at + stride, text.length)
  const unit = text.charCodeAt(end)
  return unit >= 0xdc00 && unit <= 0xdfff ? Math.min(end + 1, text.length) : end
}

/** Occurrences of several searches of one text in order, overlapping ones as one, once none can overlap them any more. */
export function openMerge() {
  let held: Occurrence[] = []
  return (all: readonly SearchProgress[]): SearchProgress => {
    const only = all.length === 1 ? all[0] : undefined
    if (only !== undefined && held.length === 0) return only
    const safeTo = all.reduce((least, progress) => Math.min(least, progress.safeTo), Number.POSITIVE_INFINITY)
    held = unite([...held, ...all.flatMap(({ found }) => found)])
    const open = held.findIndex(({ end }) => end > safeTo)
    const found = held.splice(0, open === -1 ? held.length : open)
    return { found, safeTo: Math.min(safeTo, held[0]?.start ?? safeTo) }
  }
}

function unite(occurrences: readonly Occurrence[]): Occurrence[] {
  const united: Occurrence[] = []
  for (const { start, end } of occurrences.toSorted((a, b) => a.start - b.start)) {
    const last = united.at(-1)
    if (last === undefined || last.end <= start) united.push({ start, end })
    else united[united.length - 1] = { start: last.start, end: Math.max(last.end, end) }
  }
  return united
}
