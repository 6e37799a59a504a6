import { afterEach, expect, it } from 'vitest'
import { SHOWN_FAMILIES, summaryOf } from '../../../src/console/summary.ts'
import type { RuleRecord } from '../../../src/exchange/record.ts'
import { createMetrics, type Metrics } from '../../../src/telemetry/metrics.ts'
import { recordOf } from '../telemetry/records.ts'

let metrics: Metrics
afterEach(() => metrics.close())

const rule = (given: Partial<RuleRecord>): RuleRecord => ({
  guardrail: 'lakera',
  action: 'block',
  outcome: 'clean',
  detectors: [],
  ms: 60,
  ...given,
})

it('is what the metrics say', async () => {
  metrics = createMetrics()
  metrics.budget(1000)
  metrics.held(250)
  metrics.exchangeOpened()
  metrics.count('unmatched')
  for (let ms = 1; ms <= 100; ms++) metrics.decision(recordOf({ rules: [rule({ ms })] }), 1)
  const denied = { effective: 'denied', because: 'failed-closed' } as const
  const failure = { outcome: 'failure', reason: 'unreachable', detail: 'dns', ms: 20_000 } as const
  metrics.decision(recordOf({ ...denied, rules: [rule(failure)] }), 1)
  metrics.decision(recordOf({ ...denied, rules: [rule({ outcome: 'failure', reason: 'timeout' })] }), 1)
  metrics.decision(recordOf({ phase: 'response', rules: [rule({ outcome: 'flagged', ms: 20_000 })] }), 1)

  const summary = summaryOf(await metrics.look(SHOWN_FAMILIES))
  expect(summary).toMatchObject({
    exchangesOpen: 1,
    exchangesEnded: 0,
    heldBytes: 250,
    budgetBytes: 1000,
    counters: { unmatched: 1, unsupported: 0 },
  })
  expect(summary.decisions).toEqual([
    { effective: 'released', count: 101 },
    { effective: 'denied', count: 2 },
  ])
  const [request, response] = summary.guardrails
  expect(request).toMatchObject({
    guardrail: 'lakera',
    phase: 'request',
    scans: 102,
    clean: 100,
    flagged: 0,
    failures: [
      { reason: 'unreachable (dns)', count: 1 },
      { reason: 'timeout', count: 1 },
    ],
  })
  expect(request!.p50Ms).toBeCloseTo(50, -1)
  expect(request!.p95Ms).toBeCloseTo(95, -1)
  // Past the last bound only that bound is known.
  expect(response).toMatchObject({ phase: 'response', flagged: 1, p50Ms: 10_000, p95Ms: 10_000 })
})

it('knows every family that it asks for, and is no scrape', async () => {
  metrics = createMetrics()
  const names = (await metrics.look(SHOWN_FAMILIES)).map(({ name }) => name)
  expect(new Set(names)).toEqual(new Set(SHOWN_FAMILIES))
  const standStill = (): number => {
    const end = performance.now() + 400
    while (performance.now() < end);
    return metrics.eventLoopLagSec()
  }
  await expect.poll(standStill).toBeGreaterThan(0.3)
  const lagMs = async () => summaryOf(await metrics.look(SHOWN_FAMILIES)).lagMs
  expect(await lagMs()).toBeGreaterThan(300)
  expect(await lagMs()).toBeGreaterThan(300)
  await metrics.render()
  expect(await lagMs()).toBeLessThan(150)
})
