import { afterEach, expect, it, vi } from 'vitest'
import type { Snapshot } from '../../src/config/snapshot.ts'
import { createServer } from '../../src/server.ts'
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts'
import { createTelemetry } from '../../src/telemetry/telemetry.ts'
import { snapshotOf } from './config/given.ts'
import { captureLog } from './telemetry/lines.ts'

let metrics: Metrics | undefined
afterEach(() => {
  metrics?.close()
  vi.useRealTimers()
})

/** One whose exchanges live for five minutes at most, and that keeps whether it was closed. */
function watched(close: () => Promise<void> = async () => {}) {
  const text = (ms: number, name: string) =>
    `{ name: ${name}, match: { hosts: [${name}] }, stream: { max_duration_ms: ${ms} } }`
  const snapshot = snapshotOf(`policies: [${text(1000, 'a')}, ${text(300_000, 'b')}, ${text(5000, 'c')}]`)
  const closed = vi.fn(close)
  return { snapshot: { ...snapshot, close: closed }, closed }
}

function serverOf(snapshot: Snapshot) {
  metrics = createMetrics()
  const { log, lines } = captureLog()
  return { server: createServer(snapshot, { telemetry: createTelemetry(log, metrics) }), lines }
}

it('closes a snapshot that was replaced when none of its exchanges can live any more', async () => {
  vi.useFakeTimers()
  const first = watched()
  const second = watched()
  const { server } = serverOf(first.snapshot)
  server.use(second.snapshot)
  await vi.advanceTimersByTimeAsync(299_999)
  expect(first.closed).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(1)
  expect(first.closed).toHaveBeenCalledTimes(1)
  await vi.advanceTimersByTimeAsync(10_000_000)
  expect(first.closed).toHaveBeenCalledTimes(1)
  expect(second.closed).not.toHaveBeenCalled()
})

it('logs that a snapshot could not be closed, and goes on', async () => {
  vi.useFakeTimers()
  const first = watched(() => Promise.reject(new Error('stuck')))
  const { server, lines } = serverOf(first.snapshot)
  server.use(watched().snapshot)
  await vi.advanceTimersByTimeAsync(300_000)
  expect(lines()).toMatchObject([{ level: 'error', msg: 'closing a replaced snapshot failed' }])
})
