/**
 * Two thousand streams at once on one process of Weir, through a real Envoy: what one costs that waits, and what a chunk
 * costs when each has one every half second.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { chatRequest } from '../support/chat.ts'
import { cpuUs } from './cpu.ts'
import { Figures } from './figures.ts'
import { liveBytes, type ProbeReading } from './probe-reading.ts'
import { count, figure, kb, type Section } from './section.ts'
import { type OpenStream, openStream, runLanes } from './stream-client.ts'
import { type Manner, TOKEN } from './stream-llm.ts'
import { type StreamRig, WITHOUT_WEIR, withStreamRig } from './stream-rig.ts'

export const STREAMS = 2_000
export const CHUNK_EVERY_MS = 500
/** Of one active stream. */
export const CHUNKS = 30
const OPENED_AT_ONCE = 50
const WARM_UP_REQUESTS = 4_000
const WATCHED_MS = 4_000
const POLL_MS = 50

const HOSTS = { window: 'window.bench', withhold: 'withhold.bench' } as const
/** What an idle stream of `withhold` has held back. */
export const HELD_TOKENS = 32
/** Apart, as an LLM sends them: each comes to Weir in a message of its own. */
const HELD_EVERY_MS = 100
const CONFIG = `
guardrails: { words: { kind: keywords, words: [blocked-phrase] } }
policies:
  - name: withhold
    match: { hosts: [${HOSTS.withhold}] }
    guardrails: [{ use: words, direction: both }]
  - name: window
    guardrails: [{ use: words, direction: both }]
    stream: { delivery: window }
`
/** 1 KB, as in the yardstick. */
export const REQUEST = Buffer.from(chatRequest('What is a weir good for? '.repeat(38), { stream: true }))

export function benchManyStreams(): Promise<readonly Section[]> {
  return withStreamRig(CONFIG, async rig => {
    await warmUp(rig)
    return [await idle(rig), await active(rig)]
  })
}

/** As many exchanges as the young generation needs to have its full size, few at a time. */
async function warmUp({ envoy, weir }: StreamRig): Promise<void> {
  const manner: Manner = { kind: 'whole', tokens: Array(20).fill(TOKEN) }
  await runLanes(WARM_UP_REQUESTS, 16, async () => {
    await openStream(envoy.address, { host: HOSTS.window, body: REQUEST, manner }).answer
  })
  await allEnded(weir)
}

async function allEnded(weir: StreamRig['weir']): Promise<void> {
  while ((await weir.metric('weir_exchanges_open')) > 0) await delay(POLL_MS)
}

async function idle(rig: StreamRig): Promise<Section> {
  const { envoy, weir } = rig
  const before = await weir.probe()
  const rows: string[][] = []
  let worst = 0
  const alive: number[] = []
  for (const [name, host, manner] of IDLE) {
    const empty = await weir.probe()
    const streams = await openAll(rig, host, manner)
    const full = await weir.probe()
    await delay(WATCHED_MS)
    const watched = await weir.probe()
    for (const stream of streams) stream.leave()
    await allEnded(weir)
    const perStream = (read: (reading: ProbeReading) => number): number =>
      (read(full) - read(empty)) / STREAMS
    alive.push(perStream(liveBytes))
    if (host === HOSTS.window)
      worst = Math.max(
        perStream(liveBytes),
        perStream(one => one.rss),
      )
    rows.push([
      ...[name, kb(perStream(liveBytes)), kb(perStream(one => one.rss)), figure(full.rss / 2 ** 20)],
      ...[figure(watched.lagP99), figure(watched.lagMax)],
    ])
  }
  const after = await weir.probe()
  const connections = await envoy.stats('cluster.weir.upstream_cx_total')
  return {
    title: `${count(STREAMS)} idle streams`,
    about:
      `${count(STREAMS)} event streams are open at once on one process, each with its first events out or held, and ` +
      'nothing comes. Memory is after a forced collection, with the streams minus without them, divided by their ' +
      'number: what lives (heap and buffers), and what the system counts (RSS; pages that the process had already are ' +
      'not in it, so that the greater of both counts for the goal). The lag says how late timers ring meanwhile. Before the first stream the process had ' +
      `${figure(before.rss / 2 ** 20)} MB, ${figure(liveBytes(before) / 2 ** 20)} MB of them alive; after the last one ` +
      `${figure(liveBytes(after) / 2 ** 20)} MB are alive. Envoy used ${connections} connections.`,
    tables: [
      {
        headings: [
          'stream',
          'alive, KB',
          'RSS, KB',
          'whole process, RSS, MB',
          'lag p99, ms',
          'longest lag, ms',
        ],
        rows,
      },
    ],
    measured: { idleStreamKb: worst / 1024 },
    constants: {
      idleStreamBytes: worst,
      heldEventBytes: ((alive[1] ?? Number.NaN) - (alive[0] ?? Number.NaN)) / HELD_TOKENS,
      processBytes: before.rss,
    },
  }
}

const IDLE: readonly (readonly [string, string, Manner])[] = [
  ['window, nothing held', HOSTS.window, { kind: 'idle' }],
  [
    `withhold, ${HELD_TOKENS} events held`,
    HOSTS.withhold,
    { kind: 'trickled', tokens: HELD_TOKENS, everyMs: HELD_EVERY_MS },
  ],
]

/** All of them, once each has its first bytes, or has held back all that it will. */
async function openAll(rig: StreamRig, host: string, manner: Manner): Promise<readonly OpenStream[]> {
  const streams: OpenStream[] = []
  await runLanes(STREAMS, OPENED_AT_ONCE, async () => {
    const stream = openStream(rig.envoy.address, { host, body: REQUEST, manner, onChunk: () => {} })
    streams.push(stream)
    if (host === HOSTS.window) await stream.begun
  })
  if (host !== HOSTS.withhold) return streams
  let [held, before] = [1, 0]
  while (held !== before || (await rig.weir.metric('weir_exchanges_open')) < STREAMS) {
    before = held
    await delay(10 * HELD_EVERY_MS)
    held = await rig.weir.metric('weir_held_bytes')
  }
  return streams
}

interface Run {
  readonly latencies: Figures
  readonly chunks: number
  readonly errors: number
  readonly cpuUs: number
}

async function active(rig: StreamRig): Promise<Section> {
  const without = await runActive(rig, WITHOUT_WEIR)
  await rig.weir.probe()
  const through = await runActive(rig, HOSTS.window)
  const { lagP99, lagMax } = await rig.weir.probe()
  const chunkUs = through.cpuUs / through.chunks
  const row = (name: string, run: Run): string[] => [
    ...[name, count(run.chunks), figure(run.latencies.p50), figure(run.latencies.p99), count(run.errors)],
  ]
  return {
    title: `${count(STREAMS)} active streams`,
    about:
      `${count(STREAMS)} event streams at once, each of ${CHUNKS} chunks with one every ${CHUNK_EVERY_MS} ms: ` +
      `${count((STREAMS * 1000) / CHUNK_EVERY_MS)} chunks a second. Latency is from the LLM's write to the client's read, ` +
      'and both are one program, whose own waits are in the first row too. CPU is that of the process of Weir for one ' +
      'chunk, the exchange around it included; at this pace nothing is batched, so it is dearer than in a stream that ' +
      'comes as fast as it can.',
    tables: [
      {
        headings: ['', 'chunks', 'p50, ms', 'p99, ms', 'errors'],
        rows: [row('Envoy without Weir', without), row('through Weir', through)],
      },
      {
        headings: ['through Weir', ''],
        rows: [
          ['added at p50, ms', figure(through.latencies.p50 - without.latencies.p50)],
          ['added at p99, ms', figure(through.latencies.p99 - without.latencies.p99)],
          ['CPU of a chunk, µs', figure(chunkUs)],
          ['lag of the event loop p99, ms', figure(lagP99)],
          ['longest lag, ms', figure(lagMax)],
        ],
      },
    ],
    measured: { activeErrors: through.errors },
    constants: { chunkUs },
  }
}

/** A number that `stream-llm.ts` put into an event. */
const SENT_AT = /"t":([\d.]+)/g

async function runActive({ envoy, weir }: StreamRig, host: string): Promise<Run> {
  const latencies: number[] = []
  const onChunk = (chunk: Buffer): void => {
    const now = performance.now()
    for (const [, sentAt] of chunk.toString('latin1').matchAll(SENT_AT)) latencies.push(now - Number(sentAt))
  }
  const manner: Manner = { kind: 'paced', tokens: CHUNKS, everyMs: CHUNK_EVERY_MS }
  const before = weir.pids.reduce((sum, pid) => sum + cpuUs(pid), 0)
  let errors = 0
  const lanes = Array.from({ length: STREAMS }, async (_, index) => {
    // Begun over the time of four chunks, so that they do not come in step.
    await delay((index * 4 * CHUNK_EVERY_MS) / STREAMS)
    const { status, ended } = await openStream(envoy.address, { host, body: REQUEST, manner, onChunk }).answer
    if (status !== 200 || ended !== 'complete') errors += 1
  })
  await Promise.all(lanes)
  errors += Math.abs(STREAMS * CHUNKS - latencies.length)
  const after = weir.pids.reduce((sum, pid) => sum + cpuUs(pid), 0)
  return { latencies: new Figures(latencies), chunks: latencies.length, errors, cpuUs: after - before }
}
