import type { Role, TextSegment } from '../llm/format.ts'
import type { DetectorResult, Finding, Verdict } from './guardrail.ts'
import { failureReason, GuardrailFailure } from './guardrail.ts'

/** A stretch of one segment, as it goes to a service: the whole text unless that is too long for one request. */
export interface Piece {
  /** Index of the segment in the scan's subject. */
  readonly segment: number
  /** UTF-16 offset of the stretch in the segment's text. */
  readonly start: number
  readonly role: Role
  readonly text: string
}

/** One scan sends at most so many requests; a longer text is `over-limit`. */
export const MAX_REQUESTS = 20
/** What two stretches of one text share, so that a phrase across the cut stands whole in one of them. */
const OVERLAP_CHARS = 200

/**
 * All texts but blank ones, in order, in batches for one request each of at most `maxChars` UTF-16 units (a unit for
 * what joins two texts included). A text that is longer than that is cut at the end of a paragraph, else of a sentence,
 * of a word, of a character. Nothing is left out. Throws GuardrailFailure `over-limit` when there are too many batches.
 */
export function batchesOf(segments: readonly TextSegment[], maxChars: number): readonly (readonly Piece[])[] {
  const batches: Piece[][] = []
  let room = 0
  for (const [index, { role, text }] of segments.entries()) {
    if (text.trim() === '') continue
    for (const { start, end } of stretchesOf(text, maxChars)) {
      // Services refuse blank text, and with it the rest of the request.
      if (text.slice(start, end).trim() === '') continue
      if (end - start > room) {
        if (batches.length === MAX_REQUESTS) throw tooManyRequests()
        batches.push([])
        room = maxChars
      }
      batches.at(-1)?.push({ segment: index, start, role, text: text.slice(start, end) })
      room -= end - start + 1
    }
  }
  return batches
}

function tooManyRequests(): GuardrailFailure {
  return new GuardrailFailure('over-limit', `the text needs more than ${MAX_REQUESTS} requests`)
}

/** The text in pieces of at most `maxChars` UTF-16 units, cut and overlapping as in batches; blank ones are left out. */
export function splitText(text: string, maxChars: number): readonly string[] {
  return Array.from(stretchesOf(text, maxChars), ({ start, end }) => text.slice(start, end)).filter(
    piece => piece.trim() !== '',
  )
}

/**
 * What belongs to one message, or to one choice of an answer, as one text in its own order, also where choices are
 * interleaved: for services that know no roles. Blank texts hold nothing to judge.
 */
export function messageTexts(segments: readonly TextSegment[]): readonly string[] {
  const byMessage = Map.groupBy(
    segments.filter(({ text }) => text.trim() !== ''),
    ({ message }) => message,
  )
  return [...byMessage.values()].map(own => own.map(({ text }) => text).join('\n'))
}

interface Stretch {
  readonly start: number
  readonly end: number
}

function* stretchesOf(text: string, maxChars: number): Generator<Stretch> {
  const overlap = overlapOf(maxChars)
  let start = 0
  while (text.length - start > maxChars) {
    const end = cutBefore(text, start, start + maxChars)
    yield { start, end }
    start = betweenCharacters(text, end - overlap)
  }
  yield { start, end: text.length }
}

/** How much of a stretch of this length its neighbour repeats. */
export function overlapOf(chars: number): number {
  return Math.min(OVERLAP_CHARS, chars >> 2)
}

/** In order of preference. Each match ends where the text may be cut. */
const BOUNDARIES = [/\n\s*\n/g, /[.!?]\s+|[。！？\n]/g, /\s+/g]

/** The last good place to cut in the last quarter of [start, limit). */
export function cutBefore(text: string, start: number, limit: number): number {
  const from = limit - ((limit - start) >> 2)
  const tail = text.slice(from, limit)
  for (const boundary of BOUNDARIES) {
    let cut = 0
    for (const match of tail.matchAll(boundary)) cut = match.index + match[0].length
    if (cut > 0) return from + cut
  }
  return betweenCharacters(text, limit)
}

/** `at`, or the place before it when it stands inside of a surrogate pair. */
export function betweenCharacters(text: string, at: number): number {
  return (text.codePointAt(at - 1) ?? 0) > 0xffff ? at - 1 : at
}

/** The newest texts that take at most `maxChars` together: what was asked, for who judges the answer. */
export function newestWithin(segments: readonly TextSegment[], maxChars: number): readonly TextSegment[] {
  let room = maxChars
  let from = segments.length
  while (from > 0) {
    room -= segments[from - 1]!.text.length + 1
    if (room < 0) break
    from -= 1
  }
  return segments.slice(from).filter(({ text }) => text.trim() !== '')
}

/**
 * Asks for all batches at once; their verdicts as one. Without batches there is nothing to ask. Where some requests
 * fail, what others found still counts, and one finding without a place says that not all was judged: nothing can be
 * redacted then. Where none found anything, the failure is thrown.
 */
export async function askAll<Batch>(
  batches: readonly Batch[],
  ask: (batch: Batch) => Promise<Verdict>,
): Promise<Verdict> {
  const settled = await Promise.allSettled(batches.map(batch => ask(batch)))
  const verdicts = settled.flatMap(one => (one.status === 'fulfilled' ? [one.value] : []))
  const failures = settled.flatMap(one => (one.status === 'rejected' ? [one.reason] : []))
  return together(verdicts, failures)
}

/**
 * As askAll, for services that tell no places: the first that is flagged decides, and ends the other requests. A
 * failure does not end them, so that it cannot hide a flagged answer. Throws GuardrailFailure `over-limit` when there
 * are too many batches.
 */
export async function askUntilFlagged<Batch>(
  batches: readonly Batch[],
  ask: (batch: Batch, signal: AbortSignal) => Promise<Verdict>,
  signal: AbortSignal,
): Promise<Verdict> {
  if (batches.length > MAX_REQUESTS) throw tooManyRequests()
  const decided = new AbortController()
  const until = AbortSignal.any([signal, decided.signal])
  const verdicts: Verdict[] = []
  const failures: unknown[] = []
  const askOne = async (batch: Batch): Promise<void> => {
    try {
      const verdict = await ask(batch, until)
      verdicts.push(verdict)
      if (verdict.kind === 'flagged') decided.abort()
    } catch (error) {
      // What was cut short by a flagged answer did not fail.
      if (!decided.signal.aborted) failures.push(error)
    }
  }
  await Promise.all(batches.map(askOne))
  return together(verdicts, failures)
}

function together(verdicts: readonly Verdict[], failures: readonly unknown[]): Verdict {
  const flagged = verdicts.filter(verdict => verdict.kind === 'flagged')
  const requestId = [...flagged, ...verdicts].find(verdict => verdict.requestId !== undefined)?.requestId
  const [failed] = failures
  const findings = flagged.flatMap(verdict => verdict.findings)
  if (findings.length > 0) {
    const all = failures.length === 0 ? findings : [...findings, { detector: 'unscanned' }]
    const breakdown = mergedBreakdown(flagged.flatMap(verdict => verdict.breakdown ?? []))
    const incomplete =
      failures.length === 0
        ? flagged.find(one => one.incomplete !== undefined)?.incomplete
        : failureReason(failed)
    return { kind: 'flagged', findings: distinct(all), requestId, breakdown, incomplete }
  }
  if (failures.length > 0) throw failed
  return { kind: 'clean', requestId }
}

/** Each detector once, as it came to the most: a scan of several requests has it in each of their answers. */
export function mergedBreakdown(results: readonly DetectorResult[]): readonly DetectorResult[] | undefined {
  if (results.length === 0) return undefined
  const merged = new Map<string, DetectorResult>()
  for (const result of results) {
    const known = merged.get(result.detector)
    if (known === undefined || isStronger(result, known)) merged.set(result.detector, result)
  }
  return [...merged.values()]
}

function isStronger(one: DetectorResult, other: DetectorResult): boolean {
  if (one.detected !== other.detected) return one.detected
  if (one.score !== other.score) return (one.score ?? -1) > (other.score ?? -1)
  return levelNumber(one) > levelNumber(other)
}

/** As in `severity_4`. A service's other words have no order that is known here. */
function levelNumber({ level = '' }: DetectorResult): number {
  return Number(/\d+$/.exec(level)?.[0] ?? -1)
}

/** Each detector and place once, with its highest score: stretches of one text overlap. */
function distinct(findings: readonly Finding[]): readonly Finding[] {
  const known = new Map<string, Finding>()
  for (const finding of findings) {
    const { detector, level, span, score = -1 } = finding
    const key = JSON.stringify([detector, level, span?.segment, span?.start, span?.end])
    if (score >= (known.get(key)?.score ?? -1)) known.set(key, finding)
  }
  return [...known.values()]
}
