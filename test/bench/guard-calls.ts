/** What asking a guard service costs, and how often an answer asks. */
import { cpuUs, pin, unpin } from './cpu.ts'
import { connectDirect } from './direct-client.ts'
import { jsonExchange } from './exchange-messages.ts'
import { Figures } from './figures.ts'
import { REQUEST } from './many-streams.ts'
import { count, figure, type Section } from './section.ts'
import { type ServedWeir, serveWeir } from './served-weir.ts'
import { DEFAULT_WINDOW, windowCalls } from './sizing.ts'
import { type GuardCall, startSlowGuard } from './slow-guard.ts'
import { openStream } from './stream-client.ts'
import type { Manner } from './stream-llm.ts'
import { withStreamRig } from './stream-rig.ts'

const ROUNDS = 4
const ROUND_MS = 1_500
const AT_ONCE = 32

/** How many calls of a guard one core can make: an exchange with a call against the same one without. */
export async function benchGuardRate(): Promise<Section> {
  await using started = new AsyncDisposableStack()
  const calls: GuardCall[] = []
  const guard = started.adopt(await startSlowGuard(0, calls), one => one.close())
  const serve = async (rules: string): Promise<ServedWeir> => {
    const weir = started.adopt(await serveWeir(rateConfig(guard.url, rules)), one => one.stop())
    for (const pid of weir.pids) pin(pid, 1)
    return weir
  }
  const sides = [await serve('{ use: words }'), await serve('{ use: words }, { use: guard }')] as const
  pin(process.pid, 0)
  started.defer(() => unpin(process.pid))
  const clients = await Promise.all(
    sides.map(async ({ addresses }) => started.adopt(await connectDirect(addresses), one => one.close())),
  )
  const messages = jsonExchange('duplex')
  const rounds: number[][] = []
  let rate = 0
  for (let round = -1; round < ROUNDS; round++) {
    const costs: number[] = []
    for (const [index, { pids }] of sides.entries()) {
      const [before, callsBefore] = [cpuUs(pids[0]!), calls.length]
      const played = await clients[index]!.run(messages, AT_ONCE, ROUND_MS)
      costs.push((cpuUs(pids[0]!) - before) / played)
      rate = Math.max(rate, ((calls.length - callsBefore) * 1000) / ROUND_MS)
    }
    if (round >= 0) rounds.push(costs)
  }
  const [without, asking] = [0, 1].map(index => new Figures(rounds.map(costs => costs[index]!)).p50)
  const callUs = new Figures(rounds.map(([local = 0, remote = 0]) => remote - local)).p50
  return {
    title: 'Guard calls of one core',
    about:
      'A JSON exchange with a request of 1 KB, judged by a keyword list, and the same with one call of a guard service ' +
      'more: a stand-in on loopback, without TLS, that answers clean at once. The difference is what a call costs Weir; ' +
      'a million divided by it is what one core could make if it did nothing else. Fewer were made here, as ' +
      'the stand-in and the client share one core.',
    tables: [
      {
        headings: ['', ''],
        rows: [
          ['CPU of an exchange without a call, µs', figure(without)],
          ['CPU of an exchange with one, µs', figure(asking)],
          ['CPU of a call, µs', figure(callUs)],
          ['calls a second of one core, by CPU', count(Math.round(1e6 / callUs))],
          ['calls a second that were made', count(Math.round(rate))],
        ],
      },
    ],
    constants: { guardCallUs: callUs, exchangeUs: without },
  }
}

const rateConfig = (url: string, rules: string): string => `
guardrails:
  words: { kind: keywords, words: [blocked-phrase] }
  guard: { kind: lakera, lakera_endpoint: '${url}', max_concurrent: 256, max_queued: 1000 }
policies: [{ name: bench, guardrails: [${rules}] }]
`

const GUARD_MS = 50
const STREAMS_OF_EACH = 8

const DELIVERIES = [
  { name: 'withhold', stream: 'delivery: withhold' },
  { name: 'window', stream: 'delivery: window' },
  {
    name: 'window, first_chars 400, max_chars 4000',
    stream: 'delivery: window, window: { first_chars: 400, max_chars: 4000 }',
  },
] as const

/** Answers by how they come: characters a second are what decides how often a window's timer rings before it is full. */
const ANSWERS: readonly (readonly [string, number, Extract<Manner, { kind: 'paced' }>])[] = [
  ['1,000 characters in 10 s', 1_000, { kind: 'paced', tokens: 200, everyMs: 50 }],
  ['5,000 characters in 10 s', 5_000, { kind: 'paced', tokens: 1_000, everyMs: 10 }],
]

/** How many calls an answer takes, by delivery and pace. */
export async function benchGuardCallsOfAnswers(): Promise<Section> {
  await using started = new AsyncDisposableStack()
  const guards: { readonly url: string; readonly calls: GuardCall[] }[] = []
  for (const _ of DELIVERIES) {
    const calls: GuardCall[] = []
    const { url } = started.adopt(await startSlowGuard(GUARD_MS, calls), one => one.close())
    guards.push({ url, calls })
  }
  return await withStreamRig(answerConfig(guards.map(({ url }) => url)), async ({ envoy }) => {
    const rows: string[][] = []
    for (const [answer, characters, manner] of ANSWERS) {
      const before = guards.map(({ calls }) => calls.length)
      await Promise.all(DELIVERIES.map(({ name }) => streamsOf(envoy.address, name, manner)))
      for (const [index, { name }] of DELIVERIES.entries()) {
        const each = (guards[index]!.calls.length - before[index]!) / STREAMS_OF_EACH
        const formula = name === 'window' ? figure(windowCalls(characters, DEFAULT_WINDOW)) : ''
        rows.push([answer, name, figure(each), formula])
      }
    }
    return {
      title: 'Guard calls of an answer',
      about:
        `Streamed answers judged by a guard service that takes ${GUARD_MS} ms, through Envoy. \`withhold\` asks once, at ` +
        'the end. `window` asks for each window that is full, or that a timer or the end of a sentence cuts short; ' +
        'windows grow, so a long answer does not ask in proportion. The last column is the formula of ' +
        '[scaling.md](scaling.md), which knows of no timer.',
      tables: [{ headings: ['answer', 'delivery', 'calls', 'by formula'], rows }],
    }
  })
}

async function streamsOf(address: string, delivery: string, manner: Manner): Promise<void> {
  const one = async (): Promise<void> => {
    const open = openStream(address, { host: hostOf(delivery), body: REQUEST, manner })
    const { status, ended } = await open.answer
    if (status !== 200 || ended !== 'complete') throw new Error(`${delivery}: ${status}, ${ended}`)
  }
  await Promise.all(Array.from({ length: STREAMS_OF_EACH }, one))
}

const hostOf = (delivery: string): string => `${delivery.replaceAll(/\W+/g, '-')}.bench`

const answerConfig = (urls: readonly string[]): string => `
guardrails:
${urls.map((url, index) => `  guard-${index}: { kind: lakera, lakera_endpoint: '${url}' }`).join('\n')}
policies:
${DELIVERIES.map(({ name, stream }, index) => policyOf(hostOf(name), `guard-${index}`, stream)).join('\n')}
`

function policyOf(host: string, guard: string, stream: string): string {
  const rules = `[{ use: ${guard}, direction: output }]`
  return `  - { name: '${host}', match: { hosts: ['${host}'] }, guardrails: ${rules}, stream: { ${stream} } }`
}
