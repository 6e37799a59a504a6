import { z } from 'zod'
import { Figures } from './figures.ts'
import type { Measured } from './goals.ts'
import { count, figure, type Section } from './section.ts'

/** One round of one job, as the yardstick writes it. Latencies are µs, CPU is µs of the processor. */
const round = z.looseObject({
  rps: z.number(),
  p50: z.number(),
  p99: z.number(),
  cpu_req: z.number(),
  cpu_chunk: z.number().nullish(),
  envoy_req: z.number().nullish(),
  rss: z.number(),
  errs: z.number(),
})
type Round = z.output<typeof round>

/** The rounds under `job | mode | who`. */
const file = z.record(z.string().regex(/^[^|]+ \| [^|]+ \| [^|]+$/), z.array(round).min(1))

/** What the jobs of the yardstick are called. */
const JOBS = {
  one: /^1 KB json, c=1$/,
  many: /^1 KB json, c=32$/,
  streams: /streams x/,
  large: /^64 KB json/,
} as const

/** The rounds of both, in the same order; `base` is Envoy without a processor. */
interface Pair {
  readonly job: string
  readonly mode: string
  readonly weir: readonly Round[]
  readonly peer: readonly Round[]
  readonly base: readonly Round[]
}

/** @param json the text of the file that `compare.py --out` wrote; throws on another shape */
export function yardstickSection(json: string): Section {
  const pairs = pairsOf(file.parse(JSON.parse(json)))
  const rounds = pairs[0]?.weir.length ?? 0
  return {
    title: 'Side by side with a minimal Go processor',
    about:
      'Weir with one keyword guardrail on both sides (`test/bench/keyword.yaml`), and a minimal processor in Go that ' +
      'parses each request and each event and looks for the phrase: no policies, no logs, no metrics. Both have one ' +
      'core to themselves, one after the other, behind one Envoy with the clients and the LLM on the other core, in ' +
      `${rounds} interleaved rounds. Ratios are Weir against the peer, the median over the rounds of each round's own ` +
      'ratio: below 1 Weir is cheaper or faster, of requests a second above 1. "Added" is without what Envoy alone takes. ' +
      'The goals count the worse of the modes.',
    tables: [
      {
        headings: [
          ...['job', 'mode', 'requests/s', 'added p50', 'p99', 'CPU a request', 'CPU a chunk', 'errors'],
        ],
        rows: pairs.map(pair => [
          ...[pair.job, pair.mode, times(ratio(pair, one => one.rps)), times(addedP50(pair))],
          ...[times(ratio(pair, one => one.p99)), times(ratio(pair, one => one.cpu_req))],
          ...[times(ratio(pair, one => one.cpu_chunk)), count(errorsOf(pair))],
        ]),
      },
      {
        headings: [
          ...['median of the rounds', 'mode', 'who', 'requests/s', 'p50, µs', 'p99, µs'],
          ...['CPU a request, µs', 'CPU a chunk, µs', 'CPU of Envoy a request, µs', 'RSS, MB'],
        ],
        rows: pairs.flatMap(pair => [medians(pair, 'Weir', pair.weir), medians(pair, 'peer', pair.peer)]),
      },
    ],
    measured: measuredOf(pairs),
  }
}

function pairsOf(rows: z.output<typeof file>): readonly Pair[] {
  return Object.entries(rows).flatMap(([key, weir]) => {
    const [job = '', mode = '', who = ''] = key.split(' | ')
    const [peer, base] = [rows[`${job} | ${mode} | go`], rows[`${job} | - | base`]]
    return who === 'weir' && peer && base ? [{ job, mode, weir, peer, base }] : []
  })
}

type Read = (round: Round) => number | null | undefined

/** The median of the rounds' ratios; NaN where a round has no such figure. */
function ratio({ weir, peer }: Pair, read: Read): number {
  return new Figures(weir.map((one, index) => (read(one) || Number.NaN) / (read(peer[index]!) || Number.NaN)))
    .p50
}

function addedP50({ weir, peer, base }: Pair): number {
  return new Figures(
    weir.map((one, index) => {
      const alone = base[index]?.p50 ?? Number.NaN
      return (one.p50 - alone) / ((peer[index]?.p50 ?? Number.NaN) - alone)
    }),
  ).p50
}

const errorsOf = ({ weir }: Pair): number => weir.reduce((sum, { errs }) => sum + errs, 0)

const times = (value: number): string => (Number.isNaN(value) ? '' : `${figure(value)} ×`)

function medians({ job, mode }: Pair, who: string, rounds: readonly Round[]): readonly string[] {
  const median = (read: Read): string => figure(new Figures(rounds.map(one => read(one) || Number.NaN)).p50)
  return [
    ...[job, mode, who, median(one => one.rps), median(one => one.p50), median(one => one.p99)],
    ...[median(one => one.cpu_req), median(one => one.cpu_chunk)],
    ...[median(one => one.envoy_req), median(one => one.rss)],
  ]
}

function measuredOf(pairs: readonly Pair[]): Measured {
  const worst = (job: RegExp, read: (pair: Pair) => number, pick: (...all: number[]) => number) => {
    const values = pairs.filter(pair => job.test(pair.job)).map(read)
    return values.length > 0 ? pick(...values) : undefined
  }
  return {
    requestCpu: worst(JOBS.many, pair => ratio(pair, one => one.cpu_req), Math.max),
    chunkCpu: worst(JOBS.streams, pair => ratio(pair, one => one.cpu_chunk), Math.max),
    addedP50: worst(JOBS.one, addedP50, Math.max),
    p99: worst(JOBS.many, pair => ratio(pair, one => one.p99), Math.max),
    largeRate: worst(JOBS.large, pair => ratio(pair, one => one.rps), Math.min),
    errors: pairs.reduce((sum, pair) => sum + errorsOf(pair), 0),
  }
}
