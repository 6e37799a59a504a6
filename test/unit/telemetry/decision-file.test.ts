import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type DecisionFile, openDecisionFile, pathOfWorker } from '../../../src/telemetry/decision-file.ts'
import { createMetrics, type Metrics } from '../../../src/telemetry/metrics.ts'
import { createScrubber } from '../../../src/telemetry/scrub.ts'
import { createTelemetry } from '../../../src/telemetry/telemetry.ts'
import { captureLog } from './lines.ts'
import { recordOf } from './records.ts'

let folder: string
let metrics: Metrics
let file: DecisionFile
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-decision-file-'))
  metrics = createMetrics()
})
afterEach(async () => {
  await file.close()
  metrics.close()
  rmSync(folder, { recursive: true })
})

async function given(path: string, worker?: number) {
  const { log, lines } = captureLog()
  const scrubber = createScrubber()
  scrubber.add(['a-secret-key'])
  const settings = { path, mode: 0o640, rotateBytes: 1e9, keep: 1, compress: 'none' } as const
  file = await openDecisionFile({
    level: 'info',
    scrubber,
    worker,
    file: settings,
    operations: log,
    metrics,
  })
  return { lines, telemetry: createTelemetry(log, metrics, 1, file.log) }
}

it('has the decisions and what was flagged, scrubbed; all else is in the log', async () => {
  const path = join(folder, 'decisions.log')
  const { telemetry, lines } = await given(path, 1)
  const rule = {
    guardrail: 'g',
    action: 'alert',
    outcome: 'flagged',
    detectors: ['a-secret-key'],
    ms: 1,
  } as const
  telemetry.decision(recordOf({ because: 'alerted', rules: [rule] }), 1)
  telemetry.refused('why', 'id-1')
  await file.close()
  const written = readFileSync(pathOfWorker(path, 1), 'utf8')
  const found = written.trimEnd().split('\n')
  expect(found.map(line => JSON.parse(line))).toMatchObject([
    { msg: 'decision', worker: 1 },
    { msg: 'flagged', worker: 1 },
  ])
  expect(written).not.toContain('a-secret-key')
  expect(lines().map(({ msg }) => msg)).toEqual(['exchange refused'])
})

it('that takes nothing is told of once, and counts what is lost', async () => {
  const { telemetry, lines } = await given('/dev/full')
  for (let index = 0; index < 20_000; index++) telemetry.decision(recordOf(), 1)
  await expect.poll(async () => errors(await metrics.render())).toBeGreaterThan(1)
  const told = lines().filter(({ level }) => level === 'error')
  expect(told).toMatchObject([
    { msg: 'decision records lost: the file does not take them', file: '/dev/full', lost: 1 },
    { msg: 'decision file in trouble: it is tried again', what: 'write', code: 'ENOSPC' },
  ])
  const [, lost] = /^weir_log_lines_lost_total (\d+)$/m.exec(await metrics.render()) ?? []
  expect(Number(lost)).toBeGreaterThan(1000)
  await file.close()
  expect(await metrics.render()).toMatch(/^weir_log_lines_lost_total 20000$/m)
})

function errors(rendered: string): number {
  return Number(/^weir_log_file_errors_total\{what="write"\} (\d+)$/m.exec(rendered)?.[1] ?? 0)
}

it('of a worker has its number before the ending', async () => {
  await given(join(folder, 'x'))
  expect(pathOfWorker('/var/log/decisions.log', 3)).toBe('/var/log/decisions-worker-3.log')
  expect(pathOfWorker('decisions', 0)).toBe('decisions-worker-0')
})
