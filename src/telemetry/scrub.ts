/** Shorter values stand in too many harmless words: scrubbing them would garble the log and protect nothing. */
const MIN_SCRUBBED_LENGTH = 4

/** Keys rotate; past this many the value that was told longest ago is no longer scrubbed. */
const MAX_VALUES = 1024

/** Takes known secret values out of what is about to be written. */
export interface Scrubber {
  /** Every later line is free of these values. */
  add(values: readonly string[]): void
  /** A text with every known value replaced by `***`. */
  text(text: string): string
  /** A line of JSON, its line end kept, with the known values replaced in its strings. */
  jsonLine(line: string): string
}

/** A scrubber that knows no value yet. */
export function createScrubber(): Scrubber {
  const known = new Set<string>()
  let longestFirst: readonly string[] = []
  let needles: readonly string[] = []

  const text = (given: string) =>
    longestFirst.reduce((rest, value) => (rest.includes(value) ? rest.replaceAll(value, '***') : rest), given)

  return {
    add(values) {
      for (const value of values) {
        if (value.length < MIN_SCRUBBED_LENGTH) continue
        // Anew, at the end: one that is still in use is not the oldest.
        known.delete(value)
        known.add(value)
      }
      for (const oldest of known) {
        if (known.size <= MAX_VALUES) break
        known.delete(oldest)
      }
      // Detectors that guard services name are taken in lower case, and a secret among them with it.
      const written = new Set([...known].flatMap(value => [value, value.toLowerCase()]))
      // A value that holds another must go first, or its rest would stay.
      longestFirst = [...written].sort((a, b) => b.length - a.length)
      needles = longestFirst.map(value => JSON.stringify(value).slice(1, -1))
    },
    text,
    jsonLine(line) {
      // Nearly no line holds a secret: only one that does is worth parsing.
      if (!needles.some(needle => line.includes(needle))) return line
      return `${JSON.stringify(scrubStrings(JSON.parse(line), text))}\n`
    },
  }
}

function scrubStrings(value: unknown, text: (given: string) => string): unknown {
  if (typeof value === 'string') return text(value)
  if (Array.isArray(value)) return value.map(entry => scrubStrings(entry, text))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, scrubStrings(entry, text)]))
}
