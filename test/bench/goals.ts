/** What Weir has to reach, as data: the ratios are against the peer of the yardstick, in the same run. */
export const GOALS = {
  requestCpu: { what: 'CPU of a request of 1 KB, 32 connections, against the peer', atMost: 1.3, unit: '×' },
  chunkCpu: { what: 'CPU of a chunk of a stream, against the peer', atMost: 1.1, unit: '×' },
  addedP50: { what: 'added latency at p50, one connection, against the peer', atMost: 1.2, unit: '×' },
  p99: { what: 'latency at p99, 32 connections, against the peer', atMost: 1.5, unit: '×' },
  largeRate: { what: 'requests of 64 KB a second, against the peer', atLeast: 1.5, unit: '×' },
  errors: { what: 'errors in all of these runs', atMost: 0, unit: '' },
  idleStreamKb: { what: 'memory of an idle stream', atMost: 60, unit: 'KB' },
  activeErrors: { what: 'errors of 2,000 active streams', atMost: 0, unit: '' },
  chunkCostGrowth: { what: 'CPU of a chunk, streams of 10,000 against 100', atMost: 1.2, unit: '×' },
  workers: { what: 'throughput of two workers against one', atLeast: 1.7, unit: '×' },
  heapGrowth: { what: 'heap after the soak against before it, either way', atMost: 5, unit: '%' },
  soakErrors: { what: 'exchanges of the soak that came out otherwise than they must', atMost: 0, unit: '' },
  longSteps: { what: 'bodies of which one step takes longer than 50 ms', atMost: 0, unit: '' },
} as const satisfies Readonly<Record<string, Goal>>

export type Goal = { readonly what: string; readonly unit: string } & (
  | { readonly atMost: number }
  | { readonly atLeast: number }
)

export type GoalName = keyof typeof GOALS

/** Figures that goals are set for; undefined where one could not be measured. */
export type Measured = Readonly<Partial<Record<GoalName, number>>>

/** The goal in words: `≤ 1.3 ×`. */
export function targetOf(goal: Goal): string {
  const bound = 'atMost' in goal ? `≤ ${goal.atMost}` : `≥ ${goal.atLeast}`
  return `${bound} ${goal.unit}`.trimEnd()
}

/** Judged as it is printed, by two decimals. */
export function verdictOn(goal: Goal, value: number | undefined): 'met' | 'missed' | 'not measured' {
  if (value === undefined || Number.isNaN(value)) return 'not measured'
  const shown = Number(value.toFixed(2))
  const holds = 'atMost' in goal ? shown <= goal.atMost : shown >= goal.atLeast
  return holds ? 'met' : 'missed'
}
