import { createHook } from 'node:async_hooks'
import { once } from 'node:events'
import net from 'node:net'
import { createClient } from '@redis/client'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Verdict } from '../../src/guardrail/guardrail.ts'
import type { ResolveAll } from '../../src/service/egress.ts'
import { createRedisStore, type RedisStoreOptions } from '../../src/verdict-cache/redis-store.ts'
import { sealVerdict } from '../../src/verdict-cache/sealed.ts'
import { cacheKeys } from '../../src/verdict-cache/secret-key.ts'
import type { VerdictStore } from '../../src/verdict-cache/verdict-store.ts'
import { freePort } from '../support/program.ts'
import { type RedisServer, startRedisServer } from '../support/redis-server.ts'
import { selfSigned } from '../unit/guardrail/self-signed.ts'
import { type StateWatch, watchState } from './state-watch.ts'

const { seal, digest } = cacheKeys('the secret')
const signal = new AbortController().signal
const CLEAN: Verdict = { kind: 'clean', requestId: 'check' }
const FLAGGED: Verdict = {
  kind: 'flagged',
  findings: [{ detector: 'pii/email', score: 0.9, level: 'l1', span: { segment: 0, start: 1, end: 3 } }],
}
const TTL_MS = 60_000

let server: RedisServer
let raw: ReturnType<typeof createClient>
const stores: VerdictStore[] = []
const servers: RedisServer[] = []

beforeAll(async () => {
  server = await startRedisServer()
  raw = createClient({ url: `redis://${server.address}` })
  raw.on('error', () => {})
  await raw.connect()
})

afterEach(async () => {
  vi.unstubAllEnvs()
  await Promise.all(stores.splice(0).map(store => store.close()))
  await Promise.all(servers.splice(0).map(one => one.stop()))
  if (raw.isReady) await raw.sendCommand(['FLUSHALL'])
})

afterAll(async () => {
  raw.destroy()
  await server.stop()
})

interface Opened {
  readonly store: VerdictStore
  readonly state: StateWatch
  readonly get: (key: string) => Promise<Verdict | undefined>
}

function open(options: Partial<RedisStoreOptions> = {}): Opened {
  const state = watchState()
  const url = `redis://${server.address}`
  const quick = { minBackoffMs: 5, maxBackoffMs: 20, commandTimeoutMs: 5000 }
  const store = createRedisStore({ url, ttlMs: TTL_MS, seal, report: state.report, ...quick, ...options })
  stores.push(store)
  return { store, state, get: key => store.get(key, signal) }
}

async function connected(options: Partial<RedisStoreOptions> = {}): Promise<Opened> {
  const opened = open(options)
  await opened.state.until('connected')
  return opened
}

async function start(options: Parameters<typeof startRedisServer>[0]): Promise<RedisServer> {
  const one = await startRedisServer(options)
  servers.push(one)
  return one
}

const stored = (key: string) => `weir:verdict:${key}`

describe('a store on a real server', () => {
  test('gives back what it was given, to every replica with the same secret', async () => {
    const { store, get } = await connected()
    const replica = await connected()
    const stranger = await connected({ seal: cacheKeys('another').seal })
    store.set(digest('one'), CLEAN)
    store.set(digest('two'), FLAGGED)
    expect(await get(digest('one'))).toEqual(CLEAN)
    expect(await get(digest('two'))).toEqual(FLAGGED)
    expect(await replica.get(digest('two'))).toEqual(FLAGGED)
    expect(await replica.get(digest('three'))).toBeUndefined()
    expect(await stranger.get(digest('two'))).toBeUndefined()
  })

  test('leaves nothing on the server but keys of its own, each with an end', async () => {
    const { store, get } = await connected()
    store.set(digest('one'), CLEAN)
    await get(digest('one'))
    expect(await raw.keys('*')).toEqual([stored(digest('one'))])
    const ttlMs = await raw.pTTL(stored(digest('one')))
    expect(ttlMs).toBeGreaterThan(0)
    expect(ttlMs).toBeLessThanOrEqual(TTL_MS)
  })

  test('takes no verdict after its time, also where the server was made to keep it', async () => {
    const time = { nowMs: Date.now() }
    const { store, get } = await connected({ now: () => time.nowMs })
    store.set(digest('one'), CLEAN)
    expect(await get(digest('one'))).toEqual(CLEAN)
    await raw.persist(stored(digest('one')))
    time.nowMs += TTL_MS
    expect(await get(digest('one'))).toBeUndefined()
  })

  test('takes no verdict of before its clock was put back, but one of a clock that is a little ahead', async () => {
    const time = { nowMs: Date.now() }
    const { store, get } = await connected({ now: () => time.nowMs })
    store.set(digest('one'), CLEAN)
    time.nowMs -= TTL_MS
    expect(await get(digest('one'))).toEqual(CLEAN)
    time.nowMs -= 1
    expect(await get(digest('one'))).toBeUndefined()
  })

  test('takes nothing that somebody else wrote, moved or replaced', async () => {
    const { store, get } = await connected()
    store.set(digest('clean'), CLEAN)
    await get(digest('clean'))
    const moved = await raw.get(stored(digest('clean')))
    const expiresMs = Date.now() + TTL_MS
    const forged = sealVerdict(cacheKeys('a guess').seal, { key: digest('x'), verdict: CLEAN, expiresMs })
    for (const value of [String(moved), forged, '{"kind":"clean"}', Buffer.from([0, 255, 254])]) {
      await raw.set(stored(digest('x')), value)
      expect(await get(digest('x'))).toBeUndefined()
    }
  })

  test('rejects where the key holds another type, and stays connected', async () => {
    const { get, state } = await connected()
    await raw.rPush(stored(digest('x')), 'CANARY')
    await expect(get(digest('x'))).rejects.toThrow('the cache server refused the command')
    expect(await get(digest('y'))).toBeUndefined()
    expect(state.changes).toEqual(['connected'])
  })

  test('reads no more of a value than a verdict has, and writes no longer one', async () => {
    const { store, get } = await connected()
    const id = 'x'.repeat(40_000)
    const verdict: Verdict = { kind: 'clean', requestId: id }
    store.set(digest('long'), verdict)
    expect(await get(digest('long'))).toBeUndefined()
    expect(await raw.exists(stored(digest('long')))).toBe(0)
    const expiresMs = Date.now() + TTL_MS
    await raw.set(stored(digest('long')), sealVerdict(seal, { key: digest('long'), verdict, expiresMs }))
    expect(await get(digest('long'))).toBeUndefined()
  })
})

describe('a login', () => {
  test('is made with the password of the URL', async () => {
    const { address } = await start({ password: 'p@ss/word' })
    const { store, get } = await connected({ url: `redis://:p%40ss%2Fword@${address}` })
    store.set(digest('one'), CLEAN)
    expect(await get(digest('one'))).toEqual(CLEAN)
  })

  test.each([
    ['a wrong password', ':CANARY@', 'WRONGPASS'],
    ['none', '', 'NOAUTH'],
  ])('with %s is no connection, and nothing tells the password', async (_, login, code) => {
    const { address } = await start({ password: 'right' })
    const { state, get } = open({ url: `redis://${login}${address}` })
    await state.until('lost')
    expect(state.changes).toEqual([`lost ${code}`])
    await expect(get(digest('one'))).rejects.toThrow('the cache server is not connected')
  })

  test('by TLS verifies the certificate', async () => {
    const { key, cert } = selfSigned()
    const { port } = await start({ tls: { key, cert } })
    const url = `rediss://localhost:${port}`
    const { store, get } = await connected({ url, ca: cert })
    store.set(digest('one'), CLEAN)
    expect(await get(digest('one'))).toEqual(CLEAN)
    const distrustful = open({ url })
    await distrustful.state.until('lost')
    expect(distrustful.state.changes).toEqual(['lost DEPTH_ZERO_SELF_SIGNED_CERT'])
  })

  test('by TLS verifies it whatever the environment of the process says', async () => {
    const { key, cert } = selfSigned()
    const { port } = await start({ tls: { key, cert } })
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    const { state } = open({ url: `rediss://localhost:${port}` })
    await state.until('lost')
    expect(state.changes).toEqual(['lost DEPTH_ZERO_SELF_SIGNED_CERT'])
  })
})

describe('the name of a server', () => {
  /** Every name resolves to one of these addresses, one after the other. */
  function resolving(...addresses: readonly [string, ...string[]]) {
    const asked: string[] = []
    const resolve: ResolveAll = (hostname, _options, callback) => {
      const address = addresses[asked.length] ?? addresses[0]
      asked.push(hostname)
      setImmediate(() => callback(null, [{ address, family: address.includes(':') ? 6 : 4 }]))
    }
    return { asked, resolve }
  }

  test.each([
    ['redis', '169.254.169.254', true, 'WEIR_EGRESS_FORBIDDEN'],
    ['rediss', '169.254.169.254', true, 'WEIR_EGRESS_FORBIDDEN'],
    ['rediss', 'fd00:ec2::254', false, 'WEIR_EGRESS_FORBIDDEN'],
    ['redis', '192.0.2.1', false, 'WEIR_EGRESS_PLAINTEXT'],
  ])('by %s that leads to %s (allow_plaintext %s) is not connected to: %s', async (...given) => {
    const [scheme, address, allowPlaintext, code] = given
    const { asked, resolve } = resolving(address)
    let attempts = 0
    const watch = createHook({
      init(_id, type) {
        if (type === 'TCPCONNECTWRAP') attempts++
      },
    }).enable()
    const { state } = open({ url: `${scheme}://cache.example:6379`, resolve, allowPlaintext })
    await state.until('lost')
    watch.disable()
    expect(state.changes).toEqual([`lost ${code}`])
    expect(asked[0]).toBe('cache.example')
    expect(attempts).toBe(0)
  })

  test('is resolved once a connection, to the address that is then connected to', async () => {
    const { asked, resolve } = resolving('127.0.0.1', '169.254.169.254')
    const { store, get } = await connected({ url: `redis://cache.example:${server.port}`, resolve })
    store.set(digest('one'), CLEAN)
    expect(await get(digest('one'))).toEqual(CLEAN)
    expect(asked).toEqual(['cache.example'])
  })

  test('is that of the certificate', async () => {
    const { key, cert } = selfSigned()
    const { port } = await start({ tls: { key, cert } })
    const { resolve } = resolving('127.0.0.1')
    await connected({ url: `rediss://localhost:${port}`, resolve, ca: cert })
    const other = open({ url: `rediss://other.example:${port}`, resolve, ca: cert })
    await other.state.until('lost')
    expect(other.state.changes).toEqual(['lost ERR_TLS_CERT_ALTNAME_INVALID'])
  })
})

describe('a server that is not there', () => {
  test('fails no start, and lookups at once, until it comes', async () => {
    const port = await freePort()
    const { store, state, get } = open({ url: `redis://127.0.0.1:${port}` })
    await expect(get(digest('one'))).rejects.toThrow('the cache server is not connected')
    store.set(digest('one'), CLEAN)
    await state.until('lost')
    await start({ port })
    await state.until('connected')
    expect(await get(digest('one'))).toBeUndefined()
    store.set(digest('one'), CLEAN)
    expect(await get(digest('one'))).toEqual(CLEAN)
    expect(state.changes).toEqual(['lost ECONNREFUSED', 'connected'])
  })

  test('any more is told once, and so is that it is back', async () => {
    const first = await start({})
    const { store, state, get } = await connected({ url: `redis://${first.address}` })
    store.set(digest('one'), CLEAN)
    expect(await get(digest('one'))).toEqual(CLEAN)
    await first.stop()
    await state.until('lost')
    await expect(get(digest('one'))).rejects.toThrow('not connected')
    await start({ port: first.port })
    await state.until('connected')
    expect(await get(digest('one'))).toBeUndefined()
    expect(state.changes.map(change => change.split(' ')[0])).toEqual(['connected', 'lost', 'connected'])
  })

  test('but takes connections and says nothing is given up and tried again', async () => {
    let connections = 0
    const secondCame = Promise.withResolvers<void>()
    const sockets = new Set<net.Socket>()
    const mute = net.createServer(socket => {
      connections += 1
      if (connections === 2) secondCame.resolve()
      sockets.add(socket.on('error', () => {}))
    })
    mute.listen(0, '127.0.0.1')
    await once(mute, 'listening')
    const { port } = mute.address() as net.AddressInfo
    const { state } = open({ url: `redis://127.0.0.1:${port}`, connectTimeoutMs: 50 })
    await state.until('lost')
    await secondCame.promise
    expect(state.changes).toEqual(['lost TIMEOUT'])
    for (const socket of sockets) socket.destroy()
    mute.close()
  })
})

test('a store that is closed while it connects leaves no connection open', async () => {
  const came = Promise.withResolvers<net.Socket>()
  const listener = net.createServer(socket => came.resolve(socket.on('error', () => {})))
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as net.AddressInfo
  const { store } = open({ url: `redis://127.0.0.1:${port}` })
  await store.close()
  const socket = await came.promise
  socket.resume()
  await once(socket, 'close')
  listener.close()
})

test('a store that is closed asks nothing and connects no more', async () => {
  const { store, state, get } = await connected()
  const under = get(digest('one'))
  const rejected = expect(under).rejects.toThrow('the connection to the cache server was lost')
  await store.close()
  await rejected
  await expect(get(digest('one'))).rejects.toThrow('not connected')
  store.set(digest('one'), CLEAN)
  // The server counts this test's own client only.
  const own = async () => (await raw.sendCommand(['CLIENT', 'LIST'])) as unknown as string
  await expect.poll(async () => (await own()).trim().split('\n').length).toBe(1)
  expect(state.changes).toEqual(['connected'])
})
