import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Snapshot } from '../../src/config/snapshot.ts'
import { chatCompletion, chatEvents, chatRequest, readChatStream } from '../support/chat.ts'
import { snapshotOf } from '../support/config.ts'
import { type LakeraStub, startLakeraStub } from '../support/lakera-stub.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { startToxiproxy, type Toxic, type ToxicProxy, type Toxiproxy } from '../support/toxiproxy.ts'

const KEY = 'lakera-key-canary'
const TEXT = 'an answer of the model'

let stack: Stack
let toxiproxy: Toxiproxy
let lakera: LakeraStub
let wire: ToxicProxy
let snapshot: Snapshot | undefined

beforeAll(async () => {
  ;[stack, toxiproxy] = await Promise.all([startStack('full-duplex'), startToxiproxy()])
  stack.upstream.respond(async (request, reply) => {
    const asked: { stream?: boolean } = JSON.parse((await request.complete).toString())
    reply.head(200, { 'content-type': asked.stream ? 'text/event-stream' : 'application/json' })
    for (const chunk of asked.stream ? chatEvents(TEXT) : [chatCompletion(TEXT)]) await reply.send(chunk)
    reply.end()
  })
})
beforeEach(async () => {
  lakera = await startLakeraStub({ apiKey: KEY })
  wire = await toxiproxy.open(new URL(lakera.url).host)
})
afterEach(async () => {
  await snapshot?.close()
  await lakera.close()
})
afterAll(async () => {
  await stack.stop()
  await toxiproxy.stop()
})

async function use(rule: string, more = ''): Promise<void> {
  const text = `
guardrails:
  lakera: { kind: lakera, api_key: $env://KEY, lakera_endpoint: "http://${wire.address}/v2/guard"${more} }
policies: [{ name: chat, guardrails: [{ use: lakera, ${rule} }] }]
`
  snapshot = await snapshotOf(text, { KEY })
  stack.use(snapshot.policySet)
}

/** What the client reads, to its end. */
async function ask(stream: boolean): Promise<string> {
  const bytes = Buffer.from(await (await stack.chat(chatRequest('hello', { stream }))).arrayBuffer())
  if (stream) return readChatStream(bytes).text
  return JSON.parse(bytes.toString()).choices[0].message.content
}

/** What is done to the wire, what that is to Weir, and the deadline that it takes. */
const faults: [string, Toxic, string, number][] = [
  ['resets connections', { type: 'reset_peer', timeout: 0 }, 'unreachable', 5000],
  ['cuts answers', { type: 'limit_data', bytes: 350 }, 'bad-response', 5000],
  ['swallows answers', { type: 'timeout', timeout: 0 }, 'timeout', 300],
]

describe.each(faults)('a wire to the guard service that %s', (_, toxic, reason, timeout) => {
  const cases = ['input', 'output'].flatMap(direction =>
    [false, true].flatMap(stream => [false, true].map(failOpen => ({ direction, stream, failOpen }))),
  )
  test.each(cases)('leaves no client without its answer: %j', async ({ direction, stream, failOpen }) => {
    await wire.add('downstream', toxic)
    await use(`direction: ${direction}, fail_open: ${failOpen}`, `, timeout: ${timeout}`)
    const side = direction === 'input' ? 'request' : 'response'
    const refusal = direction === 'input' ? 'Request blocked by policy' : 'Response blocked by policy'
    expect(await ask(stream)).toBe(failOpen ? TEXT : refusal)
    const record = await stack.weir.telemetry.decided(side)
    expect(record.effective).toBe(failOpen ? 'released' : 'denied')
    expect(record.because).toBe(failOpen ? 'failed-open' : 'failed-closed')
    expect(record.rules).toMatchObject([{ guardrail: 'lakera', reason }])
  })
})

test('a wire that is down and up again: clients are refused meanwhile, and served afterwards', async () => {
  await use('direction: input', ', circuit_breaker: { scans: 2, open_ms: 1 }')
  await wire.takeDown()
  for (let count = 0; count < 3; count++) expect(await ask(false)).toBe('Request blocked by policy')
  await wire.bringUp()
  // The circuit, if it is open still, lets one try after a millisecond.
  expect(await ask(false)).toBe(TEXT)
})
