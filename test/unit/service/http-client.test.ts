import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { JsonPost } from '../../../src/service/http-client.ts'
import { createHttpClient } from '../../../src/service/http-client.ts'
import { DEFAULT_ACCESS, type GuardHttp, openGuardHttp } from '../../support/guard-http.ts'
import type { LakeraStub, LakeraStubFault } from '../../support/lakera-stub.ts'
import { startLakeraStub } from '../../support/lakera-stub.ts'
import { selfSigned } from '../guardrail/self-signed.ts'
import { failureOf, KEY, startServer, startTlsServer, TEXT } from './http-rig.ts'

let client: GuardHttp
let stub: LakeraStub

beforeEach(async () => {
  client = openGuardHttp()
  stub = await startLakeraStub({ apiKey: KEY })
})

afterEach(async () => {
  await client.close()
  await stub.close()
})

function request(change: Partial<JsonPost> = {}): JsonPost {
  return {
    url: stub.url,
    headers: { authorization: `Bearer ${KEY}` },
    body: { messages: [{ role: 'user', content: TEXT }] },
    signal: new AbortController().signal,
    ...change,
  }
}

const post = (change: Partial<JsonPost> = {}) => client.postJson(request(change))

describe('an answer', () => {
  test('comes with status, headers and decoded JSON', async () => {
    const answer = await post()
    expect(answer.status).toBe(200)
    expect(answer.headers['content-type']).toBe('application/json')
    expect(answer.json).toMatchObject({ flagged: false })
  })

  test('leaves its connection to the next request, and so does an error', async () => {
    const narrow = openGuardHttp({}, { maxConnections: 1 })
    await narrow.postJson(request())
    stub.failNext({ kind: 'status', status: 500 })
    await failureOf(narrow.postJson(request()))
    await narrow.postJson(request())
    expect(stub.connections).toBe(1)
    await narrow.close()
  })

  test('may be as long as the cap and no longer', async () => {
    const body = JSON.stringify({ flagged: false, pad: 'x'.repeat(1000) })
    stub.failAlways({ kind: 'body', body })
    expect((await post({ maxResponseBytes: body.length })).json).toMatchObject({ flagged: false })
    const tooLarge = await failureOf(post({ maxResponseBytes: body.length - 1 }))
    expect(tooLarge).toMatchObject({ reason: 'bad-response', detail: 'too-large' })
  })

  test('is capped at 1 MiB unless told', async () => {
    stub.failNext({ kind: 'body', body: JSON.stringify('x'.repeat(1024 * 1024)) })
    expect(await failureOf(post())).toMatchObject({ reason: 'bad-response', detail: 'too-large' })
  })
})

describe('a redirect', () => {
  test('is not followed, key and text stay here', async () => {
    const other = await startLakeraStub({ apiKey: KEY })
    stub.failNext({ kind: 'redirect', location: other.url })
    expect(await failureOf(post())).toMatchObject({ reason: 'bad-response', detail: 'redirect' })
    expect(other.connections).toBe(0)
    await other.close()
  })
})

describe('a request that cannot be sent', () => {
  test.each([
    ['a key with a line break', { headers: { authorization: `Bearer ${KEY}\n` } }],
    ['a header that no request carries', { headers: { 'bad name': KEY } }],
    ['no URL', { url: `password ${KEY}` }],
    ['another protocol', { url: `ftp://user:password@127.0.0.1/${KEY}` }],
  ])('%s is our own fault and is not quoted', async (_, change) => {
    expect((await failureOf(post(change))).reason).toBe('internal')
  })

  test('a URL with credentials is not quoted', async () => {
    const url = stub.url.replace('127.0.0.1', 'user:password@127.0.0.1')
    await stub.close()
    expect((await failureOf(post({ url }))).reason).toBe('unreachable')
    stub = await startLakeraStub()
  })
})

describe('an abort', () => {
  test.each<[string, LakeraStubFault]>([
    ['before the answer', { kind: 'hang' }],
    ['within the answer', { kind: 'stall' }],
  ])('%s cancels the request', async (_, fault) => {
    const abort = new AbortController()
    stub.failNext(fault)
    const cancelled = failureOf(post({ signal: abort.signal }))
    await stub.waitForRequests(1)
    abort.abort()
    expect((await cancelled).reason).toBe('cancelled')
  })

  test('that came before sends nothing', async () => {
    expect((await failureOf(post({ signal: AbortSignal.abort() }))).reason).toBe('cancelled')
    expect(stub.connections).toBe(0)
  })

  test('with a reason of its own is still a cancellation', async () => {
    const signal = AbortSignal.abort(new Error(TEXT))
    expect((await failureOf(post({ signal }))).reason).toBe('cancelled')
  })

  test('closing the client cancels what is under way and all that follows', async () => {
    stub.failNext({ kind: 'hang' })
    const cancelled = failureOf(post())
    await stub.waitForRequests(1)
    await client.close()
    expect((await cancelled).reason).toBe('cancelled')
    expect((await failureOf(post())).reason).toBe('cancelled')
  })
})

describe('a certificate that nobody vouches for', () => {
  test('is refused, unless this very way to the service says otherwise', async () => {
    const server = await startTlsServer(selfSigned())
    const shared = createHttpClient()
    const unverified = shared.connect({ ...DEFAULT_ACCESS, tls: 'unverified' })
    const verified = shared.connect(DEFAULT_ACCESS)
    expect((await unverified(request({ url: server.url }))).status).toBe(200)
    // The connection that is open by now must not serve those who ask for trust.
    const refused = await failureOf(verified(request({ url: server.url })))
    expect(refused).toMatchObject({ reason: 'unreachable', detail: 'tls' })
    expect(refused.message).toContain('SELF_SIGNED')
    expect((await unverified(request({ url: server.url }))).status).toBe(200)
    await shared.close()
    await server.close()
  })
})

describe('many requests', () => {
  test('share the connections there may be', async () => {
    const narrow = openGuardHttp({}, { maxConnections: 2 })
    const server = await startServer((_, response) => response.end('{}'))
    const one = { url: server.url, headers: {}, body: {}, signal: new AbortController().signal }
    await Promise.all(Array.from({ length: 8 }, () => narrow.postJson(one)))
    expect(server.connections()).toBe(2)
    await narrow.close()
    await server.close()
  })

  test('of guardrails that reach an origin in the same way share its connections', async () => {
    const shared = createHttpClient({ maxConnections: 1 })
    for (const access of [DEFAULT_ACCESS, { ...DEFAULT_ACCESS, firstByteTimeoutMs: 9000 }])
      await shared.connect(access)(request())
    expect(stub.connections).toBe(1)
    await shared.connect({ ...DEFAULT_ACCESS, plaintext: 'public-too' })(request())
    expect(stub.connections).toBe(2)
    await shared.close()
  })

  test('go on after an error whose body is long: it is not read to its end', async () => {
    const narrow = openGuardHttp({}, { maxConnections: 1 })
    const server = await startServer((message, response) => {
      if (message.headers['x-fail'] === undefined) response.end('{}')
      else response.writeHead(500).end('x'.repeat(1024 * 1024))
    })
    const one = { url: server.url, headers: {}, body: {}, signal: new AbortController().signal }
    await failureOf(narrow.postJson({ ...one, headers: { 'x-fail': '1' } }))
    expect((await narrow.postJson(one)).status).toBe(200)
    expect(server.connections()).toBe(2)
    await narrow.close()
    await server.close()
  })
})
