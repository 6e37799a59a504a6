import type { Finding, LocalGuardrail } from '../../src/guardrail/guardrail.ts'
import { findingsIn } from './detectors.ts'
import type { Tally } from './intervals.ts'
import type { LabelledSpan, Placed, SpanText } from './item.ts'

/** What a detector made of one text, by the names that its spans and its wrong findings have. */
export interface SpanResult {
  readonly item: Placed<SpanText>
  readonly tallies: ReadonlyMap<string, Tally>
}

export interface Matching {
  /** Whether a finding is this span's. */
  readonly fits: (finding: Finding, span: LabelledSpan) => boolean
  /** What to count a finding under that is no span's. */
  readonly nameOf: (finding: Finding) => string
}

/** Intersection over union of two stretches of text. */
export function overlap(one: Stretch, other: Stretch): number {
  const shared = Math.min(one.end, other.end) - Math.max(one.start, other.start)
  const whole = Math.max(one.end, other.end) - Math.min(one.start, other.start)
  return Math.max(0, shared) / whole
}

export interface Stretch {
  readonly start: number
  readonly end: number
}

export const measureSpans = (
  guardrail: LocalGuardrail,
  items: readonly Placed<SpanText>[],
  matching: Matching,
): SpanResult[] =>
  items.map(item => ({
    item,
    tallies: countSpans(item.spans, findingsIn(guardrail, item.text, 'user'), matching),
  }))

/** Each span is hit or missed; each finding that is no span's is a false alarm. */
export function countSpans(
  spans: readonly LabelledSpan[],
  findings: readonly Finding[],
  { fits, nameOf }: Matching,
): ReadonlyMap<string, Tally> {
  const tallies = new Map<string, Tally>()
  const count = (name: string, what: keyof Tally): void => {
    const before = tallies.get(name) ?? { hits: 0, misses: 0, falseAlarms: 0 }
    tallies.set(name, { ...before, [what]: before[what] + 1 })
  }
  for (const span of spans)
    count(span.entity, findings.some(finding => fits(finding, span)) ? 'hits' : 'misses')
  for (const finding of findings) {
    if (!spans.some(span => fits(finding, span))) count(nameOf(finding), 'falseAlarms')
  }
  return tallies
}
