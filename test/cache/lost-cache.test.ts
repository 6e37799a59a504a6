import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { RemoteGuardrail, Verdict } from '../../src/guardrail/guardrail.ts'
import { cached } from '../../src/verdict-cache/cached.ts'
import { createRedisStore } from '../../src/verdict-cache/redis-store.ts'
import { cacheKeys } from '../../src/verdict-cache/secret-key.ts'
import type { VerdictEvent } from '../../src/verdict-cache/verdict-lookup.ts'
import type { VerdictStore } from '../../src/verdict-cache/verdict-store.ts'
import { type RedisServer, startRedisServer } from '../support/redis-server.ts'
import { startToxiproxy, type ToxicProxy, type Toxiproxy } from '../support/toxiproxy.ts'
import { input } from '../unit/guardrail/segments.ts'
import { type StateWatch, watchState } from './state-watch.ts'

/** A guardrail whose cache server is behind a bad wire: whatever happens there, the scan has its verdict. */

const { seal, digest } = cacheKeys('the secret')
const never = new AbortController().signal
const FLAGGED: Verdict = { kind: 'flagged', findings: [{ detector: 'word' }] }
/** Far more than a lookup is waited for, and far less than what gives a connection up. */
const SLOW_MS = 300
/** A lookup on a good wire never takes this long, also on a busy machine. */
const LOOKUP_MS = 5000

let server: RedisServer
let toxiproxy: Toxiproxy
let wire: ToxicProxy
let store: VerdictStore
let state: StateWatch

beforeAll(async () => {
  ;[server, toxiproxy] = await Promise.all([startRedisServer(), startToxiproxy()])
})

afterAll(async () => {
  await Promise.all([server.stop(), toxiproxy.stop()])
})

beforeEach(async () => {
  wire = await toxiproxy.open(server.address)
  state = watchState()
})

afterEach(() => store.close())

async function openStore(timeouts = { commandTimeoutMs: 30_000, connectTimeoutMs: 30_000 }): Promise<void> {
  const url = `redis://${wire.address}`
  const backoff = { minBackoffMs: 5, maxBackoffMs: 20 }
  store = createRedisStore({
    url,
    ttlMs: 60_000,
    seal,
    report: state.report,
    ...timeouts,
    ...backoff,
  })
  await state.until('connected')
}

/** Scans a text, and says what the cache had and how often the service was asked. */
async function scan(text: string, lookupMs = LOOKUP_MS) {
  const events: VerdictEvent[] = []
  let asked = 0
  const guardrail: RemoteGuardrail = {
    name: 'guard',
    locality: 'remote',
    timeoutMs: 10_000,
    async scan() {
      asked += 1
      return FLAGGED
    },
  }
  const report = (event: VerdictEvent) => void events.push(event)
  const guard = cached(guardrail, { store, digest, configVersion: 'v1', report, lookupMs })
  const verdict = await guard.scan(input(text), never)
  expect(verdict).toEqual(FLAGGED)
  return { events, asked }
}

const HIT = { events: ['hit'], asked: 0 }
const MISS = { events: ['miss'], asked: 1 }
const ERROR = { events: ['error'], asked: 1 }

/** The second scan shows that the first one's verdict has arrived: it is written in the background. */
async function remember(text: string): Promise<void> {
  expect(await scan(text)).toEqual(MISS)
  expect(await scan(text)).toEqual(HIT)
}

test('a good wire: the same scan twice costs one call', async () => {
  await openStore()
  await remember('good')
})

test('a slow server is a miss, and a hit again when it is quick', async () => {
  await openStore()
  await remember('slow')
  const latency = await wire.add('downstream', { type: 'latency', latency: SLOW_MS })
  expect(await scan('slow', 50)).toEqual(ERROR)
  await wire.remove(latency)
  expect(await scan('slow')).toEqual(HIT)
  expect(state.changes).toEqual(['connected'])
})

test('a connection that is reset is a miss, and a hit again when it is back', async () => {
  await openStore()
  await remember('reset')
  const reset = await wire.add('downstream', { type: 'reset_peer', timeout: 0 })
  expect(await scan('reset')).toEqual(ERROR)
  await state.until('lost')
  await wire.remove(reset)
  await state.until('connected')
  expect(await scan('reset')).toEqual(HIT)
})

test('an answer that is cut off is a miss', async () => {
  await openStore()
  await remember('cut')
  const cut = await wire.add('downstream', { type: 'limit_data', bytes: 3 })
  expect(await scan('cut')).toEqual(ERROR)
  await state.until('lost')
  await wire.remove(cut)
  await state.until('connected')
  expect(await scan('cut')).toEqual(HIT)
})

test('a server that says nothing any more is a miss; the connection is given up and made anew', async () => {
  await openStore({ commandTimeoutMs: 1000, connectTimeoutMs: 3000 })
  await remember('mute')
  const mute = await wire.add('downstream', { type: 'timeout', timeout: 0 })
  expect(await scan('mute')).toEqual(ERROR)
  await state.until('lost')
  expect(state.changes).toEqual(['connected', 'lost TIMEOUT'])
  await wire.remove(mute)
  await state.until('connected')
  expect(await scan('mute')).toEqual(HIT)
})

test('a server that is down is a miss, and a hit again when it is back', async () => {
  await openStore()
  await remember('down')
  await wire.takeDown()
  await state.until('lost')
  expect(await scan('down')).toEqual(ERROR)
  await wire.bringUp()
  await state.until('connected')
  expect(await scan('down')).toEqual(HIT)
  expect(state.changes.map(change => change.split(' ')[0])).toEqual(['connected', 'lost', 'connected'])
})

test('commands that pile up are refused, and end with the store', async () => {
  await openStore()
  await wire.add('downstream', { type: 'timeout', timeout: 0 })
  const lookups = Array.from({ length: 2048 }, (_, index) => store.get(digest(String(index)), never))
  const ends = Promise.allSettled(lookups)
  await expect(store.get(digest('more'), never)).rejects.toThrow('too many commands are under way')
  await store.close()
  expect(new Set((await ends).map(({ status }) => status))).toEqual(new Set(['rejected']))
})
