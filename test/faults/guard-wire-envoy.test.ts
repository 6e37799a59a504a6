import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Snapshot } from '../../src/config/snapshot.ts'
import { chatCompletion, chatEvents, chatRequest, readChatStream } from '../support/chat.ts'
import { snapshotOf } from '../support/config.ts'
import { FLAG_MARKER, type LakeraStub, startLakeraStub } from '../support/lakera-stub.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { startToxiproxy, type Toxic, type ToxicProxy, type Toxiproxy } from '../support/toxiproxy.ts'
import { fault, faultCases } from './fault.ts'

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
async function ask(stream: boolean, question = 'hello'): Promise<string> {
  const bytes = Buffer.from(await (await stack.chat(chatRequest(question, { stream }))).arrayBuffer())
  if (stream) return readChatStream(bytes).text
  return JSON.parse(bytes.toString()).choices[0].message.content
}

const cases = ['input', 'output'].flatMap(direction =>
  [false, true].flatMap(stream => [false, true].map(failOpen => ({ direction, stream, failOpen }))),
)

/** A wire that does this to answers, which is such a failure to Weir: it takes that long at most. */
function failsAll(toxic: Toxic, reason: string, timeout: number): void {
  test.each(cases)('%j', async ({ direction, stream, failOpen }) => {
    await wire.add('downstream', toxic)
    await use(`direction: ${direction}, fail_open: ${failOpen}`, `, timeout: ${timeout}`)
    const asked = stack.upstream.requests.length
    const side = direction === 'input' ? 'request' : 'response'
    const refusal = direction === 'input' ? 'Request blocked by policy' : 'Response blocked by policy'
    expect(await ask(stream)).toBe(failOpen ? TEXT : refusal)
    const record = await stack.weir.telemetry.decided(side)
    expect(record.effective).toBe(failOpen ? 'released' : 'denied')
    expect(record.because).toBe(failOpen ? 'failed-open' : 'failed-closed')
    expect(record.rules).toMatchObject([{ guardrail: 'lakera', reason }])
    // The outcome itself tells a timeout; of all else the log has the cause.
    expect(stack.weir.telemetry.faults).toHaveLength(reason === 'timeout' ? 0 : 1)
    const reaches = direction === 'output' || failOpen ? 1 : 0
    expect(stack.upstream.requests).toHaveLength(asked + reaches)
  })
}

faultCases(
  {
    fault: 'the wire to a guard service resets connections',
    client: 'the refusal; with `fail_open` its answer',
    log: '`guardrail failed`, `unreachable`; `decision` with `failed-closed` or `failed-open`',
    kept: 'what no verdict cleared passes only by `fail_open`, counted',
  },
  () => failsAll({ type: 'reset_peer', timeout: 0 }, 'unreachable', 5000),
)

faultCases(
  {
    fault: 'the wire to a guard service cuts answers',
    client: 'the refusal; with `fail_open` its answer',
    log: '`guardrail failed`, `bad-response`; `decision` with `failed-closed` or `failed-open`',
    kept: 'half a verdict is none',
  },
  () => failsAll({ type: 'limit_data', bytes: 350 }, 'bad-response', 5000),
)

faultCases(
  {
    fault: 'the wire to a guard service swallows answers, or the service hangs',
    client: 'after `timeout` the refusal; with `fail_open` its answer',
    log: '`decision` with `failed-closed` or `failed-open`, the rule with `timeout`',
    kept: 'no client hangs for a guard service',
  },
  () => failsAll({ type: 'timeout', timeout: 0 }, 'timeout', 300),
)

faultCases(
  {
    fault: 'the wire to a guard service is slow, or slices answers, within `timeout`',
    client: 'the answer, or the refusal of what is flagged, later; `fail_open` changes neither',
    log: 'a `decision` as ever',
    kept: 'slow is no failure, and `fail_open` forgives nothing that was flagged',
  },
  () => {
    const slow: [string, Toxic][] = [
      ['later', { type: 'latency', latency: 60, jitter: 20 }],
      ['in slices', { type: 'slicer', average_size: 5, size_variation: 3, delay: 10 }],
    ]
    const ways = slow.flatMap(([how, toxic]) => [false, true].map(failOpen => ({ how, toxic, failOpen })))
    test.each(ways)('$how, fail_open: $failOpen', async ({ toxic, failOpen }) => {
      for (const direction of ['upstream', 'downstream'] as const) await wire.add(direction, toxic)
      await use(`direction: both, fail_open: ${failOpen}`)
      for (const stream of [false, true]) {
        expect(await ask(stream)).toBe(TEXT)
        expect(await ask(stream, `so ${FLAG_MARKER} it is`)).toBe('Request blocked by policy')
      }
      const { records } = stack.weir.telemetry
      expect(records.map(({ because }) => because)).toEqual([
        'clean',
        'clean',
        'flagged',
        'clean',
        'clean',
        'flagged',
      ])
    })
  },
)

fault(
  {
    fault: 'the wire to a guard service is down, and up again',
    client: 'refusals meanwhile, answers afterwards',
    log: '`guardrail failed`, `unreachable`; `decision` with `failed-closed`',
    kept: 'the LLM is not asked meanwhile',
  },
  async () => {
    await use('direction: input', ', circuit_breaker: { scans: 2, open_ms: 1 }')
    await wire.takeDown()
    const asked = stack.upstream.requests.length
    for (let count = 0; count < 3; count++) expect(await ask(false)).toBe('Request blocked by policy')
    expect(stack.upstream.requests).toHaveLength(asked)
    await wire.bringUp()
    // The circuit, if it is open still, lets one try after a millisecond.
    expect(await ask(false)).toBe(TEXT)
  },
)
