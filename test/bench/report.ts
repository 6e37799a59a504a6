/**
 * All benches, one after another, and one table of goals at the end. Takes about eight minutes on two cores.
 *
 *   node test/bench/report.ts [--yardstick FILE] [--only NAME,…] [--write]
 *
 * `--yardstick`: what compare.py wrote with `--out`. `--write` makes docs/performance.md of it all. A bench that fails is
 * told, the others go on, and the exit code is 1.
 */
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { snapshotOf } from '../support/config.ts'
import { longAnswer } from './answers.ts'
import { Figures, printTable } from './figures.ts'
import { benchGuardCallsOfAnswers, benchGuardRate } from './guard-calls.ts'
import { LOCAL_WINDOW_CONFIG } from './latency-config.ts'
import { benchManyStreams } from './many-streams.ts'
import { goalTable, renderPage } from './page.ts'
import { count, figure, type Section } from './section.ts'
import { benchSoak } from './soak.ts'
import { measureStreamCost } from './stream-cost.ts'
import { benchWorkers } from './workers.ts'
import { yardstickSection } from './yardstick.ts'

type Bench = () => Promise<readonly Section[]>

const BENCHES: Readonly<Record<string, Bench>> = {
  latency: async () => [await latency()],
  exchange: async () => [await exchangeCost()],
  chunks: async () => [await chunkCost()],
  streams: benchManyStreams,
  guard: async () => [await benchGuardRate(), await benchGuardCallsOfAnswers()],
  workers: async () => [await benchWorkers()],
  stalls: async () => [await stalls()],
  soak: async () => [await benchSoak()],
}

const { values } = parseArgs({
  options: {
    yardstick: { type: 'string' },
    only: { type: 'string', default: Object.keys(BENCHES).join(',') },
    write: { type: 'boolean', default: false },
  },
})
/** Of what else ran: on a busy machine absolute figures say little. */
const [loadAtStart = 0] = loadavg()
const PAGE = new URL('../../docs/performance.md', import.meta.url)

// What is running ends with this process, but only when it ends by itself.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

const sections: Section[] = []
if (values.yardstick !== undefined) sections.push(yardstickSection(readFileSync(values.yardstick, 'utf8')))
for (const name of values.only.split(',')) {
  const bench = BENCHES[name]
  if (bench === undefined) throw new Error(`no bench ${name}: there are ${Object.keys(BENCHES).join(', ')}`)
  console.error(`measuring: ${name}`)
  try {
    sections.push(...(await bench()))
  } catch (error) {
    console.error(`${name} failed:`, error)
    process.exitCode = 1
  }
}
for (const { title, tables, text } of sections) {
  console.log(`\n${title}\n`)
  for (const { headings, rows } of tables) printTable(headings, rows)
  if (text !== undefined) console.log(text)
}
const goals = goalTable(sections)
console.log('\nGoals\n')
printTable(goals.headings, goals.rows)
if (values.write) writeFileSync(PAGE, renderPage({ machine: machine(), date: today() }, sections))

function machine(): string {
  const [first] = cpus()
  const memoryGb = Math.round(totalmem() / 2 ** 30)
  const envoy = /^ENVOY_VERSION := (\S+)$/m.exec(
    readFileSync(new URL('../../Makefile', import.meta.url), 'utf8'),
  )
  return (
    `${cpus().length} cores of ${first?.model.trim()}, ${memoryGb} GB, ${process.platform} ${release()}, ` +
    `Node ${process.versions.node}, Envoy ${envoy?.[1]}; load average ${loadAtStart.toFixed(2)} when it began`
  )
}

function today(): string {
  return new Date().toISOString().slice(0, 10)
}

async function latency(): Promise<Section> {
  return {
    title: 'What a client waits for',
    about:
      'Through Envoy and one process of Weir, one exchange at a time, by `test/bench/stream-latency.ts`: each way to ' +
      'deliver against the same answer without a guardrail.',
    tables: [],
    text: await outputOf('stream-latency.ts'),
  }
}

async function exchangeCost(): Promise<Section> {
  return {
    title: 'An exchange without its transport',
    about:
      'From the messages of Envoy to those for Envoy, with a keyword guardrail, log and metrics, by ' +
      '`test/bench/exchange-cost.ts`: CPU microseconds and bytes allocated.',
    tables: [],
    text: await outputOf('exchange-cost.ts'),
  }
}

/** In this process, so that nothing but the exchange is in it. */
async function chunkCost(): Promise<Section> {
  const { policySet } = snapshotOf(LOCAL_WINDOW_CONFIG)
  const answers = [longAnswer(100), longAnswer(1_000), longAnswer(10_000)]
  const costs = measureStreamCost(policySet, answers, { rounds: 20, warmUpRounds: 4, atMostMs: 15_000 })
  const medians = costs.map(({ samples }) => new Figures(samples).p50)
  return {
    title: 'A chunk, by the length of its answer',
    about:
      'All local guardrails by `delivery: window`, without gRPC: what a chunk costs must not depend on how many came ' +
      'before it. The median of the rounds.',
    tables: [
      {
        headings: ['chunks of a stream', 'CPU of a chunk, µs', 'against the shortest'],
        rows: costs.map(({ chunks }, index) => [
          ...[count(chunks), figure(medians[index])],
          `${figure((medians[index] ?? Number.NaN) / (medians[0] ?? Number.NaN))} ×`,
        ]),
      },
    ],
    measured: { chunkCostGrowth: (medians.at(-1) ?? Number.NaN) / (medians[0] ?? Number.NaN) },
  }
}

async function stalls(): Promise<Section> {
  const output = await outputOf('stalls.ts')
  const summary = output.trim().split('\n').at(-1) ?? ''
  const [, long] = /^(\d+) of \d+ over \d+ ms/.exec(summary) ?? []
  return {
    title: 'The longest step',
    about:
      'How long one body holds up the event loop, and so every other exchange: bodies that cost most, by ' +
      '`test/bench/stalls.ts`, which prints each.',
    tables: [],
    text: summary,
    measured: { longSteps: long === undefined ? undefined : Number(long) },
  }
}

/** What a bench prints. Rejects when it fails. */
function outputOf(file: string): Promise<string> {
  const program = fileURLToPath(new URL(file, import.meta.url))
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (piece: Buffer) => {
    output += piece
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', code =>
      code === 0 ? resolve(output) : reject(new Error(`${file}: exit code ${code}`)),
    )
  })
}
