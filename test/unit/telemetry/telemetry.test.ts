import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Because, DecisionRecord, Effective } from '../../../src/exchange/record.ts'
import { GuardrailFailure } from '../../../src/guardrail/guardrail.ts'
import { createMetrics, type Metrics } from '../../../src/telemetry/metrics.ts'
import { createTelemetry } from '../../../src/telemetry/telemetry.ts'
import { captureLog } from './lines.ts'
import { recordOf } from './records.ts'

let open: Metrics[] = []
afterEach(() => {
  for (const metrics of open) metrics.close()
  open = []
})

function given(sampleClean?: number) {
  const metrics = createMetrics()
  open.push(metrics)
  const captured = captureLog()
  return { ...captured, metrics, telemetry: createTelemetry(captured.log, metrics, sampleClean) }
}

describe('a sample of the clean decisions', () => {
  const ids = Array.from({ length: 1000 }, (_, index) =>
    Math.floor((index / 1000) * 0x1_0000_0000)
      .toString(16)
      .padStart(8, '0')
      .padEnd(32, 'f'),
  )
  const PHASES = ['request', 'response'] as const

  it.each([0, 0.25, 1])('has the share %f of the exchanges, each whole', share => {
    const { telemetry, lines } = given(share)
    for (const exchangeId of ids) {
      for (const phase of PHASES) telemetry.decision(recordOf({ exchangeId, phase }), 1)
    }
    const logged = lines().map(({ exchangeId }) => String(exchangeId))
    expect(logged).toHaveLength(share * 2000)
    expect(new Set(logged).size).toBe(share * 1000)
  })

  it.each<Partial<DecisionRecord>>([
    { effective: 'denied', because: 'flagged' },
    { effective: 'redacted', because: 'flagged' },
    { effective: 'released', because: 'alerted' },
    { effective: 'released', because: 'failed-open' },
    { effective: 'discarded', because: 'cancelled' },
  ])('leaves out nothing else: %o', record => {
    const { telemetry, lines } = given(0)
    telemetry.decision(recordOf(record), 1)
    expect(lines()).toMatchObject([{ msg: 'decision', ...record }])
  })

  it('changes no metric', async () => {
    const { telemetry, metrics } = given(0)
    telemetry.decision(recordOf(), 1)
    expect((await weirLines(metrics)).find(line => line.startsWith('weir_decisions_total{'))).toMatch(/ 1$/)
  })
})

async function weirLines(metrics: Metrics): Promise<string[]> {
  return (await metrics.render()).split('\n').filter(line => line.startsWith('weir_'))
}

describe('a decision', () => {
  it('is one line with its facts, and one for each guardrail that flagged', () => {
    const { telemetry, lines } = given()
    const rule = {
      guardrail: 'lakera',
      action: 'block',
      outcome: 'flagged',
      detectors: ['prompt_attack'],
      guardRequestId: 'u1',
      ms: 12.34567,
    } as const
    const breakdown = [
      { detector: 'prompt_attack', detected: true, level: 'l1_confident' },
      { detector: 'pii/email', detected: false, level: 'l5_unlikely' },
    ]
    telemetry.decision(
      recordOf({ effective: 'denied', because: 'flagged', rules: [{ ...rule, breakdown }] }),
      20.00049,
    )
    const { exchangeId, policy, phase, format } = recordOf()
    expect(lines()).toEqual([
      {
        level: 'warn',
        time: expect.any(String),
        msg: 'decision',
        ...recordOf({ effective: 'denied', because: 'flagged' }),
        rules: [{ ...rule, ms: 12.346 }],
        ms: 20,
      },
      {
        level: 'warn',
        time: expect.any(String),
        msg: 'flagged',
        ...{ exchangeId, policy, phase, format },
        guardrail: 'lakera',
        action: 'block',
        effective: 'denied',
        because: 'flagged',
        breakdown,
        guardRequestId: 'u1',
        ms: 12.346,
      },
    ])
  })

  it.each<[Effective, Because, string]>([
    ['released', 'clean', 'info'],
    ['redacted', 'flagged', 'info'],
    ['released', 'unsupported', 'warn'],
    ['discarded', 'cancelled', 'info'],
    ['released', 'alerted', 'warn'],
    ['released', 'failed-open', 'warn'],
    ['denied', 'flagged', 'warn'],
    ['denied', 'failed-closed', 'warn'],
    ['denied', 'unknown-policy', 'warn'],
  ])('that is %s (%s) is logged as %s', (effective, because, level) => {
    const { telemetry, lines } = given()
    telemetry.decision(recordOf({ effective, because }), 1)
    expect(lines()[0]?.level).toBe(level)
  })

  it('bounds what a guard service names', () => {
    const { telemetry, lines } = given()
    const detectors = Array.from({ length: 40 }, (_, index) => `${index}-${'x'.repeat(500)}`)
    const breakdown = detectors.map(detector => ({ detector, detected: true }))
    const rule = { guardrail: 'g', action: 'alert', outcome: 'flagged', detectors, breakdown, ms: 1 } as const
    telemetry.decision(recordOf({ rules: [rule] }), 1)
    const shown = detectors.slice(0, 32).map(name => name.slice(0, 128))
    expect(lines()[0]).toMatchObject({ rules: [{ detectors: shown, detectorsLeftOut: 8 }] })
    expect(lines()[1]).toMatchObject({
      breakdown: shown.map(detector => ({ detector, detected: true })),
      detectorsLeftOut: 8,
    })
  })

  it('bounds the levels that a guard service names', () => {
    const { telemetry, lines } = given()
    const breakdown = [{ detector: 'd', detected: true, level: 'x'.repeat(500) }]
    const rule = { guardrail: 'g', action: 'alert', outcome: 'flagged', detectors: ['d'], ms: 1 } as const
    telemetry.decision(recordOf({ rules: [{ ...rule, breakdown }] }), 1)
    expect(lines()[1]).toMatchObject({ breakdown: [{ level: 'x'.repeat(128) }] })
  })

  it('names the span of an exchange that is traced, in each line of it', () => {
    const { telemetry, lines } = given()
    const rule = { guardrail: 'g', action: 'alert', outcome: 'flagged', detectors: ['d'], ms: 1 } as const
    const trace = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) }
    telemetry.decision(recordOf({ rules: [rule] }), 1, trace)
    telemetry.fault(new GuardrailFailure('unreachable', 'no route'), 'id-1', trace)
    telemetry.fault(new Error('bug'), 'id-2', trace)
    const ids = { trace_id: trace.traceId, span_id: trace.spanId }
    expect(lines()).toMatchObject(
      ['decision', 'flagged', 'guardrail failed', 'fault'].map(msg => ({ msg, ...ids })),
    )
  })

  it('has no line more for a rule that did not flag, and says why part of a text got no verdict', () => {
    const { telemetry, lines } = given()
    const rule = { guardrail: 'g', action: 'alert', detectors: [], ms: 1 } as const
    telemetry.decision(
      recordOf({
        rules: [
          { ...rule, outcome: 'clean' },
          { ...rule, outcome: 'failure', reason: 'timeout' },
          { ...rule, outcome: 'flagged', reason: 'unreachable' },
        ],
      }),
      1,
    )
    expect(lines().map(({ msg, reason }) => [msg, reason])).toEqual([
      ['decision', undefined],
      ['flagged', 'unreachable'],
    ])
  })

  it('is counted by what reached the client, each rule by what it came to', async () => {
    const { telemetry, metrics } = given()
    const flagged = { guardrail: 'pii', action: 'redact', outcome: 'clean', detectors: [], ms: 2 } as const
    const failed = {
      guardrail: 'lakera',
      action: 'block',
      outcome: 'failure',
      reason: 'timeout',
      detail: 'timeout-first-byte',
      detectors: [],
      ms: 5000,
    } as const
    telemetry.decision(
      recordOf({
        effective: 'denied',
        because: 'failed-closed',
        rules: [flagged, failed],
        bytesReleased: 0,
        bytesDiscarded: 7,
      }),
      5001,
    )
    telemetry.decision(recordOf({ policy: undefined, because: 'unmatched' }), 1)
    expect(await weirLines(metrics)).toEqual(
      expect.arrayContaining([
        'weir_decisions_total{policy="chat",phase="request",effective="denied",reason="failed-closed"} 1',
        'weir_decisions_total{policy="none",phase="request",effective="released",reason="unmatched"} 1',
        'weir_guardrail_outcomes_total{policy="chat",guardrail="pii",phase="request",outcome="clean",reason="none",detail="none"} 1',
        'weir_guardrail_outcomes_total{policy="chat",guardrail="lakera",phase="request",outcome="failure",reason="timeout",detail="timeout-first-byte"} 1',
        'weir_guardrail_duration_seconds_sum{guardrail="lakera",phase="request"} 5',
        'weir_decision_duration_seconds_count{phase="request"} 2',
        'weir_decision_bytes_total{phase="request",fate="released"} 10',
        'weir_decision_bytes_total{phase="request",fate="discarded"} 7',
      ]),
    )
  })
})

describe('what would have been', () => {
  it('is logged and counted, of each rule and of all together', async () => {
    const { telemetry, metrics, lines } = given()
    const rule = { action: 'alert', outcome: 'flagged', detectors: ['d'], ms: 1 } as const
    telemetry.decision(
      recordOf({
        because: 'alerted',
        rules: [
          { ...rule, guardrail: 'a', would: { block: 'denied', redact: 'redacted' } },
          { ...rule, guardrail: 'b', would: { block: 'denied', redact: 'denied' } },
        ],
        would: { block: 'denied', redact: 'denied' },
      }),
      1,
    )
    expect(lines()).toMatchObject([
      { msg: 'decision', would: { block: 'denied' }, rules: [{ would: { redact: 'redacted' } }, {}] },
      { msg: 'flagged', guardrail: 'a', would: { block: 'denied', redact: 'redacted' } },
      { msg: 'flagged', guardrail: 'b', would: { block: 'denied', redact: 'denied' } },
    ])
    const shadows = (await weirLines(metrics)).filter(line =>
      /^weir_shadow_(?:decisions|outcomes)/.test(line),
    )
    expect(shadows).toEqual([
      'weir_shadow_decisions_total{policy="chat",phase="request",setting="block",would="denied"} 1',
      'weir_shadow_decisions_total{policy="chat",phase="request",setting="redact",would="denied"} 1',
      'weir_shadow_outcomes_total{policy="chat",guardrail="a",phase="request",setting="block",would="denied"} 1',
      'weir_shadow_outcomes_total{policy="chat",guardrail="a",phase="request",setting="redact",would="redacted"} 1',
      'weir_shadow_outcomes_total{policy="chat",guardrail="b",phase="request",setting="block",would="denied"} 1',
      'weir_shadow_outcomes_total{policy="chat",guardrail="b",phase="request",setting="redact",would="denied"} 1',
    ])
  })
})

describe('a body at fault', () => {
  it('is counted once, and takes no time of a guardrail', async () => {
    const { telemetry, metrics } = given()
    const rule = { action: 'block', outcome: 'failure', reason: 'over-limit', detectors: [], ms: 0 } as const
    const rules = [
      { ...rule, guardrail: 'a' },
      { ...rule, guardrail: 'b' },
    ]
    const fault = { effective: 'denied', because: 'failed-closed', bodyFault: 'over-limit', rules } as const
    telemetry.decision(recordOf(fault), 1)
    const lines = await weirLines(metrics)
    expect(lines).toContain('weir_body_faults_total{policy="chat",phase="request",fault="over-limit"} 1')
    expect(lines.filter(line => line.startsWith('weir_guardrail_duration_seconds'))).toEqual([])
    telemetry.decision(recordOf({ rules: [{ ...rule, guardrail: 'a' }] }), 1)
    expect(await weirLines(metrics)).toContain(
      'weir_guardrail_duration_seconds_count{guardrail="a",phase="request"} 1',
    )
  })
})

describe('what the process has to do', () => {
  it('is shown as it is at the scrape', async () => {
    const { metrics, telemetry } = given()
    const load = { exchangesHolding: 3, exchangesWaiting: 2, shadowScans: 1, heavyBodies: 4 }
    metrics.watchLoad({
      exchangesHolding: () => load.exchangesHolding,
      exchangesWaiting: () => load.exchangesWaiting,
      shadowScans: () => load.shadowScans,
      heavyBodies: () => load.heavyBodies,
    })
    load.shadowScans = 5
    telemetry.windowScanned(80)
    telemetry.windowScanned(400)
    telemetry.decision(recordOf({ phase: 'response', delivery: 'window' }), 1)
    expect(await weirLines(metrics)).toEqual(
      expect.arrayContaining([
        'weir_exchanges_holding 3',
        'weir_exchanges_waiting 2',
        'weir_shadow_scans_running 5',
        'weir_heavy_bodies_waiting 4',
        'weir_window_chars_bucket{le="80"} 1',
        'weir_window_chars_sum 480',
        'weir_deliveries_total{policy="chat",delivery="window",effective="released"} 1',
      ]),
    )
  })
})

describe('asking a guard service', () => {
  it('is counted, and a circuit that opens or closes is told', async () => {
    const { telemetry, metrics, lines } = given()
    const events = [
      'retry',
      'hedge',
      'hedge-refused',
      'queue-full',
      'paused',
      'cache-hit',
      'cache-miss',
      'cache-miss',
    ] as const
    for (const event of events) telemetry.serviceEvent('lakera', event)
    telemetry.serviceEvent('lakera', 'circuit-open')
    expect(await weirLines(metrics)).toEqual(
      expect.arrayContaining([
        'weir_guardrail_retries_total{guardrail="lakera"} 1',
        'weir_guardrail_hedges_total{guardrail="lakera",result="sent"} 1',
        'weir_guardrail_hedges_total{guardrail="lakera",result="refused"} 1',
        'weir_guardrail_refused_total{guardrail="lakera",why="queue-full"} 1',
        'weir_guardrail_refused_total{guardrail="lakera",why="paused"} 1',
        'weir_guardrail_circuit_state{guardrail="lakera"} 2',
        'weir_verdict_cache_lookups_total{guardrail="lakera",result="hit"} 1',
        'weir_verdict_cache_lookups_total{guardrail="lakera",result="miss"} 2',
      ]),
    )
    telemetry.serviceEvent('lakera', 'circuit-half-open')
    expect(await weirLines(metrics)).toContain('weir_guardrail_circuit_state{guardrail="lakera"} 1')
    telemetry.serviceEvent('lakera', 'circuit-closed')
    expect(await weirLines(metrics)).toContain('weir_guardrail_circuit_state{guardrail="lakera"} 0')
    expect(lines().map(({ level, guardrail }) => `${level} ${guardrail}`)).toEqual([
      'warn lakera',
      'info lakera',
    ])
  })
})

describe('another snapshot', () => {
  it('has circuits of its own: nothing is shown of those before', async () => {
    const { telemetry, metrics } = given()
    metrics.snapshot('aaa')
    telemetry.serviceEvent('lakera', 'circuit-open')
    telemetry.serviceEvent('lakera', 'retry')
    metrics.snapshot('bbb')
    metrics.snapshotsOpen(3)
    metrics.renewal('config', 'failed')
    const rendered = await weirLines(metrics)
    expect(rendered.filter(line => line.startsWith('weir_guardrail_circuit_state'))).toEqual([])
    expect(rendered).toContain('weir_guardrail_retries_total{guardrail="lakera"} 1')
  })
})

describe('the cache server', () => {
  it('shows as connected only while it is, and a loss is told', async () => {
    const { telemetry, metrics, lines } = given()
    const shown = async () =>
      (await weirLines(metrics)).filter(line => line.startsWith('weir_verdict_cache_connected'))
    expect(await shown()).toEqual([])
    telemetry.cacheState('connected')
    expect(await shown()).toEqual(['weir_verdict_cache_connected{server="cache"} 1'])
    telemetry.cacheState('connecting')
    expect(await shown()).toEqual(['weir_verdict_cache_connected{server="cache"} 0'])
    telemetry.cacheState('connected')
    telemetry.cacheState('lost', 'ECONNREFUSED')
    expect(await shown()).toEqual(['weir_verdict_cache_connected{server="cache"} 0'])
    expect(lines().map(({ level, msg, cause }) => [level, msg, cause])).toEqual([
      ['info', 'verdict cache connected', undefined],
      ['info', 'verdict cache connected', undefined],
      ['warn', 'verdict cache lost: every lookup is a miss', 'ECONNREFUSED'],
    ])
  })
})

describe('exchanges that are turned away', () => {
  it('are all counted, and told once a minute, wherever the wall clock jumps', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'performance'] })
    try {
      const { telemetry, metrics, lines } = given()
      const told = (ms: number): number => {
        vi.advanceTimersByTime(ms)
        telemetry.turnedAway()
        return lines().length
      }
      expect([told(0), told(59_999), told(1)]).toEqual([1, 1, 2])
      vi.setSystemTime(Date.now() + 86_400_000)
      expect(told(0)).toBe(2)
      vi.setSystemTime(Date.now() - 2 * 86_400_000)
      expect([told(59_999), told(1)]).toEqual([2, 3])
      expect(await weirLines(metrics)).toContain('weir_exchanges_turned_away_total 6')
    } finally {
      vi.useRealTimers()
    }
  })
})

describe('a gap in how things are set up', () => {
  it('is told once, of a route once a policy, with what to do', () => {
    const { telemetry, lines } = given()
    for (let times = 0; times < 2; times++) {
      telemetry.setupGap({ kind: 'passed-unmatched' })
      telemetry.setupGap({ kind: 'unnamed-route', policy: 'chat' })
      telemetry.setupGap({ kind: 'unnamed-route', policy: 'other' })
    }
    expect(lines().map(({ level, msg, policy, why }) => [level, msg, policy, why])).toEqual([
      ['warn', 'exchange passed that no policy takes', undefined, expect.stringContaining('unmatched: deny')],
      [
        'warn',
        'policy not tried: Envoy names no route',
        'chat',
        expect.stringContaining('request_attributes: [xds.route_name]'),
      ],
      ['warn', 'policy not tried: Envoy names no route', 'other', expect.anything()],
    ])
  })
})

describe('metrics', () => {
  it('count exchanges, what is unusual, faults and the snapshot', async () => {
    const { telemetry, metrics, lines } = given()
    telemetry.exchangeOpened()
    telemetry.exchangeOpened()
    telemetry.exchangeEnded('closed-by-envoy')
    telemetry.count('unmatched')
    telemetry.count('unsupported')
    telemetry.count('uninspectable')
    telemetry.heartbeat()
    telemetry.held(100)
    telemetry.held(-40)
    telemetry.refused('needs bodies', 'id-0', { traceId: 't', spanId: 's' })
    telemetry.unenforced('chat')
    telemetry.unenforced('chat')
    telemetry.fault(new GuardrailFailure('unreachable', 'no route'), 'id-1')
    telemetry.fault(new Error('bug'), 'id-2')
    metrics.snapshot('aaa')
    metrics.snapshot('bbb')
    metrics.snapshotsOpen(3)
    metrics.renewal('config', 'failed')
    const rendered = await weirLines(metrics)
    expect(rendered).toEqual(
      expect.arrayContaining([
        'weir_exchanges_open 1',
        'weir_exchanges_total{end="closed-by-envoy"} 1',
        'weir_unmatched_total 1',
        'weir_unsupported_total 1',
        'weir_uninspectable_total 1',
        'weir_heartbeats_total 1',
        'weir_held_bytes 60',
        'weir_refused_total 1',
        'weir_unenforced_total{policy="chat"} 2',
        'weir_faults_total 2',
        'weir_snapshot_info{version="bbb"} 1',
        'weir_snapshots_open 3',
        'weir_renewals_total{what="config",result="failed"} 1',
        'weir_renewals_total{what="tls",result="failed"} 0',
      ]),
    )
    expect(rendered.filter(line => line.startsWith('weir_snapshot_info'))).toHaveLength(1)
    expect(lines()[0]).toMatchObject({ exchangeId: 'id-0', trace_id: 't', span_id: 's', why: 'needs bodies' })
    expect(lines().map(({ level, msg }) => `${level} ${msg}`)).toEqual([
      'error exchange refused',
      // Said once a policy.
      'warn policy not enforced: Envoy runs the filter in observability_mode',
      'warn guardrail failed',
      'error fault',
    ])
  })

  it('show zeros before the first exchange, the lag and the process', async () => {
    const { metrics } = given()
    const page = await metrics.render()
    expect(page).toContain('weir_exchanges_open 0')
    expect(page).toMatch(/^weir_event_loop_lag_seconds [\d.e-]+$/m)
    expect(page).toMatch(/^process_cpu_seconds_total /m)
    expect(metrics.eventLoopLagSec()).toBeGreaterThanOrEqual(0)
  })

  it('belong to one instance', async () => {
    const first = given()
    const second = given()
    first.telemetry.exchangeOpened()
    expect(await weirLines(second.metrics)).toContain('weir_exchanges_open 0')
  })
})
