import type { RequestListener } from 'node:http'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createServer as createTcpServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { GuardrailFailure } from '../../../src/guardrail/guardrail.ts'
import type { HttpClient, JsonPost } from '../../../src/guardrail/http-client.ts'
import { createHttpClient } from '../../../src/guardrail/http-client.ts'
import type { LakeraStub, LakeraStubFault } from '../../support/lakera-stub.ts'
import { garbage, startLakeraStub, truncatedJson } from '../../support/lakera-stub.ts'
import { selfSigned } from './self-signed.ts'

const KEY = 'key-that-must-not-leak'
const TEXT = 'text-that-must-not-leak'

let client: HttpClient
let stub: LakeraStub

beforeEach(async () => {
  client = createHttpClient()
  stub = await startLakeraStub({ apiKey: KEY })
})

afterEach(async () => {
  await client.close()
  await stub.close()
})

function post(change: Partial<JsonPost> = {}) {
  return client.postJson({
    url: stub.url,
    headers: { authorization: `Bearer ${KEY}` },
    body: { messages: [{ role: 'user', content: TEXT }] },
    signal: new AbortController().signal,
    ...change,
  })
}

/** The failure that the request ends in, checked for what no failure may tell. */
async function failure(request: Promise<unknown>): Promise<GuardrailFailure> {
  const error = await request.then(
    () => new Error('the request succeeded'),
    thrown => thrown,
  )
  expect(error).toBeInstanceOf(GuardrailFailure)
  const told = `${error.stack} ${error.cause} ${JSON.stringify(error)}`
  for (const secret of [KEY, TEXT, 'Bad gateway', 'password']) expect(told).not.toContain(secret)
  return error
}

/** A server for raw bytes: what no HTTP library would send. */
async function startRawServer(answer: string) {
  const server = createTcpServer(socket => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end(answer))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/`, close: () => new Promise(resolve => server.close(resolve)) }
}

describe('an answer', () => {
  test('comes with status, headers and decoded JSON', async () => {
    const answer = await post()
    expect(answer.status).toBe(200)
    expect(answer.headers['content-type']).toBe('application/json')
    expect(answer.json).toMatchObject({ flagged: false })
  })

  test('leaves its connection to the next request, and so does an error', async () => {
    const narrow = createHttpClient({ maxConnections: 1 })
    const postNarrow = () =>
      narrow.postJson({
        url: stub.url,
        headers: { authorization: `Bearer ${KEY}` },
        body: { messages: [{ role: 'user', content: TEXT }] },
        signal: new AbortController().signal,
      })
    await postNarrow()
    stub.failNext({ kind: 'status', status: 500 })
    await failure(postNarrow())
    await postNarrow()
    expect(stub.connections).toBe(1)
    await narrow.close()
  })

  test('may be as long as the cap and no longer', async () => {
    const body = JSON.stringify({ flagged: false, pad: 'x'.repeat(1000) })
    stub.failAlways({ kind: 'body', body })
    expect((await post({ maxResponseBytes: body.length })).json).toMatchObject({ flagged: false })
    expect((await failure(post({ maxResponseBytes: body.length - 1 }))).reason).toBe('bad-response')
  })

  test('is capped at 1 MiB unless told', async () => {
    stub.failNext({ kind: 'body', body: JSON.stringify('x'.repeat(1024 * 1024)) })
    expect((await failure(post())).reason).toBe('bad-response')
  })
})

describe('a failure', () => {
  test.each<[string, LakeraStubFault, string]>([
    ['429', { kind: 'status', status: 429, retryAfterSec: 7 }, 'rate-limited'],
    ['401', { kind: 'status', status: 401 }, 'bad-response'],
    ['500', { kind: 'status', status: 500 }, 'bad-response'],
    ['304', { kind: 'status', status: 304 }, 'bad-response'],
    ['a body that is not JSON', garbage, 'bad-response'],
    ['half of a JSON body', truncatedJson, 'bad-response'],
    ['an empty body', { kind: 'body', body: '' }, 'bad-response'],
    ['JSON that is not UTF-8', { kind: 'body', body: new Uint8Array([0x22, 0xff, 0x22]) }, 'bad-response'],
    ['an answer cut off', { kind: 'cut' }, 'bad-response'],
    ['a connection closed without an answer', { kind: 'reset' }, 'unreachable'],
  ])('%s', async (_, fault, reason) => {
    stub.failNext(fault)
    expect((await failure(post())).reason).toBe(reason)
  })

  test('a redirect is not followed, key and text stay here', async () => {
    const other = await startLakeraStub({ apiKey: KEY })
    stub.failNext({ kind: 'redirect', location: other.url })
    expect((await failure(post())).reason).toBe('bad-response')
    expect(other.requests).toEqual([])
    await other.close()
  })

  test('nobody listens', async () => {
    await stub.close()
    const refused = await failure(post())
    expect(refused.reason).toBe('unreachable')
    expect(refused.message).toContain('ECONNREFUSED')
    stub = await startLakeraStub()
  })

  test('a host that does not exist', async () => {
    expect((await failure(post({ url: 'http://name.invalid/v2/guard' }))).reason).toBe('unreachable')
  })

  test('TLS against a plain server', async () => {
    expect((await failure(post({ url: stub.url.replace('http:', 'https:') }))).reason).toBe('unreachable')
  })

  test.each([
    ['bytes that are not HTTP', `${TEXT} is not HTTP\r\n\r\n`],
    ['a status that is no number', `HTTP/1.1 ${TEXT}\r\n\r\n`],
    ['headers without end', `HTTP/1.1 200 OK\r\nx: ${'x'.repeat(70_000)}\r\n\r\n`],
  ])('%s', async (_, answer) => {
    const server = await startRawServer(answer)
    expect((await failure(post({ url: server.url }))).reason).toBe('bad-response')
    await server.close()
  })

  test.each([
    ['a key with a line break', { headers: { authorization: `Bearer ${KEY}\n` } }],
    ['a header that no request carries', { headers: { 'bad name': KEY } }],
    ['no URL', { url: `password ${KEY}` }],
    ['another protocol', { url: `ftp://user:password@127.0.0.1/${KEY}` }],
  ])('%s is our own fault and is not quoted', async (_, change) => {
    expect((await failure(post(change))).reason).toBe('internal')
  })

  test('a URL with credentials is not quoted', async () => {
    const url = stub.url.replace('127.0.0.1', 'user:password@127.0.0.1')
    await stub.close()
    expect((await failure(post({ url }))).reason).toBe('unreachable')
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
    const request = failure(post({ signal: abort.signal }))
    await stub.waitForRequests(1)
    abort.abort()
    expect((await request).reason).toBe('cancelled')
  })

  test('that came before sends nothing', async () => {
    expect((await failure(post({ signal: AbortSignal.abort() }))).reason).toBe('cancelled')
    expect(stub.requests).toEqual([])
  })

  test('an abort with a reason of its own is still a cancellation', async () => {
    const signal = AbortSignal.abort(new Error(TEXT))
    expect((await failure(post({ signal }))).reason).toBe('cancelled')
  })

  test('closing the client cancels what is under way and all that follows', async () => {
    stub.failNext({ kind: 'hang' })
    const request = failure(post())
    await stub.waitForRequests(1)
    await client.close()
    expect((await request).reason).toBe('cancelled')
    expect((await failure(post())).reason).toBe('cancelled')
    client = createHttpClient()
  })
})

describe('a connection', () => {
  test('that a server never accepts is given up', async () => {
    const impatient = createHttpClient({ connectTimeoutMs: 1 })
    // TLS never starts: the server takes the connection and says nothing.
    const silent = createTcpServer(socket => socket.on('error', () => {}).resume())
    await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve))
    const { port } = silent.address() as AddressInfo
    const request = impatient.postJson({
      url: `https://127.0.0.1:${port}/`,
      headers: {},
      body: {},
      signal: new AbortController().signal,
    })
    expect((await failure(request)).reason).toBe('unreachable')
    await impatient.close()
    await new Promise(resolve => silent.close(resolve))
  })
})

describe('a certificate that nobody vouches for', () => {
  test('is refused, unless this very request says otherwise', async () => {
    const server = createTlsServer(selfSigned(), (_, response) => response.end('{}'))
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const url = `https://127.0.0.1:${port}/`
    expect((await post({ url, tls: 'unverified' })).status).toBe(200)
    // The connection that is open by now must not serve those who ask for trust.
    expect((await failure(post({ url, tls: 'verified' }))).message).toContain('SELF_SIGNED')
    expect((await failure(post({ url }))).reason).toBe('unreachable')
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  })
})

/** An HTTP server that counts its connections. */
async function startCountingServer(handler: RequestListener) {
  let connections = 0
  const server = createServer(handler)
  server.on('connection', () => {
    connections++
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/`,
    connections: () => connections,
    close: () => new Promise(resolve => server.close(resolve).closeAllConnections()),
  }
}

describe('many requests', () => {
  test('share the connections there may be', async () => {
    const narrow = createHttpClient({ maxConnections: 2 })
    const server = await startCountingServer((_, response) => response.end('{}'))
    const request = { url: server.url, headers: {}, body: {}, signal: new AbortController().signal }
    await Promise.all(Array.from({ length: 8 }, () => narrow.postJson(request)))
    expect(server.connections()).toBe(2)
    await narrow.close()
    await server.close()
  })

  test('go on after an error whose body is long: it is not read to its end', async () => {
    const narrow = createHttpClient({ maxConnections: 1 })
    const server = await startCountingServer((request, response) => {
      if (request.headers['x-fail'] === undefined) response.end('{}')
      else response.writeHead(500).end('x'.repeat(1024 * 1024))
    })
    const request = { url: server.url, headers: {}, body: {}, signal: new AbortController().signal }
    await failure(narrow.postJson({ ...request, headers: { 'x-fail': '1' } }))
    expect((await narrow.postJson(request)).status).toBe(200)
    expect(server.connections()).toBe(2)
    await narrow.close()
    await server.close()
  })
})
