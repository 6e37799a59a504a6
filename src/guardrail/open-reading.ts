import {
  type Finding,
  type IncrementalScan,
  type LocalGuardrail,
  type ScanProgress,
  verdictFrom,
} from './guardrail.ts'
import { endsInHalfCharacter } from './text/half-character.ts'
import { openOffsetMap } from './text/offset-map.ts'
import { PLAIN_VIEW } from './text/plain-view.ts'

/** Whether text may still follow: `open` in a stream, `closed` at its end and for a whole text. */
export type TextEnd = 'open' | 'closed'

/** What was found in [start, end), by looking at what stands from `from` on. UTF-16 offsets, end exclusive. */
export interface Located {
  readonly detector: string
  /** 0 to 1. */
  readonly score: number
  readonly from: number
  readonly start: number
  readonly end: number
}

/** What a reader makes of the text it is given. */
export interface Reading {
  /** Those that no further text can extend, change or undo. */
  readonly found: readonly Located[]
  /** What is found later starts here or after. */
  readonly openFrom: number
  /** Where the next reading has to begin: before it, no more than `contextUnits` are looked at. */
  readonly resumeAt: number
  /** More text that holds none of these decides nothing, unless there is much of it. Absent: any text may. */
  readonly wake?: RegExp
}

/**
 * Reads a text from `from` on, linear in what it reads. Going on from `resumeAt` when more text has come finds what one
 * reading of it all finds.
 */
export interface TextReader {
  readonly contextUnits: number
  read(text: string, from: number, textEnd: TextEnd): Reading
}

/** Judges every text by what a reader finds in it. */
export function readingGuardrail(name: string, reader: TextReader): LocalGuardrail {
  return {
    name,
    locality: 'local',
    scan: ({ segments }) =>
      verdictFrom(segments.flatMap(({ text }, segment) => readWhole(reader, text, segment))),
    openScan: () => openReading(reader),
  }
}

/** Everything in a text that is complete: as it came, and what only its plain view shows. */
function readWhole(reader: TextReader, text: string, segment: number): Finding[] {
  const found = openTrack(reader).read(text, 'closed').found
  const unmasked = PLAIN_VIEW.changes(text)
    ? openPlainViewTrack(reader, START).read(text, 'closed').found
    : []
  return [...found, ...unmasked].map(located => toFinding(located, segment))
}

/** Reads a text piece by piece. What it finds in all is what `readWhole` finds, however the text was cut. */
function openReading(reader: TextReader): IncrementalScan {
  const asItCame = openTrack(reader)
  let asItReads: Track | undefined
  /** A first half of a character, which has no plain view before it is known what it is half of; at most one unit. */
  let half = ''

  const advance = (piece: string, textEnd: TextEnd): ScanProgress => {
    const known = half + piece
    half = textEnd === 'open' && endsInHalfCharacter(known) ? known.slice(-1) : ''
    const whole = half === '' ? known : known.slice(0, -1)
    if (asItReads === undefined && PLAIN_VIEW.changes(whole))
      asItReads = openPlainViewTrack(reader, asItCame.state())
    const first = asItCame.read(whole, textEnd)
    const second = asItReads?.read(whole, textEnd)
    const found = second === undefined ? first.found : [...first.found, ...second.found]
    return {
      findings: found.map(located => toFinding(located, 0)),
      safeTo: Math.min(first.openFrom, second?.openFrom ?? first.openFrom),
    }
  }

  return { push: piece => advance(piece, 'open'), end: () => advance('', 'closed') }
}

/** One running text under reading; all offsets count from its start. */
interface Track {
  read(piece: string, textEnd: TextEnd): Pick<Reading, 'found' | 'openFrom'>
  state(): TrackState
}

interface TrackState {
  /** The text from `base` on: what is under way, and the reader's context. */
  readonly tail: string
  readonly base: number
  readonly resumeAt: number
  /** What is found later starts here or after. */
  readonly openFrom: number
}

const START: TrackState = { tail: '', base: 0, resumeAt: 0, openFrom: 0 }
/** What is under way is read again once it has grown by this, so that each unit is read a few times only. */
const GROWTH = 1.25

function openTrack(reader: TextReader, from: TrackState = START): Track {
  let { tail, base, resumeAt, openFrom } = from
  let waiting: { readonly wake: RegExp; readonly until: number } | undefined
  return {
    read(piece, textEnd) {
      tail += piece
      const isDull = waiting !== undefined && textEnd === 'open' && !waiting.wake.test(piece)
      if (waiting !== undefined && isDull && base + tail.length < waiting.until)
        return { found: [], openFrom }
      const reading = reader.read(tail, resumeAt - base, textEnd)
      const found = reading.found.map(located => move(located, base))
      // What was once said to be safe stays so: a reading that begins later may only not see why.
      openFrom = Math.max(openFrom, base + reading.openFrom)
      resumeAt = base + reading.resumeAt
      const until = resumeAt + (tail.length - reading.resumeAt) * GROWTH
      waiting = reading.wake && { wake: reading.wake, until }
      const needed = Math.max(base, resumeAt - reader.contextUnits)
      tail = tail.slice(needed - base)
      base = needed
      return { found, openFrom }
    },
    state: () => ({ tail, base, resumeAt, openFrom }),
  }
}

function move({ from, start, end, ...located }: Located, by: number): Located {
  return { ...located, from: from + by, start: start + by, end: end + by }
}

/**
 * A track over the plain view. It begins where a track stands whose text was its own plain view so far. What holds
 * nothing that reads differently is left to the other track. It takes whole characters only.
 */
function openPlainViewTrack(reader: TextReader, from: TrackState): Track {
  let length = from.base + from.tail.length
  let viewLength = length
  const map = openOffsetMap()
  map.append(length, 0, length)
  const changes = openChanges()
  const track = openTrack(reader, from)
  return {
    read(piece, textEnd) {
      const view = PLAIN_VIEW.read(piece, length, map, (at, units) => changes.add(viewLength + at, units))
      length += piece.length
      viewLength += view.length
      const reading = track.read(view, textEnd)
      const found: Located[] = []
      for (const { from: seenFrom, start, end, ...located } of reading.found) {
        if (!changes.within(seenFrom, end)) continue
        const place = { from: map.startOf(seenFrom), start: map.startOf(start), end: map.endOf(end - 1) }
        found.push({ ...located, ...place })
      }
      const openFrom = reading.openFrom < viewLength ? map.startOf(reading.openFrom) : length
      map.forget(track.state().base)
      changes.forget(track.state().base)
      return { found, openFrom }
    },
    state: track.state,
  }
}

/** Forgetting moves what is kept, so it waits until that is worth it. */
const MIN_FORGOTTEN = 64

/** Where a view differs from its original. */
function openChanges() {
  /** In order; a change that left nothing is empty. */
  const changes: { readonly start: number; end: number }[] = []
  /** The first that ends behind `at`. */
  const indexAfter = (at: number): number => {
    let low = 0
    let high = changes.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((changes[middle]?.end ?? 0) > at) high = middle
      else low = middle + 1
    }
    return low
  }
  return {
    add(start: number, units: number): void {
      const last = changes.at(-1)
      if (last !== undefined && last.end === start && last.end > last.start === units > 0) last.end += units
      else changes.push({ start, end: start + units })
    },
    within: (start: number, end: number) => (changes[indexAfter(start)]?.start ?? end) < end,
    forget(at: number): void {
      const index = indexAfter(at)
      if (index >= MIN_FORGOTTEN && index * 2 >= changes.length) changes.splice(0, index)
    },
  }
}

function toFinding({ detector, score, start, end }: Located, segment: number): Finding {
  return { detector, score, span: { segment, start, end } }
}
