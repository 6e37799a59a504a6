import { parseListenAddress } from '../config/address.ts'
import type { Snapshot } from '../config/snapshot.ts'
import { SnapshotHistory } from '../console/snapshot-history.ts'
import { WeirError } from '../errors.ts'
import { createAdminServer, type Readiness } from '../telemetry/admin.ts'
import type { Log } from '../telemetry/log.ts'
import { WORKER_BACKOFF } from '../workers/backoff.ts'
import { supervisorMetrics } from '../workers/supervisor-metrics.ts'
import { WorkerPool } from '../workers/worker-pool.ts'
import type { CommandIo } from './command.ts'
import type { Orders } from './orders.ts'
import { poolConsole } from './pool-console.ts'

/** A scrape takes no longer for a worker that does not answer. */
const METRICS_TIMEOUT_MS = 2000

export interface Supervision {
  /** What all workers will run on, already known to hold. */
  readonly snapshot: Snapshot
  readonly log: Log
  readonly orders: Orders
  /** The command line of `serve`, for the workers. */
  readonly args: readonly string[]
  /** Takes known secrets out of a line of JSON. */
  readonly scrub: (line: string) => string
}

/**
 * Runs `server.workers` processes that serve, and the one admin listener for all of them, until it is told to stop; then
 * they drain. A worker that ends by itself is started again. Rejects when one cannot be started at first.
 */
export async function supervise(supervision: Supervision, io: Pick<CommandIo, 'fork'>): Promise<void> {
  const { snapshot, log, orders, args } = supervision
  const { workers, admin: adminText } = snapshot.server
  let maskedConfig = snapshot.masked
  const history = new SnapshotHistory(snapshot.version, snapshot.masked)
  const pool = new WorkerPool({
    workers,
    fork: worker => io.fork(['serve', ...args], worker),
    backoff: WORKER_BACKOFF,
    clock: () => performance.now(),
    metricsTimeoutMs: METRICS_TIMEOUT_MS,
    report: end => log.error('worker ended', { ...end }),
    reportConfig: (version, masked) => {
      maskedConfig = masked
      history.use(version, masked)
    },
  })
  let state: 'starting' | 'serving' | 'draining' = 'starting'
  const readiness = (): Readiness => {
    if (state !== 'serving') return { ready: false, why: state }
    return pool.serving > 0 ? { ready: true } : { ready: false, why: 'no worker serves' }
  }
  const admin = createAdminServer({
    readiness,
    metrics: supervisorMetrics(pool),
    maskedConfig: () => maskedConfig,
    hosts: snapshot.server.console.hosts,
    log,
    more: poolConsole(pool, history, readiness, supervision),
  })
  orders.beforeExit(() => pool.kill())
  orders.onReload(() => pool.reload())
  try {
    const adminBound = await admin.listen(adminAddress(adminText))
    const started = pool.start().then(listen => {
      state = 'serving'
      for (const warning of snapshot.warnings) log.warn('config warning', { warning })
      log.info('serving', { listen, admin: adminBound, workers, snapshot: snapshot.version })
    })
    const signal = await Promise.race([orders.stop, started.then(() => orders.stop)])
    state = 'draining'
    log.info('draining', { signal })
    await pool.stop()
    // A start that the signal cut short has failed by now: that is no news.
    await started.catch(() => {})
    log.info('stopped')
  } finally {
    await admin.close()
  }
}

function adminAddress(text: string) {
  const parsed = parseListenAddress(text)
  if (parsed === undefined) throw new WeirError('bug', 'an admin address that the schema let through')
  return parsed
}
