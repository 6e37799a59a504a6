import type { ScanSubject } from '../guardrail/guardrail.ts'
import type { RuleOutcome } from '../policy/decide.ts'

/** JSON source as a guard should read it, and the way back. */
export interface Unescaped {
  readonly text: string
  /** The stretch of the source that [start, end) of `text` stands for. start must be less than end. */
  original(start: number, end: number): { readonly start: number; readonly end: number }
}

/** Arguments may hold JSON that holds JSON; nobody reads deeper. */
const MOST_LEVELS = 3

/** Undoes the escapes of JSON source, of strings within its strings too; undefined where there are none. */
export function unescapeJson(source: string): Unescaped | undefined {
  let level = unescapeOnce(source)
  if (level === undefined) return undefined
  for (let deeper = 1; deeper < MOST_LEVELS; deeper++) {
    const next = unescapeOnce(level.text)
    if (next === undefined) break
    const { starts, ends }: Level = level
    level = {
      text: next.text,
      starts: next.starts.map(at => starts[at]!),
      ends: next.ends.map(at => ends[at - 1]!),
    }
  }
  const { text, starts, ends } = level
  return { text, original: (start, end) => ({ start: starts[start]!, end: ends[end - 1]! }) }
}

interface Level {
  readonly text: string
  /** Of each UTF-16 unit of `text`: where in the source the stretch begins and ends that it stands for. */
  readonly starts: Uint32Array
  readonly ends: Uint32Array
}

const ESCAPE = /\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))/g
const SHORT: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

function unescapeOnce(source: string): Level | undefined {
  if (!source.includes('\\')) return undefined
  const pieces: string[] = []
  const starts = new Uint32Array(source.length)
  const ends = new Uint32Array(source.length)
  let [at, length] = [0, 0]
  const copyTo = (end: number): void => {
    pieces.push(source.slice(at, end))
    for (; at < end; at++, length++) {
      starts[length] = at
      ends[length] = at + 1
    }
  }
  for (const match of source.matchAll(ESCAPE)) {
    copyTo(match.index)
    const [written, code, short = ''] = match
    pieces.push(code === undefined ? (SHORT[short] ?? short) : String.fromCharCode(Number.parseInt(code, 16)))
    starts[length] = at
    at += written.length
    ends[length] = at
    length += 1
  }
  copyTo(source.length)
  return { text: pieces.join(''), starts: starts.subarray(0, length), ends: ends.subarray(0, length) }
}

/** The subject with its JSON source unescaped, and the outcomes of its scan with their places in the source. */
export function readable<S extends ScanSubject>(
  subject: S,
): { readonly subject: S; inSource(outcome: RuleOutcome): RuleOutcome } {
  if (subject.segments.every(({ syntax }) => syntax === undefined)) return { subject, inSource: asItIs }
  const read = new Map<number, Unescaped>()
  for (const [index, { syntax, text }] of subject.segments.entries()) {
    const unescaped = syntax === 'json' ? unescapeJson(text) : undefined
    if (unescaped !== undefined) read.set(index, unescaped)
  }
  if (read.size === 0) return { subject, inSource: asItIs }
  const segments = subject.segments.map((segment, index) => {
    const text = read.get(index)?.text
    return text === undefined ? segment : { ...segment, text }
  })
  return {
    subject: { ...subject, segments },
    inSource: outcome => inSource(outcome, segment => read.get(segment)),
  }
}

const asItIs = (outcome: RuleOutcome): RuleOutcome => outcome

/** The outcome with the places of its findings in the source that its segments were read from. */
export function inSource(
  { rule, outcome }: RuleOutcome,
  sourceOf: (segment: number) => Unescaped | undefined,
): RuleOutcome {
  if (outcome.kind === 'failure' || outcome.verdict.kind === 'clean') return { rule, outcome }
  const findings = outcome.verdict.findings.map(finding => {
    const unescaped = finding.span && sourceOf(finding.span.segment)
    if (finding.span === undefined || unescaped === undefined) return finding
    const { segment, start, end } = finding.span
    return { ...finding, span: { segment, ...unescaped.original(start, end) } }
  })
  return { rule, outcome: { ...outcome, verdict: { ...outcome.verdict, findings } } }
}
