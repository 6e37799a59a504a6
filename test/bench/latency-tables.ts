import { assertNever } from '../../src/errors.ts'
import { Figures, fixed, printTable, signed } from './figures.ts'
import type { Goal, Group, Sample } from './rounds.ts'
import type { StreamCost } from './stream-cost.ts'

export const LEGEND = `
Times are medians and 90th percentiles in ms, from the client's request; "added" is against the first row's median.
"guard asked at": when a guard service got its first request. Before that its window fills at the pace of the upstream,
so what a first text waits for is the time from the first row's to then, and the calls of the guard after it.`

/** Those of each variant, in the order of the variants. */
type Samples = readonly (readonly Sample[])[]

/** Streamed answers: the first text and the end. */
export function printStreams({ title, variants }: Group, samples: Samples): void {
  console.log(`\n${title} (${samples[0]?.length} rounds)\n`)
  const rows = variants.map((variant, index) => {
    const first = compare(samples, index, sample => sample.firstTextMs)
    const total = compare(samples, index, sample => sample.totalMs)
    const [asked, waitedFor, calls] = guardFigures(samples[index]!)
    return [
      ...[variant.name, ...cells(first), goalCell(variant.goal, first.added, waitedFor)],
      ...[fixed(asked.p50), waitedFor.p90.toFixed(0)],
      ...[...cells(total), calls.p50.toFixed(0)],
    ]
  })
  const guard = ['guard asked at', 'calls waited for']
  printTable(
    ['', 'first text', 'p90', 'added', 'goal', ...guard, 'whole answer', 'p90', 'added', 'calls'],
    rows,
  )
}

/** Answers in one piece. */
export function printPieces({ title, variants }: Group, samples: Samples): void {
  console.log(`\n${title} (${samples[0]?.length} rounds)\n`)
  const rows = variants.map(({ name, goal }, index) => {
    const total = compare(samples, index, sample => sample.totalMs)
    const [asked, waitedFor, calls] = guardFigures(samples[index]!)
    return [
      ...[name, ...cells(total), goalCell(goal, total.added, waitedFor)],
      ...[fixed(asked.p50), calls.p50.toFixed(0)],
    ]
  })
  printTable(['', 'whole answer', 'p90', 'added', 'goal', 'guard asked at', 'calls'], rows)
}

/** When a guard service was asked first, how many calls the first text waited for, and how many there were. */
function guardFigures(samples: readonly Sample[]): [Figures, Figures, Figures] {
  return [
    figuresOf(samples, sample => sample.guardAskedMs),
    figuresOf(samples, sample => sample.guardCallsBeforeText),
    figuresOf(samples, sample => sample.guardCalls),
  ]
}

interface Compared {
  readonly own: Figures
  /** At the median, against the group's first variant. */
  readonly added: number
}

function compare(samples: Samples, index: number, read: (sample: Sample) => number | undefined): Compared {
  const own = figuresOf(samples[index]!, read)
  return { own, added: own.p50 - figuresOf(samples[0]!, read).p50 }
}

function figuresOf(samples: readonly Sample[], read: (sample: Sample) => number | undefined): Figures {
  return new Figures(samples.flatMap(sample => read(sample) ?? []))
}

const cells = ({ own, added }: Compared): string[] => [fixed(own.p50), fixed(own.p90), signed(added)]

function goalCell(goal: Goal | undefined, addedMs: number, callsWaitedFor: Figures): string {
  if (goal === undefined) return ''
  switch (goal.kind) {
    case 'added-ms':
      return `${addedMs <= goal.atMost ? 'met' : 'missed'}: +${goal.atMost} ms`
    case 'guard-calls':
      return `${callsWaitedFor.p90 <= goal.atMost ? 'met' : 'missed'}: ${goal.atMost} call`
    default:
      return assertNever(goal)
  }
}

/** Streams of several lengths, the shortest first. */
export function printCosts(costs: readonly StreamCost[]): void {
  const rounds = costs[0]?.samples.length
  console.log(
    `\nOne chunk of a stream, local guardrails by window, without gRPC (${rounds} rounds; CPU µs)\n`,
  )
  const all = costs.map(({ samples }) => new Figures(samples))
  const rows = costs.map(({ chunks }, index) => {
    const { p50, p90 } = all[index]!
    const ratio = p50 / all[0]!.p50
    const goal = index === 0 ? '' : `${Math.abs(ratio - 1) <= 0.2 ? 'met' : 'missed'}: within 20 %`
    return [`stream of ${chunks} chunks`, fixed(p50), fixed(p90), `${fixed(ratio)} ×`, goal]
  })
  printTable(['', 'chunk', 'p90', 'ratio', 'goal'], rows)
}
