import type { Encoding } from './encodings.ts'
import { type Channel, Extractor, type Features } from './features.ts'
import { type ReadText, TextReader } from './plain-text.ts'
import { traitsOf } from './traits.ts'
import { decodedViews } from './views.ts'

/** One way to read a page: as it stands, or what a stretch of it says decoded. Valid until the next reading. */
export interface Reading {
  readonly features: Features
  /** In units as they are read. */
  readonly length: number
  readonly traits: number
  /** The range of the page, in UTF-16 offsets, that units [start, end) stand for; all of the stretch where it was decoded. */
  originalRange(start: number, end: number): { readonly start: number; readonly end: number }
}

const reader = new TextReader()
/** What is decoded has a memory of its own: the page is read on after it. */
const decodedReader = new TextReader()
const extractor = new Extractor()

/** Calls back for each reading of the page. Not to be nested: the memory is shared. */
export function eachReading(
  page: string,
  channel: Channel,
  encodings: ReadonlySet<Encoding>,
  take: (reading: Reading) => void,
): void {
  const read = reader.read(page)
  take(
    readingOf(read, channel, traitsOf(page, channel, 'plain'), (start, end) =>
      read.originalRange(start, end),
    ),
  )
  if (encodings.size === 0) return
  for (const { encoding, text, start, end } of decodedViews(page, read, encodings)) {
    const range = { start, end }
    take(readingOf(decodedReader.read(text), channel, traitsOf(text, channel, encoding), () => range))
  }
}

function readingOf(
  { codes, length }: ReadText,
  channel: Channel,
  traits: number,
  originalRange: Reading['originalRange'],
): Reading {
  return { features: extractor.extract(codes, length, channel), length, traits, originalRange }
}
