import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Outcome, RemoteGuardrail } from '../../../src/guardrail/guardrail.ts'
import { createGuardrail, guardrailConfigSchema } from '../../../src/guardrail/registry.ts'
import { runRemoteScan } from '../../../src/guardrail/run-scan.ts'
import type { GuardrailDeps } from '../../../src/service/ask-service.ts'
import type { HttpClient, ServiceAccess } from '../../../src/service/http-client.ts'
import { createHttpClient } from '../../../src/service/http-client.ts'
import { FLAG_MARKER, type LakeraStub, startLakeraStub } from '../../support/lakera-stub.ts'
import { input } from '../guardrail/segments.ts'
import { deadline, startSilentServer } from './http-rig.ts'

const KEY = 'lakera-key-canary'
const NEVER = new AbortController().signal

let http: HttpClient
let stub: LakeraStub
let events: string[]
/** How far the clock of guardrails is ahead. */
let laterMs = 0

beforeEach(async () => {
  laterMs = 0
  http = createHttpClient()
  stub = await startLakeraStub({ apiKey: KEY })
  events = []
})

afterEach(async () => {
  vi.useRealTimers()
  await http.close()
  await stub.close()
})

function guardrailOf(config: object, connect: GuardrailDeps['connect'] = http.connect): RemoteGuardrail {
  const parsed = guardrailConfigSchema.parse({
    kind: 'lakera',
    api_key: KEY,
    lakera_endpoint: stub.url,
    ...config,
  })
  const guardrail = createGuardrail('guard', parsed, {
    connect,
    clock: () => performance.now() + laterMs,
    random: () => 0,
    report: (name, event) => events.push(`${name} ${event}`),
    scrub: text => text.replaceAll(KEY, '***'),
  })
  if (guardrail.locality !== 'remote') throw new Error('the kind is remote')
  return guardrail
}

function scan(guardrail: RemoteGuardrail, text = 'hello', signal = NEVER): Promise<Outcome> {
  return runRemoteScan(guardrail, input(text), signal, () => performance.now())
}

const clean = { kind: 'verdict', verdict: { kind: 'clean' } }
const down = { kind: 'status', status: 503 } as const

describe('the way to a service', () => {
  test.each<[object, Partial<ServiceAccess>]>([
    [
      {},
      { tls: 'verified', plaintext: 'private-only', connectTimeoutMs: 2000, firstByteTimeoutMs: undefined },
    ],
    [{ ssl_verify: false }, { tls: 'unverified', plaintext: 'private-only' }],
    [{ allow_plaintext: true }, { tls: 'verified', plaintext: 'public-too' }],
    [
      { connect_timeout: 7, first_byte_timeout: 9 },
      { connectTimeoutMs: 7, firstByteTimeoutMs: 9 },
    ],
  ])('is as %j says', (config, access) => {
    const asked: ServiceAccess[] = []
    guardrailOf(config, given => {
      asked.push(given)
      return http.connect(given)
    })
    expect(asked).toEqual([expect.objectContaining(access)])
  })

  test('is given up as connect_timeout says, once again, and in time for the deadline', async () => {
    const silent = await startSilentServer()
    const guardrail = guardrailOf({
      lakera_endpoint: `https://127.0.0.1:${silent.port}/v2/guard`,
      connect_timeout: 20,
    })
    expect(await scan(guardrail)).toMatchObject({ reason: 'timeout', detail: 'timeout-connect' })
    expect(events).toEqual(['guard retry'])
    await silent.close()
  })
})

describe('retry', () => {
  test('asks a second time after a failure of the moment', async () => {
    stub.failNext(down)
    expect(await scan(guardrailOf({}))).toMatchObject(clean)
    expect(stub.requests).toHaveLength(2)
    expect(stub.requests[1]).toEqual(stub.requests[0])
    expect(events).toEqual(['guard retry'])
  })

  test('brings home what the second answer says', async () => {
    stub.failNext({ kind: 'reset' })
    expect(await scan(guardrailOf({}), FLAG_MARKER)).toMatchObject({ verdict: { kind: 'flagged' } })
  })

  test('is once', async () => {
    stub.failAlways(down)
    const outcome = await scan(guardrailOf({}))
    expect(outcome).toMatchObject({ kind: 'failure', reason: 'bad-response', detail: 'status-5xx' })
    expect(stub.requests).toHaveLength(2)
  })

  test('can be off', async () => {
    stub.failNext(down)
    expect(await scan(guardrailOf({ retry: false }))).toMatchObject({ detail: 'status-5xx' })
    expect(stub.requests).toHaveLength(1)
    expect(events).toEqual([])
  })

  test('comes when the first byte is late', async () => {
    stub.failNext({ kind: 'hang' })
    expect(await scan(guardrailOf({ first_byte_timeout: 500 }))).toMatchObject(clean)
    expect(stub.requests).toHaveLength(2)
  })

  test('comes after the pause of a 429, which is not learnt as one then', async () => {
    stub.failNext({ kind: 'status', status: 429, retryAfterSec: 0 })
    expect(await scan(guardrailOf({}))).toMatchObject(clean)
    expect(events).toEqual(['guard retry'])
  })

  test('has no deadline of its own: one bounds both', async () => {
    stub.failNext(down)
    stub.failNext({ kind: 'hang' })
    const outcome = await scan(guardrailOf({ timeout: 800 }))
    expect(outcome).toMatchObject({ kind: 'failure', reason: 'timeout', detail: 'timeout-first-byte' })
    expect(stub.requests).toHaveLength(2)
    await stub.hungUp
  })
})

describe('hedge', () => {
  test('asks a second time while the first is slow; the loser is hung up on', async () => {
    const guardrail = guardrailOf({ hedge: true })
    for (let round = 0; round < 20; round++) await scan(guardrail)
    // A slow machine may hedge one of these as well.
    const before = stub.requests.length
    const gate = Promise.withResolvers<void>()
    stub.failNext({ kind: 'gate', until: gate.promise })
    expect(await scan(guardrail)).toMatchObject(clean)
    expect(stub.requests).toHaveLength(before + 2)
    await stub.hungUp
    gate.resolve()
    expect(events.at(-1)).toBe('guard hedge')
  })
})

describe('max_concurrent and max_queued', () => {
  test('bound what is asked and what waits', async () => {
    const guardrail = guardrailOf({ max_concurrent: 1, max_queued: 1 })
    const gate = Promise.withResolvers<void>()
    stub.failNext({ kind: 'gate', until: gate.promise })
    const first = scan(guardrail)
    await stub.waitForRequests(1)
    const second = scan(guardrail)
    expect(await scan(guardrail)).toMatchObject({ kind: 'failure', reason: 'overloaded' })
    gate.resolve()
    expect(await Promise.all([first, second])).toMatchObject([clean, clean])
    expect(stub.requests).toHaveLength(2)
    expect(events).toEqual(['guard queue-full'])
  })

  test('are of one guardrail: another one is asked', async () => {
    const [busy, idle] = [guardrailOf({ max_concurrent: 1 }), guardrailOf({ max_concurrent: 1 })]
    stub.failNext({ kind: 'hang' })
    const abort = new AbortController()
    const hangs = scan(busy, 'hello', abort.signal)
    await stub.waitForRequests(1)
    expect(await scan(idle)).toMatchObject(clean)
    abort.abort()
    expect(await hangs).toMatchObject({ reason: 'cancelled' })
  })

  test('keep nothing waiting past its deadline', async () => {
    const guardrail = guardrailOf({ max_concurrent: 1 })
    stub.failNext({ kind: 'hang' })
    const abort = new AbortController()
    const hangs = scan(guardrail, 'hello', abort.signal)
    await stub.waitForRequests(1)
    const late = deadline()
    const waits = guardrail.scan(input('hello'), late.signal)
    late.pass()
    await expect(waits).rejects.toMatchObject({ reason: 'timeout', detail: 'timeout-total' })
    abort.abort()
    await hangs
    expect(await scan(guardrail)).toMatchObject(clean)
    expect(stub.requests).toHaveLength(2)
  })
})

test('a long pause that the service asks for is kept: nothing is asked meanwhile', async () => {
  const guardrail = guardrailOf({})
  stub.failNext({ kind: 'status', status: 429, retryAfterSec: 7 })
  expect(await scan(guardrail)).toMatchObject({ reason: 'rate-limited', detail: 'status-4xx' })
  expect(await scan(guardrail)).toMatchObject({ reason: 'rate-limited', detail: 'paused' })
  expect(stub.requests).toHaveLength(1)
  expect(events).toEqual(['guard paused'])
})

describe('circuit_breaker', () => {
  const config = { retry: false, circuit_breaker: { failure_ratio: 0.5, scans: 2, open_ms: 5000 } }

  test('spares a service that is down, tries it again, and trusts its answer', async () => {
    const guardrail = guardrailOf(config)
    stub.failAlways(down)
    for (let count = 0; count < 2; count++)
      expect(await scan(guardrail)).toMatchObject({ detail: 'status-5xx' })
    expect(await scan(guardrail)).toMatchObject({ kind: 'failure', reason: 'circuit-open' })
    expect(stub.requests).toHaveLength(2)
    stub.failAlways(undefined)
    expect(await scan(guardrail)).toMatchObject({ reason: 'circuit-open' })
    laterMs += 5000
    expect(await scan(guardrail, FLAG_MARKER)).toMatchObject({ verdict: { kind: 'flagged' } })
    expect(await scan(guardrail)).toMatchObject(clean)
    expect(events).toEqual(['guard circuit-open', 'guard circuit-half-open', 'guard circuit-closed'])
  })

  test('counts scans, not requests, and deadlines among the failures', async () => {
    const guardrail = guardrailOf({ ...config, retry: true, timeout: 400 })
    stub.failNext(down)
    stub.failNext({ kind: 'hang' })
    expect(await scan(guardrail)).toMatchObject({ reason: 'timeout' })
    expect(events).toEqual(['guard retry'])
    stub.failNext({ kind: 'hang' })
    expect(await scan(guardrail)).toMatchObject({ reason: 'timeout' })
    await vi.waitUntil(() => events.length > 1)
    expect(events).toEqual(['guard retry', 'guard circuit-open'])
  })

  test.each([0, 1])('may have the ratio %i', async failure_ratio => {
    const guardrail = guardrailOf({ ...config, circuit_breaker: { failure_ratio, scans: 1 } })
    stub.failAlways(down)
    await scan(guardrail)
    expect(await scan(guardrail)).toMatchObject({
      reason: failure_ratio === 0 ? 'circuit-open' : 'bad-response',
    })
  })
})

test('what the service names holds no secret: detectors, levels, the id of the check', async () => {
  const named = { detector_type: `named-${KEY}`, detected: true, result: `sure-${KEY}` }
  const metadata = { request_uuid: KEY }
  stub.failNext({ kind: 'body', body: JSON.stringify({ flagged: true, breakdown: [named], metadata }) })
  expect(await scan(guardrailOf({}))).toMatchObject({
    verdict: {
      findings: [{ detector: 'named-***', level: 'sure-***' }],
      breakdown: [{ detector: 'named-***', level: 'sure-***' }],
      requestId: '***',
    },
  })
  stub.failNext({ kind: 'body', body: JSON.stringify({ flagged: false, metadata }) })
  expect(await scan(guardrailOf({}))).toMatchObject({ verdict: { kind: 'clean', requestId: '***' } })
})
