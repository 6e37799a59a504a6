import { createMetrics } from '../../src/telemetry/metrics.ts'
import { WORKER_BACKOFF } from '../../src/workers/backoff.ts'
import { supervisorMetrics } from '../../src/workers/supervisor-metrics.ts'
import { WorkerPool } from '../../src/workers/worker-pool.ts'
import { recordOf } from '../unit/telemetry/records.ts'

/** What a Weir to which everything has happened shows on /metrics. */
export async function fullScrape(): Promise<string> {
  const metrics = createMetrics()
  try {
    const rule = { guardrail: 'g', action: 'block', detectors: [], ms: 1 } as const
    const rules = [
      { ...rule, outcome: 'clean' },
      { ...rule, outcome: 'flagged', would: { block: 'denied' } },
      { ...rule, outcome: 'failure', reason: 'timeout' },
    ] as const
    metrics.decision(recordOf({ rules }), 1)
    metrics.decision(recordOf({ effective: 'denied', because: 'failed-closed' }), 1)
    metrics.decision(
      recordOf({ phase: 'response', because: 'failed-open', would: { fail_closed: 'denied' } }),
      1,
    )
    metrics.decision(recordOf({ phase: 'response', bodyFault: 'undecodable' }), 1)
    metrics.windowScanned(80)
    for (const what of ['unmatched', 'unsupported', 'uninspectable', 'heartbeat'] as const)
      metrics.count(what)
    metrics.refused()
    metrics.turnedAway()
    metrics.overBudget()
    metrics.fault()
    metrics.logLinesLost(1)
    metrics.logFileTrouble('write')
    metrics.renewal('config', 'changed')
    metrics.exported('traces', 'ok')
    metrics.spansDropped('queue-full', 1)
    for (const end of ['done', 'closed-by-envoy', 'refused', 'failed', 'drained'] as const) {
      metrics.exchangeOpened()
      metrics.exchangeEnded(end)
    }
    const events = [
      'retry',
      'hedge',
      'queue-full',
      'paused',
      'circuit-open',
      'cache-hit',
      'cache-miss',
    ] as const
    for (const event of events) metrics.serviceEvent('g', event)
    metrics.cacheState('connected')
    metrics.unenforced('chat')
    const circuit = await metrics.render()
    // Circuits begin anew with another snapshot, so that one scrape has not both.
    metrics.snapshot('0123456789ab')
    return [circuit, await metrics.render(), await supervisorMetrics(idlePool()).render()].join('\n')
  } finally {
    metrics.close()
  }
}

function idlePool(): WorkerPool {
  return new WorkerPool({
    workers: 2,
    fork: () => {
      throw new Error('never started')
    },
    backoff: WORKER_BACKOFF,
    clock: () => 0,
    metricsTimeoutMs: 1,
    report: () => {},
    reportConfig: () => {},
  })
}
