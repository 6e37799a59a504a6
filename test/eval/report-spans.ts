import { entityOf, isEntity, isPatterned } from './entities.ts'
import { f1, f1Estimate, sum, type Tally, wilson } from './intervals.ts'
import type { Side } from './item.ts'
import { type Matching, overlap, type SpanResult } from './measure-spans.ts'
import type { Goal } from './report.ts'
import { estimate, share, table } from './table.ts'

const LEAST_OVERLAP = 0.75

/** The right entity, in the right place: what is masked is what had to be. Of an address any part tells. */
export const PII: Matching = {
  fits: ({ detector, span: found }, span) =>
    found !== undefined &&
    isEntity(detector, span.entity) &&
    overlap(found, span) >= (span.entity === 'address' ? Number.MIN_VALUE : LEAST_OVERLAP),
  nameOf: ({ detector }) => entityOf(detector),
}

/** Whatever it takes the secret for: it is seen, and masked at least in part. */
export const SECRET: Matching = {
  fits: ({ span: found }, span) => found !== undefined && overlap(found, span) > 0,
  nameOf: ({ detector }) => detector,
}

const on = (results: readonly SpanResult[], side: Side): readonly SpanResult[] =>
  results.filter(({ item }) => item.side === side)

/** Each text's counts over the names that matter. */
const perText = (results: readonly SpanResult[], counts: (name: string) => boolean): Tally[] =>
  results.map(({ tallies }) => sum([...tallies].filter(([name]) => counts(name)).map(([, tally]) => tally)))

function row(name: string, tallies: readonly Tally[]): string[] {
  const { hits, misses, falseAlarms } = sum(tallies)
  return [
    name,
    String(hits + misses),
    estimate(wilson(hits, hits + falseAlarms)),
    estimate(wilson(hits, hits + misses)),
    estimate(f1Estimate(tallies)),
  ]
}

const HEADINGS = ['', 'spans', 'precision', 'recall', 'F1']

/** Texts without any span in which something was found, of how many. */
export function falsePositives(results: readonly SpanResult[]): readonly [flagged: number, texts: number] {
  const negative = results.filter(({ item }) => item.spans.length === 0)
  return [negative.filter(({ tallies }) => tallies.size > 0).length, negative.length]
}

export const overall = (
  results: readonly SpanResult[],
  side: Side,
  counts: (name: string) => boolean,
): string[] => {
  const chosen = on(results, side)
  return [...row('', perText(chosen, counts)).slice(1), estimate(wilson(...falsePositives(chosen)))]
}

/** What is known by its pattern is found, and little else is. */
export function spanGoals(results: readonly SpanResult[], counts: (name: string) => boolean): Goal[] {
  const tally = sum(perText(on(results, 'heldout'), counts))
  return [
    { what: 'F1 of what patterns tell', measured: f1(tally), limit: 0.95, reached: 'at least' },
    {
      what: 'precision of what patterns tell',
      measured: tally.hits / (tally.hits + tally.falseAlarms),
      limit: 0.98,
      reached: 'at least',
    },
  ]
}

/** The chapter of one detector of spans: by what is found, by what it stands in, and what it is fooled by. */
export function spanChapter(results: readonly SpanResult[], groups: readonly SpanGroup[]): string {
  const heldout = on(results, 'heldout')
  const entities = [...new Set(results.flatMap(({ item }) => item.spans.map(({ entity }) => entity)))].sort()
  const byGroup = groups.flatMap(({ title, counts }) => {
    const names = entities.filter(counts)
    return names.length === 0
      ? []
      : [
          `**${title}**, held out:`,
          table(HEADINGS, [
            row('all', perText(heldout, counts)),
            ...names.map(name =>
              row(
                name,
                perText(heldout, other => other === name),
              ),
            ),
          ]),
        ]
  })
  return [...byGroup, ...byWrap(heldout, entities), ...nearMisses(heldout)].join('\n\n')
}

export interface SpanGroup {
  readonly title: string
  readonly counts: (name: string) => boolean
}

export const PII_GROUPS: readonly SpanGroup[] = [
  { title: 'Known by pattern and check digits', counts: isPatterned },
  { title: 'Known by the words around them', counts: name => !isPatterned(name) },
]

function byWrap(results: readonly SpanResult[], entities: readonly string[]): string[] {
  const wraps = [...new Set(results.map(({ item }) => item.wrap))].sort()
  const counts = (name: string): boolean => isPatterned(name) || !entities.includes(name)
  return [
    '**By what it stands in**, held out:',
    table(
      HEADINGS,
      wraps.map(wrap =>
        row(
          wrap,
          perText(
            results.filter(({ item }) => item.wrap === wrap),
            counts,
          ),
        ),
      ),
    ),
  ]
}

function nearMisses(results: readonly SpanResult[]): string[] {
  const categories = [
    ...new Set(results.filter(({ item }) => item.spans.length === 0).map(({ item }) => item.category)),
  ].sort()
  const rows = categories.map(category => {
    const [flagged, texts] = falsePositives(results.filter(({ item }) => item.category === category))
    return [category.replace('miss:', ''), String(texts), String(flagged), share(flagged / texts)]
  })
  return ['**Harmless texts**, held out:', table(['', 'texts', 'flagged', 'share'], rows)]
}
