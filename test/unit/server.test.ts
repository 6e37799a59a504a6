import { afterEach, expect, it, vi } from 'vitest'
import type { Snapshot } from '../../src/config/snapshot.ts'
import { createServer } from '../../src/server.ts'
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts'
import { createTelemetry } from '../../src/telemetry/telemetry.ts'
import { snapshotOf } from './config/given.ts'
import { captureLog } from './telemetry/lines.ts'

let metrics: Metrics | undefined
afterEach(() => metrics?.close())

function serverOf(snapshot: Snapshot) {
  metrics = createMetrics()
  const { log, lines } = captureLog()
  return { server: createServer(snapshot, { telemetry: createTelemetry(log, metrics) }), lines, metrics }
}

it('shows how many snapshots are open', async () => {
  const snapshot = snapshotOf('policies: []')
  const { server, metrics } = serverOf(snapshot)
  server.use(snapshotOf('policies: []'))
  expect(await metrics.render()).toMatch(/^weir_snapshots_open 1$/m)
})

it('logs that a snapshot could not be closed, and goes on', async () => {
  const close = vi.fn(() => Promise.reject(new Error('stuck')))
  const { server, lines } = serverOf({ ...snapshotOf('policies: []'), close })
  server.use(snapshotOf('policies: []'))
  await vi.waitFor(() =>
    expect(lines()).toMatchObject([{ level: 'error', msg: 'closing a replaced snapshot failed' }]),
  )
  expect(close).toHaveBeenCalledTimes(1)
})
