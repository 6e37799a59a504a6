import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Effect } from '../../../../src/exchange/events.ts'
import { reportExports } from '../../../../src/telemetry/export-report.ts'
import { createMetrics, type Metrics } from '../../../../src/telemetry/metrics.ts'
import {
  type ExportOptions,
  type OpenExport,
  openExport,
} from '../../../../src/telemetry/otel/open-export.ts'
import { partialSuccess } from '../../../support/otlp-messages.ts'
import { type OtlpReceiver, startOtlpReceiver } from '../../../support/otlp-receiver.ts'
import { flagWord, rule } from '../../../support/policies.ts'
import { captureLog } from '../lines.ts'

let receiver: OtlpReceiver
let metrics: Metrics
let open: OpenExport | undefined
beforeEach(async () => {
  receiver = await startOtlpReceiver()
  metrics = createMetrics()
})
afterEach(async () => {
  await open?.close(0)
  metrics.close()
  await receiver.close()
})

const MAX_QUEUED = 4

const TO = { headers: () => ({}), timeoutMs: 60_000, compression: 'none' } as const

function traces(): NonNullable<ExportOptions['traces']> {
  const url = `${receiver.origin}/v1/traces`
  return { ...TO, url, sampling: { by: 'parent', ratio: 1 }, maxQueued: MAX_QUEUED, delayMs: 10 }
}

function start(options: Partial<ExportOptions> = {}): OpenExport {
  open = openExport({
    resource: { 'service.name': 'weir' },
    version: '1.2.3',
    traces: traces(),
    metrics: { ...TO, url: `${receiver.origin}/v1/metrics`, intervalMs: 3_600_000 },
    families: metrics.asObjects,
    kindOf: () => undefined,
    report: reportExports(captureLog().log, metrics, () => performance.now()),
    ...options,
  })
  return open
}

/** A scan of one local guardrail. */
const SCAN = {
  kind: 'scan',
  scan: 1,
  stage: 1,
  rules: [rule(flagWord('nightfall'))],
  subject: { side: 'input', segments: [] },
  lifetime: 'call',
} as const satisfies Effect

function exchange({ tracing }: OpenExport, traceparent?: string): 'sampled' | 'not sampled' {
  const trace = tracing?.begin({
    id: 'one',
    startedAtMs: performance.now(),
    traceparent,
    tracestate: undefined,
  })
  trace?.closed('done')
  trace?.end(undefined)
  return trace === undefined ? 'not sampled' : 'sampled'
}

test('past its bound a queue drops, and counts what it dropped', async () => {
  receiver.fault = { kind: 'hang' }
  const one = start()
  exchange(one)
  // That one is on its way, and will be for as long as nobody answers; so many more find a place.
  await receiver.until(() => receiver.headers.length === 1)
  for (let i = 0; i < MAX_QUEUED + 3; i++) exchange(one)
  expect(await metrics.render()).toContain('weir_spans_dropped_total{why="queue-full"} 3')
  await one.close(0)
  const page = await metrics.render()
  expect(page).toContain(`weir_spans_dropped_total{why="shutdown"} ${MAX_QUEUED + 1}`)
  expect(receiver.spans).toHaveLength(1)
})

test('what is left goes when it is closed', async () => {
  const one = start()
  exchange(one)
  await one.close(10_000)
  expect(receiver.spans).toHaveLength(1)
  expect(receiver.metrics).toHaveLength(1)
  expect(receiver.problems).toEqual([])
  const [first] = receiver.metrics
  expect(first?.resource).toMatchObject({
    'service.name': 'weir',
    'service.version': '1.2.3',
    'telemetry.sdk.language': 'nodejs',
  })
})

test('what a collector leaves out is counted', async () => {
  receiver.fault = { kind: 'answer', body: partialSuccess(2) }
  const one = start({ metrics: undefined })
  for (let i = 0; i < 3; i++) exchange(one)
  await one.close(10_000)
  const page = await metrics.render()
  expect(page).toContain('weir_otlp_exports_total{signal="traces",result="rejected"} 1')
  expect(page).toContain('weir_spans_dropped_total{why="rejected"} 2')
})

test('times stay those of the clock, however long the exchange', async () => {
  const one = start()
  const before = Date.now()
  const trace = one.tracing?.begin({
    id: 'one',
    startedAtMs: performance.now() - 60_000,
    traceparent: undefined,
    tracestate: undefined,
  })
  trace?.closed('done')
  trace?.end(undefined)
  await one.close(10_000)
  const { startTimeUnixNano, endTimeUnixNano } = receiver.spans[0]!
  expect(Math.abs(Number(BigInt(startTimeUnixNano) / 1_000_000n) + 60_000 - before)).toBeLessThan(5000)
  expect(Math.abs(Number(BigInt(endTimeUnixNano) / 1_000_000n) - before)).toBeLessThan(5000)
})

test('a scan lies within its exchange, to the microsecond', async () => {
  const one = start({ metrics: undefined, traces: { ...traces(), maxQueued: 1000 } })
  for (let i = 0; i < 200; i++) {
    const trace = one.tracing?.begin({
      id: String(i),
      startedAtMs: performance.now(),
      traceparent: undefined,
      tracestate: undefined,
    })
    trace?.around(SCAN)(0, () => ({ kind: 'verdict', verdict: { kind: 'clean' }, ms: 0 }))
    trace?.closed('done')
    trace?.end(undefined)
  }
  await one.close(10_000)
  const bySpan = new Map(receiver.spans.map(span => [span.spanId, span]))
  const scans = receiver.spans.filter(({ parentSpanId }) => parentSpanId !== undefined)
  expect(scans).toHaveLength(200)
  for (const scan of scans) {
    const exchange = bySpan.get(scan.parentSpanId ?? '')!
    expect(BigInt(scan.startTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(exchange.startTimeUnixNano))
    expect(BigInt(scan.endTimeUnixNano)).toBeLessThanOrEqual(BigInt(exchange.endTimeUnixNano))
  }
})

test('what guard services name is cut', async () => {
  const one = start({ metrics: undefined })
  const trace = one.tracing?.begin({
    id: 'one',
    startedAtMs: performance.now(),
    traceparent: undefined,
    tracestate: undefined,
  })
  const detector = 'd'.repeat(200)
  const requestId = 'i'.repeat(200)
  const verdict = { kind: 'flagged', findings: [{ detector }], requestId } as const
  trace?.around(SCAN)(0, () => ({ kind: 'verdict', verdict, ms: 0 }))
  trace?.end(undefined)
  await one.close(10_000)
  expect(receiver.spans[0]?.attributes).toMatchObject({
    'weir.detectors': ['d'.repeat(128)],
    'weir.guardrail.request_id': 'i'.repeat(128),
  })
})

const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331'

test.each([
  ['parent', 0, undefined, 'not sampled'],
  ['parent', 0, `${PARENT}-01`, 'sampled'],
  ['parent', 1, `${PARENT}-00`, 'not sampled'],
  ['parent', 1, undefined, 'sampled'],
  ['ratio', 0, `${PARENT}-01`, 'not sampled'],
  ['ratio', 1, `${PARENT}-00`, 'sampled'],
] as const)('sampled by %s with ratio %s, parent %s: %s', (by, ratio, traceparent, sampled) => {
  const one = start({ metrics: undefined, traces: { ...traces(), sampling: { by, ratio } } })
  expect(exchange(one, traceparent)).toBe(sampled)
})

test('a tracestate that is too long for a queue is left out', async () => {
  const one = start({ metrics: undefined })
  for (const tracestate of ['a=b', `a=${'b'.repeat(600)}`]) {
    const trace = one.tracing?.begin({
      id: tracestate,
      startedAtMs: performance.now(),
      traceparent: `${PARENT}-01`,
      tracestate,
    })
    trace?.end(undefined)
  }
  await one.close(10_000)
  expect(receiver.spans.map(({ traceState }) => traceState)).toEqual(['a=b', undefined])
})
