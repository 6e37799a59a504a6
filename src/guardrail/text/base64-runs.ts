/** What a run of base64 characters says, and where the run is, its padding included. UTF-16 offsets, end exclusive. */
export interface DecodedRun {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** What is known of the runs after a piece of text. */
export interface RunProgress {
  readonly runs: readonly DecodedRun[]
  /** Runs still to come start here or after. */
  readonly openFrom: number
}

/** Looks for base64 in one text that comes in pieces. */
export interface OpenRuns {
  push(piece: string): RunProgress
  end(): RunProgress
}

const MIN_RUN_CHARS = 16
/** What is decoded of one text, in bytes. Past it the run is cut, and no more of the text is looked at. */
const MAX_DECODED_BYTES = 65_536
/** So many characters show whether a run is text: an image or a key is not held until it ends. */
const PROBE_CHARS = 64
/** Letters and digits in a row are base64 to a pattern, but hardly ever text once they are decoded. */
const MIN_PRINTABLE = 0.9

/** The standard alphabet and the one for URLs. */
const NEXT_CHAR = /[A-Za-z0-9+/_-]/g
const CHARS = /[A-Za-z0-9+/_-]*/y
const NOT_PRINTABLE = /[\ufffd\p{Cc}\p{Cn}\p{Co}]/gu
const LINE_CONTROL = /[\t\n\r]/g

/** A run under way. `shift` is how many characters stand before the first quad; `dropped` when it is no text. */
interface Run {
  readonly start: number
  chars: string
  padding: number
  shift: number | 'unknown' | 'dropped'
}

/** Finds runs of at least 16 base64 characters that decode to mostly printable UTF-8; one level, in linear time. */
export function openBase64Runs(): OpenRuns {
  let length = 0
  let run: Run | undefined
  let budget = MAX_DECODED_BYTES
  let runs: DecodedRun[] = []

  const close = (end: number): void => {
    if (run === undefined) return
    settleShift(run)
    if (typeof run.shift === 'number' && run.chars.length >= MIN_RUN_CHARS) {
      const bytes = decode(run.chars, run.shift, budget)
      budget -= bytes.length
      const text = new TextDecoder().decode(bytes)
      if (isMostlyPrintable(text)) runs.push({ start: run.start, end, text })
    }
    run = undefined
  }

  /** Reads on from `at`, within a run or before one; returns where it stopped. */
  const readOn = (piece: string, at: number): number => {
    if (run === undefined) {
      NEXT_CHAR.lastIndex = at
      const next = NEXT_CHAR.exec(piece)
      if (next === null) return piece.length
      run = { start: length + next.index, chars: '', padding: 0, shift: 'unknown' }
      return next.index
    }
    if (run.padding === 0) {
      const end = charsEnd(piece, at, room(run, budget))
      if (end > at) {
        takeChars(run, piece.slice(at, end))
        if (run.shift !== 'dropped' && room(run, budget) === 0) {
          close(length + end)
          budget = 0
        }
        return end
      }
    }
    if (piece[at] === '=' && run.padding < 2) {
      run.padding++
      return at + 1
    }
    close(length + at)
    return at
  }

  const progress = (): RunProgress => {
    const done = runs
    runs = []
    return { runs: done, openFrom: run === undefined || run.shift === 'dropped' ? length : run.start }
  }

  return {
    push(piece) {
      for (let at = 0; at < piece.length && budget > 0; ) at = readOn(piece, at)
      length += piece.length
      return progress()
    },
    end() {
      close(length)
      return progress()
    },
  }
}

/** How many more characters of the run can be decoded. */
function room(run: Run, budget: number): number {
  if (run.shift === 'dropped') return Number.POSITIVE_INFINITY
  return Math.max(0, Math.ceil((budget * 4) / 3) - run.chars.length)
}

function charsEnd(piece: string, at: number, most: number): number {
  CHARS.lastIndex = at
  CHARS.exec(piece)
  return Math.min(CHARS.lastIndex, at + most)
}

function takeChars(run: Run, chars: string): void {
  if (run.shift === 'dropped') return
  run.chars += chars
  if (run.shift === 'unknown' && run.chars.length >= PROBE_CHARS) settleShift(run)
}

/** What stands right before base64 may be of its alphabet too, such as a slash: so each place in a quad is tried. */
function settleShift(run: Run): void {
  if (run.shift !== 'unknown') return
  run.shift = 'dropped'
  if (run.chars.length >= MIN_RUN_CHARS) {
    const probe = run.chars.slice(0, PROBE_CHARS)
    const isText = (shift: number) =>
      isMostlyPrintable(new TextDecoder().decode(decode(probe, shift, PROBE_CHARS), { stream: true }))
    run.shift = [0, 1, 2, 3].find(isText) ?? 'dropped'
  }
  if (run.shift === 'dropped') run.chars = ''
}

function decode(chars: string, shift: number, mostBytes: number): Uint8Array {
  return Buffer.from(chars.slice(shift), 'base64').subarray(0, mostBytes)
}

function isMostlyPrintable(text: string): boolean {
  if (text === '') return false
  const odd = countOf(text, NOT_PRINTABLE) - countOf(text, LINE_CONTROL)
  return odd <= text.length * (1 - MIN_PRINTABLE)
}

function countOf(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0
}
