/** What a second worker brings: two processes against one, driven by a client of its own without Envoy. */
import { cpus } from 'node:os'
import { cpuUs, pin, unpin } from './cpu.ts'
import { connectDirect, type DirectClient } from './direct-client.ts'
import { jsonExchange } from './exchange-messages.ts'
import { Figures } from './figures.ts'
import { figure, type Section } from './section.ts'
import { type ServedWeir, serveWeir } from './served-weir.ts'

const ROUNDS = 4
const ROUND_MS = 2_000
const AT_ONCE = 16
/** 48 KB of prose with digits: costs the local guardrails several milliseconds, and the client next to nothing. */
export const LONG_PROMPT = 'The keeper of the weir wrote down 12 levels of the river and 340 names. '.repeat(
  684,
)

const configOf = (workers: number): string => `
server: { workers: ${workers} }
guardrails:
  words: { kind: keywords, words: [blocked-phrase] }
  pii: { kind: local-pii }
  attacks: { kind: local-prompt-attack }
policies: [{ name: bench, guardrails: [{ use: words, direction: both }, { use: pii }, { use: attacks }] }]
`

interface Side {
  readonly weir: ServedWeir
  readonly client: DirectClient
}

export async function benchWorkers(): Promise<Section> {
  const rounds = await measure()
  const of = (read: (round: Round) => number): number => new Figures(rounds.map(read)).p50
  const gain = of(({ one, two }) => two.rate / one.rate)
  return {
    title: 'Two workers against one',
    about:
      '`server.workers: 1` and `2`, the same exchange in rounds that take turns: a prompt of 48 KB judged by keywords, ' +
      'PII and prompt attacks, from a client that speaks gRPC to each worker without Envoy. This machine has ' +
      `${cpus().length} cores. One worker has a core to itself and the client the other; two workers have a core each, ` +
      '**and the client takes its time from both**, which is why the exchange is one that costs Weir much and the client ' +
      'little: with small ones two cores would measure the client. The gain by CPU leaves the client out: what two ' +
      'cores of CPU are worth, from what an exchange costs with one worker and with two (2.00 is perfect; what they ' +
      'lose to shared caches and memory is in it).',
    tables: [
      {
        headings: ['', 'one worker', 'two workers', 'gain'],
        rows: [
          [
            ...['exchanges a second', figure(of(({ one }) => one.rate)), figure(of(({ two }) => two.rate))],
            `${figure(gain)} ×`,
          ],
          [
            ...[
              'CPU of an exchange, µs',
              figure(of(({ one }) => one.cpuUs)),
              figure(of(({ two }) => two.cpuUs)),
            ],
            `${figure(of(({ one, two }) => (2 * one.cpuUs) / two.cpuUs))} ×`,
          ],
        ],
      },
    ],
    measured: { workers: gain },
  }
}

interface Round {
  readonly one: Rate
  readonly two: Rate
}

interface Rate {
  /** Exchanges a second. */
  readonly rate: number
  /** CPU of all workers for one exchange. */
  readonly cpuUs: number
}

async function measure(): Promise<readonly Round[]> {
  const messages = jsonExchange('duplex', LONG_PROMPT)
  await using started = new AsyncDisposableStack()
  const open = async (workers: number): Promise<Side> => {
    const weir = started.adopt(await serveWeir(configOf(workers)), served => served.stop())
    const client = started.adopt(await connectDirect(weir.addresses), one => one.close())
    return { weir, client }
  }
  const one = await open(1)
  const two = await open(2)
  for (const { weir } of [one, two]) {
    // From the last core on, so that a worker that is alone does not share the client's.
    for (const [index, pid] of weir.pids.entries()) pin(pid, cpus().length - 1 - index)
  }
  started.defer(() => unpin(process.pid))
  const rounds: Round[] = []
  for (let round = -1; round < ROUNDS; round++) {
    pin(process.pid, 0)
    const first = await rateOf(one, messages)
    unpin(process.pid)
    const second = await rateOf(two, messages)
    if (round >= 0) rounds.push({ one: first, two: second })
  }
  return rounds
}

async function rateOf({ weir, client }: Side, messages: readonly Buffer[]): Promise<Rate> {
  const spent = (): number => weir.pids.reduce((sum, pid) => sum + cpuUs(pid), 0)
  const [before, startedAt] = [spent(), performance.now()]
  const played = await client.run(messages, AT_ONCE, ROUND_MS)
  const seconds = (performance.now() - startedAt) / 1000
  return { rate: played / seconds, cpuUs: (spent() - before) / played }
}
