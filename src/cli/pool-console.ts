import type { Snapshot } from '../config/snapshot.ts'
import type { BenchResponse } from '../console/bench.ts'
import { createConsole } from '../console/console.ts'
import { DecisionRing } from '../console/decision-ring.ts'
import type { SnapshotHistory } from '../console/snapshot-history.ts'
import type { MorePages, Readiness } from '../telemetry/admin.ts'
import type { Log } from '../telemetry/log.ts'
import type { WorkerPool } from '../workers/worker-pool.ts'

/** Above what guardrails may take, two stages of them. */
const BENCH_TIMEOUT_MS = 300_000
const NO_WORKER: BenchResponse = { status: 503, body: '{"error":"no worker answers"}\n' }

export interface PoolConsoleDeps {
  readonly snapshot: Snapshot
  readonly log: Log
  /** Takes known secrets out of a line of JSON. */
  readonly scrub: (line: string) => string
}

/**
 * The console of several processes; undefined where the config has none. Decisions stay with the workers until somebody
 * looks, and the bench is one worker's.
 */
export function poolConsole(
  pool: WorkerPool,
  snapshots: SnapshotHistory,
  readiness: () => Readiness,
  { snapshot, log, scrub }: PoolConsoleDeps,
): MorePages | undefined {
  const { access, hosts } = snapshot.server.console
  if (access === 'none') return undefined
  const ring = new DecisionRing({ scrub })
  let reading: Promise<void> | undefined
  const read = async (): Promise<void> => {
    try {
      const { lines, missed } = await pool.decisions()
      ring.skip(missed)
      for (const line of lines.toSorted(byTime)) ring.addLine(line)
    } finally {
      reading = undefined
    }
  }
  return createConsole({
    access,
    hosts,
    ring,
    // One reading for all who ask meanwhile: two would bring the same decisions twice.
    refresh: () => {
      reading ??= read()
      return reading
    },
    readiness,
    look: names => pool.look(names),
    snapshots,
    judge: async question => (await pool.judge(question, BENCH_TIMEOUT_MS)) ?? NO_WORKER,
    log,
  })
}

const TIME = /"time":"([^"]*)"/

/** Workers make all lines alike, from the same clock: as text, times compare as they are. */
function byTime(a: string, b: string): number {
  const [first = '', second = ''] = [TIME.exec(a)?.[1], TIME.exec(b)?.[1]]
  if (first === second) return 0
  return first < second ? -1 : 1
}
