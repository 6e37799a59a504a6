import { afterEach, expect, test } from 'vitest'
import { reportExports } from '../../../src/telemetry/export-report.ts'
import { createMetrics, type Metrics } from '../../../src/telemetry/metrics.ts'
import { captureLog } from './lines.ts'

let metrics: Metrics | undefined
afterEach(() => metrics?.close())

function reporting() {
  const made = createMetrics()
  metrics = made
  const { log, lines } = captureLog()
  let now = 0
  const report = reportExports(log, made, () => now)
  return {
    report,
    lines,
    page: () => made.render(),
    pass: (ms: number) => {
      now += ms
    },
  }
}

test('a collector that is down is told once a minute, with what was lost meanwhile', async () => {
  const { report, lines, page, pass } = reporting()
  report.exported('traces', 'unreachable', 5, undefined)
  report.exported('traces', 'refused', 7, 401)
  report.queueFull()
  report.exported('metrics', 'timeout', 0, undefined)
  expect(lines()).toMatchObject([
    { level: 'warn', msg: 'telemetry not exported', signal: 'traces', why: 'unreachable', spansLost: 5 },
    { level: 'warn', msg: 'telemetry not exported', signal: 'metrics', why: 'timeout', spansLost: 0 },
  ])
  pass(60_000)
  report.exported('traces', 'refused', 1, 401)
  expect(lines().slice(2)).toMatchObject([{ why: 'refused', status: 401, failures: 3, spansLost: 9 }])
  const text = await page()
  expect(text).toContain('weir_spans_dropped_total{why="unreachable"} 5')
  expect(text).toContain('weir_spans_dropped_total{why="refused"} 8')
  expect(text).toContain('weir_spans_dropped_total{why="queue-full"} 1')
  expect(text).toContain('weir_otlp_exports_total{signal="metrics",result="timeout"} 1')
})

test('what goes well is counted and not told', async () => {
  const { report, lines, page } = reporting()
  report.exported('traces', 'ok', 0, 200)
  expect(lines()).toEqual([])
  expect(await page()).toContain('weir_otlp_exports_total{signal="traces",result="ok"} 1')
})
