import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setImmediate as turn } from 'node:timers/promises'
import { getHeapStatistics } from 'node:v8'
import { reportExports } from '../../src/telemetry/export-report.ts'
import { createLog } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { openExport } from '../../src/telemetry/otel/open-export.ts'
import { createScrubber } from '../../src/telemetry/scrub.ts'
import { openBenchDeps, play } from './bench-call.ts'
import { jsonExchange } from './exchange-messages.ts'
import { fixed, printTable } from './figures.ts'

/**
 * What traces cost an exchange without a transport, one request and its JSON answer with one local scan each: off, on
 * and not sampled, sampled and exported to a collector of another process. Run by plain node:
 * `node test/bench/trace-cost.ts [MILLISECONDS]`. Ratios within one run count.
 */
const SINK = `
import { createServer } from 'node:http'
const server = createServer((request, response) => request.on('end', () => response.end()).resume())
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
`
const sink = spawn(process.execPath, ['--input-type=module', '--eval', SINK], {
  stdio: ['ignore', 'pipe', 'inherit'],
})
const [port] = await once(createInterface({ input: sink.stdout }), 'line')

const { deps, close } = openBenchDeps()
const metrics = createMetrics()
const log = createLog({ level: 'error', scrubber: createScrubber() })

/** Spans of one turn: fewer than find a place, so that none is dropped. */
const EXCHANGES_A_TURN = 100
const EXCHANGES_A_ROUND = 5000
const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331'

function open(by: 'parent' | 'ratio', ratio: number) {
  return openExport({
    resource: {},
    version: '0',
    metrics: undefined,
    traces: {
      url: `http://127.0.0.1:${port}/v1/traces`,
      headers: () => ({}),
      timeoutMs: 10_000,
      compression: 'none',
      sampling: { by, ratio },
      maxQueued: 20_000,
      delayMs: 5000,
    },
    families: metrics.asObjects,
    kindOf: () => 'keywords',
    report: reportExports(log, metrics, () => performance.now()),
  })
}

/** The least of all rounds: what else runs on the machine only adds. Bytes are those of the last round. */
async function measure(tracing: typeof deps.tracing, traceparent: string | undefined, forMs: number) {
  const messages = jsonExchange('duplex')
  const own = { ...deps, tracing }
  const per = ({ user, system }: NodeJS.CpuUsage): number => (user + system) / EXCHANGES_A_ROUND
  let [threadUs, processUs, bytes] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0]
  const until = performance.now() + forMs
  while (performance.now() < until) {
    const allocated = getHeapStatistics().total_allocated_bytes
    const [thread, all] = [process.threadCpuUsage(), process.cpuUsage()]
    for (let done = 0; done < EXCHANGES_A_ROUND; done++) {
      play(messages, own, traceparent)
      if (done % EXCHANGES_A_TURN === 0) await turn()
    }
    threadUs = Math.min(threadUs, per(process.threadCpuUsage(thread)))
    processUs = Math.min(processUs, per(process.cpuUsage(all)))
    bytes = (getHeapStatistics().total_allocated_bytes - allocated) / EXCHANGES_A_ROUND
  }
  return [fixed(threadUs), fixed(processUs), bytes.toFixed(0)]
}

const [forMs = '3000'] = process.argv.slice(2)
const parent = open('parent', 1)
const ratio = open('ratio', 0)
const rows = [
  ['off', undefined, undefined],
  ['on, the caller does not sample', parent.tracing, `${PARENT}-00`],
  ['on, not among those sampled', ratio.tracing, undefined],
  ['sampled and exported', parent.tracing, `${PARENT}-01`],
] as const
const lines: string[][] = []
// Once without counting, so that the first row is no colder than the others.
for (const [, tracing, traceparent] of rows) await measure(tracing, traceparent, Number(forMs) / 3)
for (const [name, tracing, traceparent] of rows)
  lines.push([name, ...(await measure(tracing, traceparent, Number(forMs)))])
printTable(['', 'thread us', 'process us', 'bytes'], lines)
await Promise.all([parent.close(5000), ratio.close(5000)])
const page = await metrics.render()
console.log(
  page
    .split('\n')
    .filter(line => /^weir_(?:spans_dropped|otlp_exports)/.test(line))
    .join('\n'),
)
metrics.close()
await close()
sink.kill()
