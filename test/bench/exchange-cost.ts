import { readFileSync } from 'node:fs'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { contentCodings } from '../../src/coding/codings.ts'
import { readBody } from '../../src/exchange/body-reading.ts'
import { ByteLedger } from '../../src/extproc/byte-ledger.ts'
import { Call } from '../../src/extproc/call.ts'
import type { CallDeps, PolicyPin } from '../../src/extproc/call-deps.ts'
import { randomIds } from '../../src/extproc/random-id.ts'
import { ShadowScans } from '../../src/extproc/shadow-scans.ts'
import type { Rpc } from '../../src/grpc/rpc.ts'
import { createLog } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { createScrubber } from '../../src/telemetry/scrub.ts'
import { createTelemetry } from '../../src/telemetry/telemetry.ts'
import { snapshotOf } from '../support/config.ts'
import { type BenchMode, jsonExchange, streamExchange } from './exchange-messages.ts'
import { fixed, printTable } from './figures.ts'

/**
 * What an exchange costs above the transport: from the messages of Envoy to those for Envoy, with the real guardrail,
 * log and metrics, in CPU time of this thread and of the process (which has the garbage collector's helpers), and in
 * bytes allocated. Run by plain node: `node test/bench/exchange-cost.ts [MILLISECONDS [PART OF A NAME]]`. Ratios
 * within one run count.
 */
const snapshot = snapshotOf(readFileSync(new URL('./keyword.yaml', import.meta.url), 'utf8'))
const metrics = createMetrics()
const log = createLog({ level: snapshot.server.log.level, scrubber: createScrubber() })
const pin: PolicyPin = { policies: snapshot.policySet, release() {} }
const deps: CallDeps = {
  telemetry: createTelemetry(log, metrics),
  pin: () => pin,
  codings: contentCodings,
  reader: {
    read: (job, done) => {
      done(readBody(job, contentCodings))
      return () => {}
    },
  },
  shadows: new ShadowScans(1),
  ledger: new ByteLedger(1_000_000_000, metrics.held),
  clock: () => performance.now(),
  unixSeconds: () => Math.floor(Date.now() / 1000),
  newId: randomIds(),
}

/** Takes what a call writes, and is never full. */
class Peer implements Rpc {
  writes = 0
  readonly waitingBytes = 0
  readonly unsentBytes = 0

  metadata(): undefined {
    return undefined
  }
  write(_message: Buffer): 'more' {
    this.writes += 1
    return 'more'
  }
  pause(): void {}
  resume(): void {}
  end(): void {}
  fail(_code: number, details: string): never {
    throw new Error(details)
  }
}

function play(messages: readonly Buffer[]): void {
  const peer = new Peer()
  const call = new Call(peer, deps, () => {})
  for (const message of messages) call.onMessage(message)
  call.onHalfClose()
  if (peer.writes < 4) throw new Error(`${peer.writes} replies to ${messages.length} messages`)
}

interface Job {
  readonly name: string
  readonly messages: readonly Buffer[]
  /** What the cost is divided by. */
  readonly units: number
}

const MESSAGES_A_ROUND = 20_000

/** The least of all rounds: what else runs on the machine only adds. Bytes are those of the last round. */
function measure({ messages, units }: Job, forMs: number): readonly string[] {
  const times = Math.ceil(MESSAGES_A_ROUND / messages.length)
  const perUnit = ({ user, system }: NodeJS.CpuUsage): number => (user + system) / times / units
  let [threadUs, processUs, bytes] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0]
  const until = performance.now() + forMs
  while (performance.now() < until) {
    const allocated = getHeapStatistics().total_allocated_bytes
    const [thread, all] = [process.threadCpuUsage(), process.cpuUsage()]
    for (let time = 0; time < times; time++) play(messages)
    threadUs = Math.min(threadUs, perUnit(process.threadCpuUsage(thread)))
    processUs = Math.min(processUs, perUnit(process.cpuUsage(all)))
    bytes = (getHeapStatistics().total_allocated_bytes - allocated) / times / units
  }
  return [fixed(threadUs), fixed(processUs), bytes.toFixed(0)]
}

const IDLE_STREAMS = 2000

/** Bytes that a stream holds which waits for its next chunk, without its transport. */
function idleBytes(mode: BenchMode): number {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  const usedBytes = (): number => {
    collect()
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  }
  const messages = streamExchange(mode, 10).slice(0, -2)
  const calls: Call[] = []
  const before = usedBytes()
  for (let number = 0; number < IDLE_STREAMS; number++) {
    const call = new Call(new Peer(), deps, () => {})
    // Copies, since a real message comes in memory of its own.
    for (const message of messages) call.onMessage(Buffer.from(message))
    calls.push(call)
  }
  const bytes = (usedBytes() - before) / calls.length
  for (const call of calls) call.onHalfClose()
  return bytes
}

const [forMs = '3000', part = ''] = process.argv.slice(2)
const MODES: readonly BenchMode[] = ['duplex', 'streamed']
const jobs = MODES.flatMap((mode): Job[] => [
  { name: `JSON, ${mode}, a request`, messages: jsonExchange(mode), units: 1 },
  { name: `stream of 100, ${mode}, a chunk`, messages: streamExchange(mode, 100), units: 100 },
  { name: `stream of 10000, ${mode}, a chunk`, messages: streamExchange(mode, 10_000), units: 10_000 },
]).filter(({ name }) => name.includes(part))
printTable(
  ['', 'thread us', 'process us', 'bytes'],
  jobs.map(job => [job.name, ...measure(job, Number(forMs))]),
)
for (const mode of MODES) console.log(`idle stream, ${mode}: ${(idleBytes(mode) / 1024).toFixed(1)} KiB`)
metrics.close()
await snapshot.close()
