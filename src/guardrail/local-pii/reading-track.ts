import { openOffsetMap } from '../text/offset-map.ts'
import type { Candidate, Reader, TextEnd } from './candidate.ts'
import { CONTEXT_UNITS } from './candidate.ts'
import { UNDISGUISED } from './disguise.ts'

/** What all readers make of a piece. */
export interface TrackReading {
  readonly found: readonly Candidate[]
  /** Everything found later starts here or after. */
  readonly openFrom: number
}

/** Reads one running text piece by piece. */
export interface ReadingTrack {
  read(piece: string, textEnd: TextEnd): TrackReading
}

/** Where the readers of a track are. */
interface TrackState {
  /** The text from `base` on. Between pieces some 900 units of it at most: the longest entity under way and its context. */
  readonly tail: string
  readonly base: number
  /** By reader. */
  readonly resumeAt: readonly number[]
}

/** A track over the text as it came. */
export interface PlainTrack extends ReadingTrack {
  readonly state: () => TrackState
}

export function openPlainTrack(readers: readonly Reader[], from?: TrackState): PlainTrack {
  let tail = from?.tail ?? ''
  let base = from?.base ?? 0
  const cursors = readers.map((read, index) => ({ read, resumeAt: from?.resumeAt[index] ?? 0 }))
  return {
    read(piece, textEnd) {
      tail += piece
      const found: Candidate[] = []
      let openFrom = base + tail.length
      for (const cursor of cursors) {
        const reading = cursor.read(tail, cursor.resumeAt - base, textEnd)
        for (const candidate of reading.found) {
          found.push(
            base === 0
              ? candidate
              : { ...candidate, start: candidate.start + base, end: candidate.end + base },
          )
        }
        cursor.resumeAt = base + reading.resumeAt
        openFrom = Math.min(openFrom, base + reading.openFrom)
      }
      const needed = Math.max(base, leastOf(cursors.map(cursor => cursor.resumeAt)) - CONTEXT_UNITS)
      tail = tail.slice(needed - base)
      base = needed
      return { found, openFrom }
    },
    state: () => ({ tail, base, resumeAt: cursors.map(({ resumeAt }) => resumeAt) }),
  }
}

/**
 * A track over the text without its disguises. It begins where a plain track stands whose text had none so far: the
 * two have read the same until then. It takes whole characters only.
 */
export function openUndisguisedTrack(readers: readonly Reader[], from: TrackState): ReadingTrack {
  /** Units of the original, and of what was read instead. */
  let length = from.base + from.tail.length
  let readLength = length
  const map = openOffsetMap()
  map.append(length, 0, length)
  const track = openPlainTrack(readers, from)
  return {
    read(piece, textEnd) {
      const read = UNDISGUISED.read(piece, length, map)
      length += piece.length
      readLength += read.length
      const reading = track.read(read, textEnd)
      const found = reading.found.map(({ start, end, ...candidate }) => ({
        ...candidate,
        start: map.startOf(start),
        end: map.endOf(end - 1),
      }))
      const openFrom = reading.openFrom < readLength ? map.startOf(reading.openFrom) : length
      map.forget(track.state().base)
      return { found, openFrom }
    },
  }
}

function leastOf(values: readonly number[]): number {
  return values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY)
}
