/**
 * What a client waits for, through a real Envoy and `weir serve` as a process: the first text and the end of a streamed
 * answer, by how it is delivered; an answer in one piece, by when its request is judged. And what a chunk costs, in this
 * process, in short streams against long ones. Prints tables and asserts nothing about time. Takes less than 90 s.
 *
 *   node test/bench/stream-latency.ts
 *
 * The client, the upstream and the guard services are in this process. The variants take turns, so that whatever else
 * the machine does falls on all of them alike: the differences count, the figures are the machine's.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { chatCompletion, chatEvents, chatRequest } from '../support/chat.ts'
import { snapshotOf } from '../support/config.ts'
import { startEnvoy } from '../support/envoy.ts'
import { startUpstream, type UpstreamHandler } from '../support/upstream.ts'
import { longAnswer, PHRASES, WORDS } from './answers.ts'
import { JUDGED, LOCAL_WINDOW_CONFIG, latencyConfig, STREAMED } from './latency-config.ts'
import { LEGEND, printCosts, printPieces, printStreams } from './latency-tables.ts'
import { type Goal, type Group, type Rig, runRounds, type Variant } from './rounds.ts'
import { serveWeir } from './served-weir.ts'
import { type GuardCall, startSlowGuard } from './slow-guard.ts'
import { measureStreamCost, type StreamCost } from './stream-cost.ts'
import { addRouteWithoutWeir, WITHOUT_WEIR } from './stream-rig.ts'
import { openTimedClient } from './timed-client.ts'

const TOKEN_MS = 5
const JSON_AFTER_MS = 500
const QUESTION = 'What is a weir, who built the first ones, and what are they good for? '.repeat(8)

const UNGUARDED = { name: 'unguarded', host: STREAMED.unguarded }
const WINDOW_REMOTE: Variant = {
  name: 'window, remote 50 ms',
  host: STREAMED.windowRemote,
  goal: { kind: 'guard-calls', atMost: 1 },
}
const windowPatterns = (goalMs: number): Variant => ({
  name: 'window, keywords and PII',
  host: STREAMED.windowPatterns,
  goal: addedMs(goalMs),
})
/** No goal: the classifier clears nothing before it has seen a window of text. */
const WINDOW_LOCAL: Variant = { name: 'the same and prompt attacks', host: STREAMED.windowLocal }

const addedMs = (atMost: number): Goal => ({ kind: 'added-ms', atMost })

const streams = { warmUpRounds: 5, request: Buffer.from(chatRequest(QUESTION, { stream: true })) }
const STREAM_GROUPS: readonly Group[] = [
  {
    ...streams,
    ...streamed(PHRASES),
    title: `A stream of ${PHRASES.length} phrases of seven words, ${TOKEN_MS} ms apart`,
    variants: [
      UNGUARDED,
      windowPatterns(2),
      WINDOW_LOCAL,
      WINDOW_REMOTE,
      { name: 'live (alert, fail_open)', host: STREAMED.live, goal: addedMs(1) },
      { name: 'withhold, local', host: STREAMED.withholdLocal },
      { name: 'Envoy without Weir', host: WITHOUT_WEIR },
    ],
    rounds: 36,
    atMostMs: 40_000,
  },
  {
    ...streams,
    ...streamed(WORDS),
    title: `A stream of ${WORDS.length} words, ${TOKEN_MS} ms apart: that a word is over shows in the next`,
    variants: [
      UNGUARDED,
      windowPatterns(TOKEN_MS + 2),
      WINDOW_LOCAL,
      WINDOW_REMOTE,
      {
        ...WINDOW_REMOTE,
        name: 'the same, first_chars 20, hold_back_chars 0',
        host: STREAMED.windowRemoteTuned,
      },
    ],
    rounds: 20,
    atMostMs: 17_000,
  },
]
const JSON_ANSWER = chatCompletion(PHRASES.join(''))
const JSON_GROUP: Group = {
  title: `Answer in one piece after ${JSON_AFTER_MS} ms, the request judged by a guard of 300 ms`,
  variants: [
    UNGUARDED,
    { name: 'mode: pre_call', host: JUDGED.preCall },
    { name: 'mode: during_call', host: JUDGED.duringCall, goal: addedMs(20) },
  ],
  request: Buffer.from(chatRequest(QUESTION)),
  answer: async (request, reply) => {
    await request.complete
    await delay(JSON_AFTER_MS)
    reply.head(200, { 'content-type': 'application/json' })
    await reply.send(JSON_ANSWER)
    reply.end()
  },
  expected: Buffer.from(JSON_ANSWER),
  rounds: 8,
  warmUpRounds: 1,
  atMostMs: 18_000,
}

const interruption = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => interruption.abort(`interrupted by ${signal}`))
}

try {
  await withRig(async rig => {
    console.log(LEGEND)
    for (const group of STREAM_GROUPS) printStreams(group, await runRounds(rig, group))
    printPieces(JSON_GROUP, await runRounds(rig, JSON_GROUP))
  })
  printCosts(measureCost())
} catch (error) {
  // Whatever broke then broke because the programs were being ended.
  if (!interruption.signal.aborted) throw error
  console.error(String(interruption.signal.reason))
  process.exitCode = 1
}

/** An answer that streams: headers and role at once, then a token at a time. */
function streamed(tokens: readonly string[]): { answer: UpstreamHandler; expected: Buffer } {
  const [role = '', ...rest] = chatEvents(...tokens)
  const [finish = '', done = ''] = rest.splice(-2)
  return {
    expected: Buffer.from([role, ...rest, finish, done].join('')),
    answer: async (request, reply) => {
      await request.complete
      const startedAt = performance.now()
      reply.head(200, { 'content-type': 'text/event-stream' })
      await reply.send(role)
      for (const [index, token] of rest.entries()) {
        // By the clock and not from token to token, so that late timers do not add up.
        await delay(Math.max(0, startedAt + (index + 1) * TOKEN_MS - performance.now()))
        await reply.send(token)
      }
      await reply.send(finish + done)
      reply.end()
    },
  }
}

/** Starts everything, and ends all of it whatever happens. */
async function withRig(work: (rig: Rig) => Promise<void>): Promise<void> {
  await using started = new AsyncDisposableStack()
  const keep = <T>(thing: T, stop: (thing: T) => unknown): T =>
    started.adopt(thing, async one => void (await stop(one)))
  const guardCalls: GuardCall[] = []
  const after50Ms = keep(await startSlowGuard(50, guardCalls), guard => guard.close())
  const after300Ms = keep(await startSlowGuard(300, guardCalls), guard => guard.close())
  const upstream = keep(await startUpstream(), one => one.stop())
  const config = latencyConfig({ after50Ms: after50Ms.url, after300Ms: after300Ms.url })
  const weir = keep(await serveWeir(config), one => one.stop())
  for (const warning of weir.warnings) console.log(`weir warns: ${warning}`)
  const envoy = keep(
    await startEnvoy({
      mode: 'full-duplex',
      weirAddress: weir.address,
      upstreamAddress: upstream.address,
      overrides: addRouteWithoutWeir,
    }),
    one => one.stop(),
  )
  const client = keep(openTimedClient(envoy.address), one => one.close())
  await work({ upstream, client, guardCalls, interrupted: interruption.signal })
}

/** In this process, so that nothing but the exchange is in it. */
function measureCost(): readonly StreamCost[] {
  const { policySet } = snapshotOf(LOCAL_WINDOW_CONFIG)
  const answers = [longAnswer(1_000), longAnswer(10_000)]
  return measureStreamCost(policySet, answers, { rounds: 15, warmUpRounds: 4, atMostMs: 8_000 })
}
