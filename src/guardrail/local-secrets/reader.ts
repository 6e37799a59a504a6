import type { Located, Reading, TextReader } from '../open-reading.ts'
import type { Anchor } from './anchors.ts'
import { anchorTable, nextHash } from './anchors.ts'
import { isIn, openRuns, TOKEN } from './characters.ts'
import type { Match, Matcher, Source } from './match.ts'

type Secret = Extract<Match, { kind: 'secret' }>

/** What is looked for. */
export interface SecretSearch {
  readonly anchors: readonly Anchor[]
  /** At each `=` and `:`. */
  readonly separator: Matcher | undefined
  readonly isAllowed: (secret: string) => boolean
}

/** A name of 64 units before a separator, with what may stand around it. */
const CONTEXT_UNITS = 96
/** What stands before an anchor and belongs to the secret, or the anchor's own beginning: no more of a text's end. */
const MAX_LEAD = 40
const EQUALS_SIGN = 0x3d
const COLON = 0x3a

/**
 * Reads a text once, looking up each three units in a table: where an anchor stands, its matcher reads on. What was
 * found or refused is not looked at again.
 */
export function secretReader({ anchors, separator, isAllowed }: SecretSearch): TextReader {
  const { groupOf, groups } = anchorTable(anchors)

  const matchAnchors = (source: Source, at: number, group: readonly Anchor[]): Match | undefined => {
    const fourth = source.text.charCodeAt(at + 3)
    for (const { literal, match } of group) {
      // Most of a group differ here already. Beyond the text it is NaN, which differs from nothing.
      if (literal.length > 3 && literal.charCodeAt(3) !== fourth && fourth >= 0) continue
      if (source.text.startsWith(literal, at)) {
        const found = match(source, at)
        if (found !== undefined) return found
      } else if (isCut(source, at, literal)) {
        return { kind: 'open', start: at }
      }
    }
    return undefined
  }

  return {
    contextUnits: CONTEXT_UNITS,
    read(text, from, textEnd) {
      const source = { text, textEnd, runs: openRuns(text) }
      const sieve = openSieve(text, from, isAllowed)
      let hash = 0
      let seen = 0
      for (let at = from; at < text.length; at++) {
        const unit = text.charCodeAt(at)
        hash = nextHash(hash, unit)
        seen++
        const place = seen < 3 ? 0 : (groupOf[hash] ?? 0)
        let anchorAt = at - 2
        let match = place === 0 ? undefined : matchAnchors(source, anchorAt, groups[place] ?? [])
        if (match === undefined && separator !== undefined && (unit === EQUALS_SIGN || unit === COLON)) {
          anchorAt = at
          match = sieve.isWithinGuess(at) ? undefined : separator(source, at)
        }
        if (match === undefined) continue
        if (match.kind === 'open') return sieve.openAt(anchorAt, match)
        const resumeAt = sieve.take(anchorAt, match)
        if (resumeAt <= at) continue
        at = resumeAt - 1
        seen = 0
      }
      return sieve.end(textEnd === 'open' ? openTail(text) : text.length)
    },
  }
}

function isCut({ text, textEnd }: Source, at: number, literal: string): boolean {
  const left = text.length - at
  return textEnd === 'open' && left < literal.length && literal.startsWith(text.slice(at))
}

/** Where a secret may begin whose anchor is still to come. */
function openTail(text: string): number {
  const lowest = Math.max(0, text.length - MAX_LEAD)
  let start = text.length
  while (start > lowest && isIn(text, start - 1, TOKEN)) start--
  return start
}

/** Gathers what is found in one reading. A guess waits until it is known that no key of a known format is in it. */
function openSieve(text: string, from: number, isAllowed: (secret: string) => boolean) {
  const found: Located[] = []
  let guess: (Secret & { readonly anchorAt: number }) | undefined
  let done = 0
  /** Up to here there is no other guess. */
  let guessedTo = 0

  const add = ({ rule, score, start, end }: Secret, anchorAt: number): void => {
    if (isAllowed(text.slice(start, end))) return
    found.push({ detector: `secret/${rule}`, score, from: Math.min(anchorAt, start), start, end })
  }
  const settleBefore = (at: number): void => {
    if (guess === undefined || guess.end > at) return
    add(guess, guess.anchorAt)
    done = guess.end
    guess = undefined
  }

  return {
    isWithinGuess: (at: number): boolean => at < guessedTo,
    /** Where to read on. */
    take(anchorAt: number, match: Exclude<Match, { kind: 'open' }>): number {
      if (match.kind === 'no-guess' || (match.kind === 'secret' && match.told === 'guess')) {
        settleBefore(anchorAt)
        guessedTo = Math.max(guessedTo, match.end)
        if (match.kind === 'secret') guess ??= { ...match, anchorAt }
        return 0
      }
      settleBefore(match.kind === 'secret' ? match.start : anchorAt)
      const start = match.kind === 'secret' ? match.start : anchorAt
      if (guess !== undefined && start < guess.end && guess.start < match.end) guess = undefined
      if (match.kind === 'secret') add(match, anchorAt)
      done = match.end
      return match.end
    },
    openAt(anchorAt: number, { start, wake }: Extract<Match, { kind: 'open' }>): Reading {
      settleBefore(Math.min(anchorAt, start))
      const openFrom = Math.max(done, Math.min(start, guess?.start ?? start, openTail(text)))
      const resumeAt = Math.max(from, done, Math.min(anchorAt, guess?.anchorAt ?? anchorAt))
      return wake === undefined ? { found, openFrom, resumeAt } : { found, openFrom, resumeAt, wake }
    },
    end(openFrom: number): Reading {
      settleBefore(text.length)
      return {
        found,
        openFrom: Math.max(done, openFrom),
        resumeAt: Math.max(from, done, Math.min(guessedTo, text.length), text.length - 2),
      }
    },
  }
}
