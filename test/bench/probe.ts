/**
 * Loaded into a served process by `--import`, beside Node's `--expose-gc`: for each line on its descriptor it collects
 * garbage and writes one reading as JSON. Weir itself has no such door.
 */
import { Socket } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import { PROBE_FD, type ProbeReading } from './probe-reading.ts'

const RESOLUTION_MS = 10

const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
delay.enable()
const wire = new Socket({ fd: PROBE_FD })
// It must not keep a process alive that has drained.
wire.unref()
wire.on('data', async () => {
  const reading = await read()
  wire.write(`${JSON.stringify(reading)}\n`)
})

async function read(): Promise<ProbeReading> {
  const lag = { lagP99: lateness(delay.percentile(99)), lagMax: lateness(delay.max) }
  await collect()
  await collect()
  const { heapUsed, external, rss } = process.memoryUsage()
  const resources: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1
  const listeners = process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0)
  delay.reset()
  return { heapUsed, external, rss, ...lag, resources, listeners }
}

/** What a collection finalizes may free more in the next. */
async function collect(): Promise<void> {
  if (globalThis.gc === undefined) throw new Error('the probe needs --expose-gc')
  globalThis.gc()
  await setImmediate()
}

/** The histogram holds intervals in ns, of which its own resolution is no lag. */
function lateness(intervalNs: number): number {
  return Number.isFinite(intervalNs) ? Math.max(0, intervalNs / 1e6 - RESOLUTION_MS) : 0
}
