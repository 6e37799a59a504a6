import type { Span } from '../guardrail.ts'
import { joined, spansIn } from '../joined.ts'
import type { Piece } from '../pieces.ts'
import type { Range } from './answer.ts'

/** Finds what the service points at. What cannot be made out has no place: a redaction denies then. */
export interface Places {
  /** By the service's two countings of the same place; where it gives both they have to agree. */
  ofFinding(codePoints: Range, bytes: Range): readonly Span[]
  /** A range in units that are not documented: the one reading of it that yields `text`. */
  ofText(text: string, range: Range): readonly Span[]
}

interface Stretch {
  readonly start: number
  readonly end: number
}

/** The UTF-16 offset of every place between characters, by its offset in another unit. */
type Offsets = ReadonlyMap<number, number>

interface Countings {
  readonly codePoints: Offsets
  readonly bytes: Offsets
}

export function openPlaces(batch: readonly Piece[]): Places {
  const text = joined(batch)
  let counted: Countings | undefined
  // Most texts are clean: nothing is counted before something was found.
  const countedOnce = () => {
    counted ??= countings(text)
    return counted
  }
  const spans = (stretch: Stretch | undefined) =>
    stretch === undefined ? [] : spansIn(batch, stretch.start, stretch.end)
  return {
    ofFinding(codePointRange, byteRange) {
      const { codePoints, bytes } = countedOnce()
      const byCodePoints = stretchOf(codePointRange, codePoints)
      const byBytes = stretchOf(byteRange, bytes)
      if (codePointRange == null) return spans(byBytes)
      if (byteRange == null) return spans(byCodePoints)
      return isSame(byCodePoints, byBytes) ? spans(byCodePoints) : []
    },
    ofText(expected, range) {
      const { codePoints, bytes } = countedOnce()
      const readings = [stretchOf(range, codePoints), stretchOf(range, bytes), unitsOf(range)]
      return spans(readings.find(one => one !== undefined && text.slice(one.start, one.end) === expected))
    },
  }
}

function countings(text: string): Countings {
  const codePoints = new Map<number, number>()
  const bytes = new Map<number, number>()
  let at = 0
  let byte = 0
  for (const character of text) {
    codePoints.set(codePoints.size, at)
    bytes.set(byte, at)
    at += character.length
    byte += utf8Length(character.codePointAt(0) ?? 0)
  }
  codePoints.set(codePoints.size, at)
  bytes.set(byte, at)
  return { codePoints, bytes }
}

function utf8Length(codePoint: number): number {
  if (codePoint < 0x80) return 1
  if (codePoint < 0x800) return 2
  return codePoint < 0x10000 ? 3 : 4
}

/** Undefined when it ends inside of a character, outside of the text, or before it starts. */
function stretchOf(range: Range, offsets: Offsets): Stretch | undefined {
  if (range?.start === undefined || range.end === undefined) return undefined
  const start = offsets.get(range.start)
  const end = offsets.get(range.end)
  return start === undefined || end === undefined || start >= end ? undefined : { start, end }
}

function unitsOf(range: Range): Stretch | undefined {
  if (range?.start === undefined || range.end === undefined) return undefined
  return { start: range.start, end: range.end }
}

function isSame(one: Stretch | undefined, other: Stretch | undefined): boolean {
  return one !== undefined && one.start === other?.start && one.end === other.end
}
