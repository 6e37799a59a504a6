import { appendFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import {
  answerOf,
  asksForJson,
  asksForStream,
  type ServedStack,
  startServed,
} from '../faults/served-stack.ts'
import { chatCompletion, chatEvents, chatRequest } from '../support/chat.ts'
import { type LakeraStub, startLakeraStub } from '../support/lakera-stub.ts'
import { STREAM_TYPE } from '../support/stream-events.ts'
import { gate } from '../support/upstream.ts'

const STALL_MS = 300
const PRELOAD = fileURLToPath(new URL('../support/stall-on-signal.ts', import.meta.url))
const JSON_TYPE = { 'content-type': 'application/json' }

let lakera: LakeraStub
let stack: ServedStack
beforeAll(async () => {
  lakera = await startLakeraStub()
  stack = await startServed(
    `
guardrails:
  words: { kind: keywords, words: [secret] }
  lakera: { kind: lakera, lakera_endpoint: "${lakera.url}", timeout: 20000 }
policies:
  - { name: forgiving, match: { paths: [/forgiving/] }, guardrails: [{ use: lakera, direction: input, fail_open: true }] }
  - { name: shadow, match: { paths: [/shadow/] }, guardrails: [{ use: words, direction: input, action: alert }] }
  - name: windows
    match: { paths: [/windows/] }
    guardrails: [{ use: lakera, direction: output }]
    stream: { delivery: window, hold_back_chars: 0, window: { first_chars: 1, growth: 1, context_chars: 0 } }
  - name: chat
    match: { paths: [/v1/] }
    guardrails: [{ use: words, direction: both }]
    stream: { delivery: withhold, heartbeat_ms: 20, headers: at_once }
`,
    { env: { NODE_OPTIONS: `--import ${PRELOAD}`, STALL_MS: String(STALL_MS) } },
  )
})
afterAll(async () => {
  await stack.stop()
  await lakera.close()
})

const answers = (): void =>
  stack.upstream.respond({ headers: JSON_TYPE, chunks: [chatCompletion('an answer')] })
const ask = (place: string, body: string) => answerOf(stack.chat(body, { path: `${place}/chat/completions` }))
/** The metric of that line is to be what is said, once the exchange that the client has seen is over for Weir too. */
const expectMetric = (line: string, value: number) =>
  vi.waitFor(async () => expect([line, await stack.metric(line)]).toEqual([line, value]))

test('a stream that is held shows as an open exchange, as bytes and as heartbeats, until it has gone', async () => {
  const rest = gate()
  const events = chatEvents('an ', 'answer')
  stack.upstream.respond({ headers: STREAM_TYPE, chunks: [events[0]!, events[1]!, rest, ...events.slice(2)] })
  const client = stack.chat(asksForStream)
  await client.until(':\n\n:\n\n')
  expect(await stack.metric('weir_exchanges_open')).toBe(1)
  expect(await stack.metric('weir_exchanges_holding')).toBe(1)
  expect(await stack.metric('weir_held_bytes')).toBe(events[0]!.length + events[1]!.length)
  rest.open()
  expect((await answerOf(client)).text).toBe(events.join(''))
  for (const family of ['exchanges_open', 'exchanges_holding', 'held_bytes']) {
    await expectMetric(`weir_${family}`, 0)
  }
  await expectMetric('weir_heartbeats_total', client.text.match(/^:\n\n/gm)!.length)
})

test('what a guard service took and what it failed with are counted, by policy and guardrail', async () => {
  answers()
  expect((await ask('/forgiving/v1', asksForJson)).status).toBe(200)
  lakera.failNext({ kind: 'status', status: 401 })
  expect((await ask('/forgiving/v1', asksForJson)).status).toBe(200)
  const of = 'weir_guardrail_outcomes_total{policy="forgiving",guardrail="lakera",phase="request"'
  await expectMetric(`${of},outcome="clean",reason="none",detail="none"}`, 1)
  const failed = (await stack.weir.page('/metrics'))
    .split('\n')
    .filter(line => line.startsWith(`${of},outcome="failure"`))
  expect(failed).toEqual([expect.stringMatching(/,reason="(?!none)[a-z-]+",detail="[a-z0-9-]+"\} 1$/)])
  await expectMetric('weir_guardrail_duration_seconds_count{guardrail="lakera",phase="request"}', 2)
  const decided = 'weir_decisions_total{policy="forgiving",phase="request",effective="released"'
  await expectMetric(`${decided},reason="clean"}`, 1)
  await expectMetric(`${decided},reason="failed-open"}`, 1)
})

test('each window of a stream is counted', async () => {
  stack.upstream.respond({ headers: STREAM_TYPE, chunks: chatEvents('one ', 'two ', 'three') })
  const before = lakera.requests.length
  await ask('/windows/v1', asksForStream)
  expect(lakera.requests.length).toBeGreaterThan(before)
  await expectMetric('weir_window_chars_count', lakera.requests.length - before)
})

test('what an alert would have led to is counted beside what it did', async () => {
  answers()
  await ask('/shadow/v1', chatRequest('a secret'))
  const of = 'policy="shadow",phase="request"'
  await expectMetric(`weir_decisions_total{${of},effective="released",reason="alerted"}`, 1)
  await expectMetric(`weir_shadow_decisions_total{${of},setting="block",would="denied"}`, 1)
})

test('what nobody could judge is counted by why', async () => {
  answers()
  await ask('/other', asksForJson)
  await expectMetric('weir_unmatched_total', 1)
  const image = { type: 'image_url', image_url: { url: 'data:,' } }
  const asking = (content: readonly unknown[]) =>
    JSON.stringify({ model: 'm', messages: [{ role: 'user', content }] })
  await ask('/v1', asking([image]))
  await expectMetric('weir_unsupported_total', 1)
  await expectMetric('weir_uninspectable_total', 1)
  await ask('/v1', asking([{ type: 'text', text: 'look' }, image]))
  await expectMetric('weir_uninspectable_total', 2)
  expect(await stack.metric('weir_unsupported_total')).toBe(1)
})

test('the version of the config in force is shown, and it alone', async () => {
  const shown = async () => (await stack.weir.page('/metrics')).match(/^weir_snapshot_info\{.*$/gm)
  const { snapshot } = await stack.weir.logged('serving')
  expect(await shown()).toEqual([`weir_snapshot_info{version="${String(snapshot)}"} 1`])
  await appendFile(stack.weir.file, 'unmatched: deny\n')
  stack.weir.signal('SIGHUP')
  const { snapshot: next } = await stack.weir.logged('config reloaded')
  expect(next).not.toBe(snapshot)
  expect(await shown()).toEqual([`weir_snapshot_info{version="${String(next)}"} 1`])
})

test('an event loop that stood still shows as lag at the next scrape', async () => {
  await stack.weir.page('/metrics')
  // What is measured begins with the first timer after a scrape: the first stall lets that pass.
  for (const nth of [1, 2]) {
    stack.weir.signal('SIGUSR2')
    await stack.weir.logged('stall over', nth)
  }
  expect(await stack.metric('weir_event_loop_lag_seconds')).toBeGreaterThan(STALL_MS / 2 / 1000)
})
