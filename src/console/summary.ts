import { z } from 'zod'

/** The families of metrics that the console shows. */
export const SHOWN_FAMILIES = [
  'weir_exchanges_open',
  'weir_exchanges_total',
  'weir_held_bytes',
  'weir_budget_bytes',
  'weir_event_loop_lag_seconds',
  'weir_decisions_total',
  'weir_guardrail_duration_seconds',
  'weir_guardrail_outcomes_total',
  'weir_unmatched_total',
  'weir_unsupported_total',
  'weir_uninspectable_total',
  'weir_unenforced_total',
  'weir_refused_total',
  'weir_exchanges_turned_away_total',
  'weir_over_budget_total',
  'weir_faults_total',
  'weir_heartbeats_total',
] as const

type ShownFamily = (typeof SHOWN_FAMILIES)[number]

/** What is read of a family as prom-client gives it. */
const familySchema = z.object({
  name: z.string(),
  values: z.array(
    z.object({
      metricName: z.string().optional(),
      labels: z.record(z.string(), z.union([z.string(), z.number()]).optional()).default({}),
      value: z.number(),
    }),
  ),
})

type Sample = z.output<typeof familySchema>['values'][number]

export interface GuardrailSummary {
  readonly guardrail: string
  readonly phase: string
  readonly scans: number
  /** Milliseconds; undefined before the first scan. */
  readonly p50Ms: number | undefined
  readonly p95Ms: number | undefined
  readonly clean: number
  readonly flagged: number
  readonly failures: readonly { readonly reason: string; readonly count: number }[]
}

/** The metrics as the console shows them: counts since the start, the rest as it is now. */
export interface Summary {
  readonly exchangesOpen: number
  readonly exchangesEnded: number
  readonly heldBytes: number
  readonly budgetBytes: number
  /** 99th percentile since the last scrape; of several processes the longest. */
  readonly lagMs: number
  readonly decisions: readonly { readonly effective: string; readonly count: number }[]
  readonly guardrails: readonly GuardrailSummary[]
  /** By the name of the metric without `weir_` and `_total`. */
  readonly counters: Readonly<Record<string, number>>
}

const COUNTERS = [
  'unmatched',
  'unsupported',
  'uninspectable',
  'unenforced',
  'refused',
  'exchanges_turned_away',
  'over_budget',
  'faults',
  'heartbeats',
] as const

/** @throws ZodError when a family is no family of prom-client's */
export function summaryOf(families: readonly unknown[]): Summary {
  const byName = new Map(
    families.map(family => familySchema.parse(family)).map(one => [one.name, one.values]),
  )
  const samples = (name: ShownFamily): readonly Sample[] => byName.get(name) ?? []
  const total = (name: ShownFamily): number => sum(samples(name))
  const counters = COUNTERS.map(name => [name, total(`weir_${name}_total`)] as const)
  const decisions = Map.groupBy(samples('weir_decisions_total'), ({ labels }) => String(labels.effective))
  return {
    exchangesOpen: total('weir_exchanges_open'),
    exchangesEnded: total('weir_exchanges_total'),
    heldBytes: total('weir_held_bytes'),
    budgetBytes: total('weir_budget_bytes'),
    lagMs: rounded(total('weir_event_loop_lag_seconds') * 1000),
    decisions: [...decisions].map(([effective, all]) => ({ effective, count: sum(all) })),
    guardrails: guardrailSummaries(
      samples('weir_guardrail_duration_seconds'),
      samples('weir_guardrail_outcomes_total'),
    ),
    counters: Object.fromEntries(counters),
  }
}

function guardrailSummaries(timings: readonly Sample[], outcomes: readonly Sample[]): GuardrailSummary[] {
  const keyOf = ({ labels }: Sample): string => JSON.stringify([labels.guardrail, labels.phase])
  const timed = Map.groupBy(timings, keyOf)
  const counted = Map.groupBy(outcomes, keyOf)
  return [...counted]
    .map(([key, all]) => {
      const { guardrail, phase } = all[0]!.labels
      const count = (outcome: string): number => sum(all.filter(({ labels }) => labels.outcome === outcome))
      const buckets = bucketsOf(timed.get(key) ?? [])
      return {
        guardrail: String(guardrail),
        phase: String(phase),
        scans: sum(all),
        p50Ms: quantileMs(buckets, 0.5),
        p95Ms: quantileMs(buckets, 0.95),
        clean: count('clean'),
        flagged: count('flagged'),
        failures: failuresOf(all),
      }
    })
    .sort((a, b) => a.guardrail.localeCompare(b.guardrail) || a.phase.localeCompare(b.phase))
}

/** The detail tells more than the reason, where there is one. */
function failuresOf(outcomes: readonly Sample[]): GuardrailSummary['failures'] {
  const failed = outcomes.filter(({ labels }) => labels.outcome === 'failure')
  const byReason = Map.groupBy(failed, ({ labels: { reason, detail } }) =>
    detail === 'none' ? String(reason) : `${reason} (${detail})`,
  )
  return [...byReason].map(([reason, all]) => ({ reason, count: sum(all) })).sort((a, b) => b.count - a.count)
}

/** How many took at most so many seconds. */
interface Bucket {
  readonly le: number
  readonly count: number
}

function bucketsOf(samples: readonly Sample[]): readonly Bucket[] {
  const buckets = Map.groupBy(
    samples.filter(({ metricName = '' }) => metricName.endsWith('_bucket')),
    ({ labels: { le } }) => (le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le)),
  )
  return [...buckets].map(([le, all]) => ({ le, count: sum(all) })).sort((a, b) => a.le - b.le)
}

/** As Prometheus reads a histogram: evenly spread within a bucket; the last bound for what is past it. */
function quantileMs(buckets: readonly Bucket[], quantile: number): number | undefined {
  const all = buckets.at(-1)?.count ?? 0
  if (all === 0) return undefined
  const wanted = quantile * all
  const index = buckets.findIndex(({ count }) => count >= wanted)
  const { le, count } = buckets[index]!
  const below = buckets[index - 1] ?? { le: 0, count: 0 }
  if (le === Number.POSITIVE_INFINITY) return rounded(below.le * 1000)
  const part = (wanted - below.count) / (count - below.count)
  return rounded((below.le + (le - below.le) * part) * 1000)
}

function sum(samples: readonly Sample[]): number {
  return samples.reduce((total, { value }) => total + value, 0)
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
