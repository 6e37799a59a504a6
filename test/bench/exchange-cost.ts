import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Call } from '../../src/extproc/call.ts'
import { openBenchDeps, Peer, play } from './bench-call.ts'
import { type BenchMode, jsonExchange, streamExchange } from './exchange-messages.ts'
import { fixed, printTable } from './figures.ts'

/**
 * What an exchange costs above the transport: from the messages of Envoy to those for Envoy, with the real guardrail,
 * log and metrics, in CPU time of this thread and of the process (which has the garbage collector's helpers), and in
 * bytes allocated. Run by plain node: `node test/bench/exchange-cost.ts [MILLISECONDS [PART OF A NAME]]`. Ratios
 * within one run count.
 */
const { deps, close } = openBenchDeps()

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
    for (let time = 0; time < times; time++) play(messages, deps)
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
await close()
