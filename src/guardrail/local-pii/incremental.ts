import type { Finding, IncrementalScan, ScanProgress } from '../guardrail.ts'
import type { Reader, TextEnd } from './candidate.ts'
import { CONTEXT_UNITS } from './candidate.ts'
import type { RankedCandidate } from './overlaps.ts'
import { settleOverlaps } from './overlaps.ts'

/** A reader and the category of what it finds. */
export interface EntityReader {
  readonly detector: string
  readonly read: Reader
}

interface EntityCandidate extends RankedCandidate {
  readonly detector: string
}

/** Everything in a text that is complete. Of readings that tie, the one of the reader named first counts. */
export function readWhole(readers: readonly EntityReader[], text: string, segment: number): Finding[] {
  const candidates = readers.flatMap(({ detector, read }, rank) =>
    read(text, 0, 'closed').found.map(candidate => ({ ...candidate, detector, rank })),
  )
  return settleOverlaps(candidates, text.length).kept.map(candidate => toFinding(candidate, segment))
}

/**
 * Reads a text piece by piece, each with the end of what came before: a reader goes on where one of its entities may be
 * under way. In prose that is the last word; an e-mail address reaches back furthest, 321 units.
 */
export function openPiiScan(readers: readonly EntityReader[]): IncrementalScan {
  /** The text from `base` on. Between pieces 323 units of it at most: the longest entity under way and its context. */
  let tail = ''
  let base = 0
  const cursors = readers.map(({ detector, read }, rank) => ({ detector, read, rank, resumeAt: 0 }))
  /** Complete, but a longer one that overlaps it may be under way. Offsets count from the text's start. */
  let undecided: readonly EntityCandidate[] = []

  const advance = (piece: string, textEnd: TextEnd): ScanProgress => {
    tail += piece
    const length = base + tail.length
    const candidates = [...undecided]
    let openFrom = length
    for (const cursor of cursors) {
      const { detector, rank } = cursor
      const reading = cursor.read(tail, cursor.resumeAt - base, textEnd)
      for (const { start, end, score } of reading.found) {
        candidates.push({ start: start + base, end: end + base, score, detector, rank })
      }
      cursor.resumeAt = base + reading.resumeAt
      openFrom = Math.min(openFrom, base + reading.openFrom)
    }
    const settled = settleOverlaps(candidates, openFrom)
    undecided = settled.undecided
    const needed = Math.max(base, leastOf(cursors.map(cursor => cursor.resumeAt)) - CONTEXT_UNITS)
    tail = tail.slice(needed - base)
    base = needed
    return {
      findings: settled.kept.map(candidate => toFinding(candidate, 0)),
      safeTo: Math.min(openFrom, leastOf(undecided.map(({ start }) => start))),
    }
  }

  return { push: piece => advance(piece, 'open'), end: () => advance('', 'closed') }
}

function leastOf(values: readonly number[]): number {
  return values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY)
}

function toFinding({ detector, score, start, end }: EntityCandidate, segment: number): Finding {
  return { detector, score, span: { segment, start, end } }
}
