import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Outcome, RemoteGuardrail } from '../../src/guardrail/guardrail.ts'
import { createGuardrail, guardrailConfigSchema } from '../../src/guardrail/registry.ts'
import { runRemoteScan } from '../../src/guardrail/run-scan.ts'
import { createHttpClient, type HttpClient } from '../../src/service/http-client.ts'
import { FLAG_MARKER, type LakeraStub, startLakeraStub } from '../support/lakera-stub.ts'
import { startToxiproxy, type Toxic, type ToxicProxy, type Toxiproxy } from '../support/toxiproxy.ts'
import { input } from '../unit/guardrail/segments.ts'
import { startRawServer } from '../unit/service/http-rig.ts'

const KEY = 'lakera-key-canary'

let toxiproxy: Toxiproxy
let http: HttpClient
let stub: LakeraStub
let proxy: ToxicProxy
let events: string[]
/** How far the clock of guardrails is ahead. */
let laterMs = 0

beforeAll(async () => {
  toxiproxy = await startToxiproxy()
})
afterAll(() => toxiproxy.stop())

beforeEach(async () => {
  laterMs = 0
  http = createHttpClient()
  stub = await startLakeraStub({ apiKey: KEY })
  proxy = await toxiproxy.open(new URL(stub.url).host)
  events = []
})
afterEach(async () => {
  await http.close()
  await stub.close()
})

/** The service behind the wire. */
function guardrailOf(config: object = {}): RemoteGuardrail {
  const parsed = guardrailConfigSchema.parse({
    kind: 'lakera',
    api_key: KEY,
    lakera_endpoint: `http://${proxy.address}/v2/guard`,
    ...config,
  })
  const guardrail = createGuardrail('guard', parsed, {
    connect: http.connect,
    clock: () => performance.now() + laterMs,
    random: () => 0,
    report: (_, event) => events.push(event),
    scrub: text => text,
  })
  if (guardrail.locality !== 'remote') throw new Error('the kind is remote')
  return guardrail
}

function scan(guardrail: RemoteGuardrail, text = 'hello'): Promise<Outcome> {
  const never = new AbortController().signal
  return runRemoteScan(guardrail, input(text), never, () => performance.now())
}

const clean = { kind: 'verdict', verdict: { kind: 'clean' } }
const flagged = { kind: 'verdict', verdict: { kind: 'flagged', findings: [{ detector: 'prompt_attack' }] } }
const failure = (reason: string, detail: string) => ({ kind: 'failure', reason, detail })

describe('a wire that is slow', () => {
  test.each<[string, Toxic]>([
    ['later', { type: 'latency', latency: 30, jitter: 20 }],
    ['a few KB a second', { type: 'bandwidth', rate: 5 }],
    ['in slices of a few bytes', { type: 'slicer', average_size: 7, size_variation: 5, delay: 100 }],
    ['that closes late', { type: 'slow_close', delay: 100 }],
  ])('brings the right verdict all the same: %s', async (_, toxic) => {
    for (const direction of ['upstream', 'downstream'] as const) await proxy.add(direction, toxic)
    const guardrail = guardrailOf()
    expect(await scan(guardrail)).toMatchObject(clean)
    expect(await scan(guardrail, `so ${FLAG_MARKER} it is`)).toMatchObject(flagged)
    expect(events).toEqual([])
  })

  test('past the first byte that is waited for is a timeout, asked twice, and none without it', async () => {
    const toxic = await proxy.add('downstream', { type: 'latency', latency: 60_000 })
    const guardrail = guardrailOf({ first_byte_timeout: 500 })
    expect(await scan(guardrail)).toMatchObject(failure('timeout', 'timeout-first-byte'))
    expect(stub.requests).toHaveLength(2)
    expect(events).toEqual(['retry'])
    await proxy.remove(toxic)
    expect(await scan(guardrail)).toMatchObject(clean)
  })

  test('past the deadline is a timeout', async () => {
    await proxy.add('downstream', { type: 'latency', latency: 60_000 })
    expect(await scan(guardrailOf({ timeout: 300 }))).toMatchObject(failure('timeout', 'timeout-first-byte'))
    expect(events).toEqual([])
  })

  test('within a long answer is a timeout of the whole', async () => {
    stub.failAlways({ kind: 'body', body: JSON.stringify({ flagged: false, pad: 'x'.repeat(100_000) }) })
    await proxy.add('downstream', { type: 'bandwidth', rate: 2 })
    expect(await scan(guardrailOf({ timeout: 1500 }))).toMatchObject(failure('timeout', 'timeout-total'))
  })

  test('to a request that never arrives is a timeout', async () => {
    await proxy.add('upstream', { type: 'timeout', timeout: 0 })
    expect(await scan(guardrailOf({ timeout: 300 }))).toMatchObject(failure('timeout', 'timeout-first-byte'))
    expect(stub.requests).toEqual([])
  })

  test('from which no answer ever comes is a timeout', async () => {
    await proxy.add('downstream', { type: 'timeout', timeout: 0 })
    expect(await scan(guardrailOf({ timeout: 300 }))).toMatchObject(failure('timeout', 'timeout-first-byte'))
    expect(stub.requests).toHaveLength(1)
  })
})

describe('a wire that breaks', () => {
  test.each<[string, Toxic, ReturnType<typeof failure>]>([
    [
      'before the answer, by a reset',
      { type: 'reset_peer', timeout: 0 },
      failure('unreachable', 'connection'),
    ],
    [
      'before the answer, by its close',
      { type: 'timeout', timeout: 50 },
      failure('unreachable', 'connection'),
    ],
    ['within the status line', { type: 'limit_data', bytes: 10 }, failure('unreachable', 'connection')],
    ['within the body', { type: 'limit_data', bytes: 350 }, failure('bad-response', 'truncated')],
  ])('%s is a failure, asked twice', async (_, toxic, expected) => {
    await proxy.add('downstream', toxic)
    for (const text of ['hello', FLAG_MARKER]) {
      const before = stub.requests.length
      events.length = 0
      expect(await scan(guardrailOf(), text)).toMatchObject(expected)
      expect(events).toEqual(['retry'])
      expect(stub.requests).toHaveLength(before + 2)
    }
  })

  test('within the body, by a reset, is a failure', async () => {
    const sockets: Socket[] = []
    const server = await startRawServer(socket => {
      sockets.push(socket)
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"flagged":')
    })
    const wire = await toxiproxy.open(`127.0.0.1:${server.port}`)
    // A reset comes with the next bytes after it was asked for: when the client has read the first ones.
    const onHeaders = (): void => {
      // At once: asking toxiproxy is a request as well.
      unsubscribe('undici:request:headers', onHeaders)
      wire.add('downstream', { type: 'reset_peer', timeout: 0 }).then(() => sockets[0]?.write('false'))
    }
    subscribe('undici:request:headers', onHeaders)
    const guardrail = guardrailOf({ lakera_endpoint: `http://${wire.address}/v2/guard`, retry: false })
    expect(await scan(guardrail)).toMatchObject(failure('bad-response', 'truncated'))
    await server.close()
  })

  test('on the way there, by a reset, is a failure, asked twice', async () => {
    await proxy.add('upstream', { type: 'reset_peer', timeout: 0 })
    expect(await scan(guardrailOf())).toMatchObject(failure('unreachable', 'connection'))
    expect(events).toEqual(['retry'])
  })

  test('once, under a connection that was kept, is mended by the second request', async () => {
    const guardrail = guardrailOf()
    expect(await scan(guardrail)).toMatchObject(clean)
    await proxy.takeDown()
    await proxy.bringUp()
    expect(await scan(guardrail, FLAG_MARKER)).toMatchObject(flagged)
  })
})

test('a service that is down opens the circuit; once it is up again, a trial closes it', async () => {
  const guardrail = guardrailOf({ circuit_breaker: { scans: 3, open_ms: 1000 } })
  await proxy.takeDown()
  for (let count = 0; count < 3; count++)
    expect(await scan(guardrail)).toMatchObject(failure('unreachable', 'connection'))
  expect(await scan(guardrail)).toMatchObject({ reason: 'circuit-open' })
  await proxy.bringUp()
  expect(await scan(guardrail)).toMatchObject({ reason: 'circuit-open' })
  expect(stub.requests).toEqual([])
  laterMs += 1000
  expect(await scan(guardrail, FLAG_MARKER)).toMatchObject(flagged)
  expect(await scan(guardrail)).toMatchObject(clean)
  expect(events.filter(event => event !== 'retry')).toEqual([
    'circuit-open',
    'circuit-half-open',
    'circuit-closed',
  ])
})
