import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { type Bootstrap, clusterOf } from '../support/bootstrap.ts'
import { chatCompletion, chatEvents, chatRequest } from '../support/chat.ts'
import type { RawExchange } from '../support/raw-client.ts'
import { STREAM_TYPE } from '../support/stream-events.ts'
import { gate } from '../support/upstream.ts'
import { fault, faultCases } from './fault.ts'
import { answerOf, type Seen, type ServedOptions, type ServedStack, startServed } from './served-stack.ts'

const BUDGET_BYTES = 1_048_576
const REFUSAL = 'Response blocked by policy'
const SAID = 'exchanges over budget: server.max_bytes are in memory'

/** A guard service that finds nothing, and says so when the test lets it. */
interface HeldGuard {
  readonly url: string
  readonly asked: number
  answer(): void
  close(): void
}

async function startHeldGuard(): Promise<HeldGuard> {
  const answers = gate()
  let asked = 0
  const server = http.createServer((request, response) => {
    request.resume().on('end', async () => {
      asked += 1
      await answers.opened
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"flagged":false}')
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/`,
    get asked() {
      return asked
    },
    answer: answers.open,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

let guard: HeldGuard
let stack: ServedStack
afterEach(async () => {
  await stack.stop()
  guard.close()
})

async function start(
  direction: 'input' | 'output',
  { failOpen, ...options }: ServedOptions & { readonly failOpen?: boolean } = {},
): Promise<void> {
  guard = await startHeldGuard()
  const service = `kind: webhook, dialect: generic, max_chars: 1000000, timeout: 60000, max_concurrent: 1000`
  const config = `
server: { max_bytes: ${BUDGET_BYTES} }
guardrails: { guard: { ${service}, url: "${guard.url}" } }
policies:
  - name: all
    guardrails: [{ use: guard, direction: ${direction}, fail_open: ${failOpen ?? false} }]
    stream: { delivery: withhold, heartbeat_ms: 600000, max_held_bytes: ${BUDGET_BYTES} }
`
  stack = await startServed(config, options)
}

/** What the clients got so far. */
function watched(clients: readonly RawExchange[]): { readonly all: Promise<Seen[]>; readonly seen: Seen[] } {
  const seen: Seen[] = []
  const all = clients.map(async client => {
    const answer = await answerOf(client)
    seen.push(answer)
    return answer
  })
  return { all: Promise.all(all), seen }
}

async function expectNothingKept(): Promise<void> {
  await vi.waitUntil(async () => (await stack.metric('weir_exchanges_open')) === 0)
  expect(await stack.metric('weir_held_bytes')).toBe(0)
}

const CLIENTS = 16
const PROMPT = 'x'.repeat(200 * 1024)
/** So many of them. */
const FIT = 5
const wideBuffers = (bootstrap: Bootstrap): void => {
  bootstrap.static_resources.listeners[0].per_connection_buffer_limit_bytes = 4 * 1_048_576
  clusterOf(bootstrap, 'llm').per_connection_buffer_limit_bytes = 4 * 1_048_576
}

faultCases(
  {
    fault: 'many large requests wait for a guard service that hangs, past `server.max_bytes`',
    client: 'those that there is no room for: 503 with an API error, at once; the others: their answers',
    log: '`exchanges over budget`, once a minute; `weir_over_budget_total`; `decision` with reason `over-budget`',
    kept: 'no request that was not judged reaches the LLM; memory stays bounded, and is free again afterwards',
  },
  () => {
    test.each([
      ['full-duplex', false],
      ['full-duplex', true],
      ['streamed', false],
      ['buffered', false],
      ['buffered', true],
    ] as const)('%s, clients stream: %s', async (mode, stream) => {
      await start('input', { mode, overrides: wideBuffers })
      const whole = stream ? chatEvents('fine').join('') : chatCompletion('fine')
      const headers = stream ? STREAM_TYPE : { 'content-type': 'application/json' }
      stack.upstream.respond({ headers, chunks: [whole] })
      const ask = (): RawExchange => stack.chat(chatRequest(PROMPT, { stream }))
      const { all, seen } = watched(Array.from({ length: CLIENTS }, ask))
      await vi.waitUntil(() => guard.asked + seen.length >= CLIENTS, { interval: 20, timeout: 20_000 })
      const refused = seen.length
      expect(refused).toBeGreaterThan(0)
      expect(guard.asked).toBeGreaterThan(0)
      for (const one of seen) {
        expect([one.status, one.ended]).toEqual([503, 'complete'])
        expect(JSON.parse(one.text)).toMatchObject({ error: { code: 'unavailable' } })
      }
      expect(stack.upstream.requests).toHaveLength(0)
      expect(await stack.metric('weir_held_bytes')).toBeLessThanOrEqual(BUDGET_BYTES * 1.25)
      guard.answer()
      const served = (await all).filter(({ status }) => status === 200)
      expect(served).toHaveLength(CLIENTS - refused)
      for (const one of served) expect(one.text).toBe(whole)
      expect(await stack.metric('weir_over_budget_total')).toBe(refused)
      expect(await stack.metric('weir_budget_bytes')).toBe(BUDGET_BYTES)
      expect(stack.weir.lines.filter(({ msg }) => msg === SAID)).toHaveLength(1)
      await expectNothingKept()
      expect((await answerOf(ask())).text).toBe(whole)
    })
  },
)

fault(
  {
    fault: 'the same, and the rule forgives failures',
    client: 'all: their answers; those that there is no room for do not wait for the guard service',
    log: '`decision` with `failed-open` and reason `over-budget`; `weir_over_budget_total`',
    kept: 'every request reaches the LLM whole',
  },
  async () => {
    await start('input', { failOpen: true })
    stack.upstream.respond({
      headers: { 'content-type': 'application/json' },
      chunks: [chatCompletion('fine')],
    })
    const body = chatRequest(PROMPT)
    const first: RawExchange[] = []
    for (let count = 1; count <= FIT; count++) {
      first.push(stack.chat(body))
      await vi.waitUntil(() => guard.asked === count, { interval: 5 })
    }
    const whole = { status: 200, text: chatCompletion('fine'), ended: 'complete' }
    for (let count = 0; count < 4; count++) expect(await answerOf(stack.chat(body))).toEqual(whole)
    guard.answer()
    for (const client of first) expect(await answerOf(client)).toEqual(whole)
    for (const request of stack.upstream.requests) expect(String(await request.complete)).toBe(body)
    const forgiven = stack.weir.lines.filter(({ because }) => because === 'failed-open')
    expect(forgiven).toHaveLength(4)
    await expectNothingKept()
  },
)

const STREAMS = 200

fault(
  {
    fault: 'more streams are held back under a slow guard service than `server.max_bytes` has room for',
    client:
      'those that there is room for: all of it; the others: what was judged, then the refusal and the end in-band',
    log: '`exchanges over budget`; `decision` with `denied`, `failed-closed` and reason `over-budget`',
    kept: 'no byte comes out that was not judged; no stream hangs; memory stays bounded',
  },
  async () => {
    await start('output')
    const events = chatEvents(...Array.from({ length: 80 }, () => 'word '.repeat(20)))
    const whole = events.join('')
    stack.upstream.respond({ headers: STREAM_TYPE, chunks: events })
    const ask = (): RawExchange => stack.chat(chatRequest('hello', { stream: true }))
    const { all, seen } = watched(Array.from({ length: STREAMS }, ask))
    await vi.waitUntil(() => guard.asked + seen.length >= STREAMS, { interval: 20, timeout: 20_000 })
    expect(await stack.metric('weir_held_bytes')).toBeLessThanOrEqual(BUDGET_BYTES * 1.25)
    guard.answer()
    const answers = await all
    const refused = answers.filter(({ text }) => text.includes(REFUSAL))
    expect(refused.length).toBeGreaterThan(0)
    expect(refused.length).toBeLessThan(STREAMS)
    for (const { status, text, ended } of answers) {
      expect([status, ended]).toEqual([200, 'complete'])
      expect(text.endsWith('data: [DONE]\n\n')).toBe(true)
      if (!text.includes(REFUSAL)) expect(text).toBe(whole)
    }
    await expectNothingKept()
  },
)
