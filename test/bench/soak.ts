/**
 * Tens of thousands of streams of every kind through one process of Weir and a real Envoy: what is alive in its memory
 * after them is what was alive before.
 *
 *   node test/bench/soak.ts [--streams 50000]
 */
import http from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { startLakeraStub } from '../support/lakera-stub.ts'
import { printTable } from './figures.ts'
import { liveBytes, type ProbeReading } from './probe-reading.ts'
import { count, figure, kb, type Section } from './section.ts'
import { SOAK_KINDS, soakConfig } from './soak-kinds.ts'
import { openStream, runLanes } from './stream-client.ts'
import { type StreamRig, withStreamRig } from './stream-rig.ts'

const AT_ONCE = 48

export interface SoakOptions {
  /** After the warm-up. */
  readonly streams: number
  /** Before the first reading: code is compiled, pools and metrics have their size. */
  readonly warmUp: number
}

export interface Soak {
  readonly start: ProbeReading
  readonly middle: ProbeReading
  readonly end: ProbeReading
  /** Exchanges that came out otherwise than they must, in words. */
  readonly failures: readonly string[]
  /** Of the exchanges that were open and the bytes that were held after the last one: none may be. */
  readonly left: { readonly exchanges: number; readonly heldBytes: number }
}

/** Runs the kinds in turns. Readings are taken when no exchange is open. */
export async function soak({ streams, warmUp }: SoakOptions): Promise<Soak> {
  await using started = new AsyncDisposableStack()
  const guard = started.adopt(await startLakeraStub(), one => one.close())
  guard.failAlways({ kind: 'status', status: 500 })
  return await withStreamRig(soakConfig(guard.url), async rig => {
    const failures: string[] = []
    await runBatch(rig, warmUp, failures)
    const start = await readAtRest(rig)
    await runBatch(rig, Math.floor(streams / 2), failures)
    const middle = await readAtRest(rig)
    await runBatch(rig, Math.ceil(streams / 2), failures)
    const end = await readAtRest(rig)
    const left = {
      exchanges: await rig.weir.metric('weir_exchanges_open'),
      heldBytes: await rig.weir.metric('weir_held_bytes'),
    }
    return { start, middle, end, failures, left }
  })
}

async function runBatch({ envoy }: StreamRig, streams: number, failures: string[]): Promise<void> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: AT_ONCE })
  await runLanes(streams, AT_ONCE, async index => {
    const kind = SOAK_KINDS[index % SOAK_KINDS.length]!
    const failure = await kind.check(openStream(envoy.address, { ...kind.request, agent }))
    if (failure !== undefined) failures.push(`${kind.name}: ${failure}`)
  })
  agent.destroy()
}

const REST_POLL_MS = 20
/** What is still open then has been left behind. */
const REST_WITHIN_MS = 30_000

async function readAtRest({ weir, llm }: StreamRig): Promise<ProbeReading> {
  const until = performance.now() + REST_WITHIN_MS
  while (performance.now() < until) {
    if ((await weir.metric('weir_exchanges_open')) === 0 && llm.open === 0) break
    await delay(REST_POLL_MS)
  }
  return await weir.probe()
}

/** Handles, requests and timers. */
export const resourcesIn = ({ resources }: ProbeReading): number =>
  Object.values(resources).reduce((sum, of) => sum + of, 0)

/** Bytes of growth for each stream, of what is alive; what was freed is less than nothing. */
export function growthAStream({ start, end }: Soak, streams: number): number {
  return (liveBytes(end) - liveBytes(start)) / streams
}

const SOAK_STREAMS = 50_000
const SOAK_WARM_UP = 2_000

export async function benchSoak(streams = SOAK_STREAMS): Promise<Section> {
  const result = await soak({ streams, warmUp: SOAK_WARM_UP })
  const { start, middle, end, failures, left } = result
  for (const failure of failures.slice(0, 5)) console.error(failure)
  const heap = (reading: ProbeReading): number => liveBytes(reading)
  const growth = [middle, end].map(reading => (100 * (heap(reading) - heap(start))) / heap(start))
  const worst = growth.reduce((most, one) => Math.max(most, Math.abs(one)), 0)
  const kinds = SOAK_KINDS.map(({ name }) => name).join('; ')
  const row = (name: string, read: (reading: ProbeReading) => string): string[] => [
    ...[name, read(start), read(middle), read(end)],
  ]
  return {
    title: `Soak: ${count(streams)} streams`,
    about:
      `${count(streams)} short streamed exchanges, ${AT_ONCE} at once, through one process and Envoy, of these kinds in ` +
      `turns: ${kinds}. Each is checked by its client. The readings are taken at rest, after forced collections: after ` +
      `${count(SOAK_WARM_UP)} exchanges of warm-up, in the middle and at the end. ${count(failures.length)} came out ` +
      `otherwise than they must; ${left.exchanges} exchanges and ${left.heldBytes} held bytes were left. ` +
      `Growth: ${figure(growthAStream(result, streams))} bytes a stream.`,
    tables: [
      {
        headings: ['', 'start', 'middle', 'end'],
        rows: [
          row('heap and buffers, KB', reading => kb(heap(reading))),
          row('heap alone, KB', ({ heapUsed }) => kb(heapUsed)),
          row('RSS, KB', ({ rss }) => kb(rss)),
          row('handles, requests and timers', reading => count(resourcesIn(reading))),
          row('timers', ({ resources }) => count(resources.Timeout ?? 0)),
          row('listeners of the process', ({ listeners }) => count(listeners)),
        ],
      },
    ],
    measured: { heapGrowth: worst, soakErrors: failures.length + left.exchanges + left.heldBytes },
  }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { streams: { type: 'string', default: String(SOAK_STREAMS) } } })
  // Weir and Envoy end with this process, but only when it ends by itself.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
  const section = await benchSoak(Number(values.streams))
  console.log(`${section.about}\n`)
  for (const { headings, rows } of section.tables) printTable(headings, rows)
  if (section.measured?.soakErrors) process.exitCode = 1
}
