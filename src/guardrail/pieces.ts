import type { Role, TextSegment } from '../llm/format.ts'
import type { Finding, Verdict } from './guardrail.ts'
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
const MAX_REQUESTS = 20
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
      if (end - start > room) {
        if (batches.length === MAX_REQUESTS) {
          throw new GuardrailFailure('over-limit', `the text needs more than ${MAX_REQUESTS} requests`)
        }
        batches.push([])
        room = maxChars
      }
      batches.at(-1)?.push({ segment: index, start, role, text: text.slice(start, end) })
      room -= end - start + 1
    }
  }
  return batches
}

interface Stretch {
  readonly start: number
  readonly end: number
}

function* stretchesOf(text: string, maxChars: number): Generator<Stretch> {
  const overlap = Math.min(OVERLAP_CHARS, maxChars >> 2)
  let start = 0
  while (text.length - start > maxChars) {
    const end = cutBefore(text, start, start + maxChars)
    yield { start, end }
    start = betweenCharacters(text, end - overlap)
  }
  yield { start, end: text.length }
}

/** In order of preference. Each match ends where the text may be cut. */
const BOUNDARIES = [/\n\s*\n/g, /[.!?]\s+|[。！？\n]/g, /\s+/g]

/** The last good place to cut in the last quarter of [start, limit). */
function cutBefore(text: string, start: number, limit: number): number {
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
function betweenCharacters(text: string, at: number): number {
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
export async function askAll(
  batches: readonly (readonly Piece[])[],
  ask: (batch: readonly Piece[]) => Promise<Verdict>,
): Promise<Verdict> {
  const settled = await Promise.allSettled(batches.map(ask))
  const verdicts = settled.flatMap(one => (one.status === 'fulfilled' ? [one.value] : []))
  const failed = settled.find(one => one.status === 'rejected')
  const requestId = (
    verdicts.find(({ kind, requestId }) => kind === 'flagged' && requestId !== undefined) ??
    verdicts.find(({ requestId }) => requestId !== undefined)
  )?.requestId
  const findings = verdicts.flatMap(verdict => (verdict.kind === 'flagged' ? verdict.findings : []))
  if (findings.length > 0) {
    const all = failed === undefined ? findings : [...findings, { detector: 'unscanned' }]
    const incomplete = failed && failureReason(failed.reason)
    return { kind: 'flagged', findings: distinct(all), requestId, incomplete }
  }
  if (failed !== undefined) throw failed.reason
  return { kind: 'clean', requestId }
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
