import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import type { FailureDetail, FailureReason, GuardrailFailure } from '../../../src/guardrail/guardrail.ts'
import type { ResolveAll } from '../../../src/service/egress.ts'
import type { HttpClientOptions, JsonPost, ServiceAccess } from '../../../src/service/http-client.ts'
import { openGuardHttp } from '../../support/guard-http.ts'
import { selfSigned } from '../guardrail/self-signed.ts'
import type { TestServer } from './http-rig.ts'
import {
  deadline,
  failureOf,
  KEY,
  startRawServer,
  startServer,
  startSilentServer,
  startTlsServer,
  TEXT,
} from './http-rig.ts'

/** Everything that a test opened. */
const open: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close()
})

async function opened(server: Promise<TestServer>): Promise<TestServer> {
  const running = await server
  open.push(running)
  return running
}

interface Ask extends Partial<JsonPost> {
  readonly url: string
  readonly access?: Partial<ServiceAccess>
  readonly client?: HttpClientOptions
}

/** What a request with a client of its own fails with: reason, then detail. */
async function told({ access, client, ...change }: Ask): Promise<GuardrailFailure> {
  const http = openGuardHttp(access, client)
  open.push(http)
  const headers = { authorization: `Bearer ${KEY}` }
  const signal = new AbortController().signal
  return failureOf(http.postJson({ headers, body: { text: TEXT }, signal, ...change }))
}

const because = async (ask: Ask) => {
  const { reason, detail } = await told(ask)
  return [reason, detail]
}

/** The client has taken the status line and headers by then. */
function onAnswerHeaders(act: () => void): void {
  const listener = (): void => {
    unsubscribe('undici:request:headers', listener)
    setImmediate(act)
  }
  subscribe('undici:request:headers', listener)
}

/** A resolver that gives these addresses to every name. */
function resolvesTo(...addresses: readonly string[]): ResolveAll {
  return (_hostname, _options, callback) =>
    setImmediate(() =>
      callback(
        null,
        addresses.map(address => ({ address, family: address.includes(':') ? 6 : 4 })),
      ),
    )
}

describe('no connection', () => {
  test('in time: the server never speaks TLS', async () => {
    const { port } = await opened(startSilentServer())
    const ask = { url: `https://127.0.0.1:${port}/`, access: { connectTimeoutMs: 20 } }
    expect(await because(ask)).toEqual(['timeout', 'timeout-connect'])
  })

  test('in time: the name is never resolved', async () => {
    const ask = { url: 'http://guard.test/', access: { connectTimeoutMs: 20 }, client: { resolve: () => {} } }
    expect(await because(ask)).toEqual(['timeout', 'timeout-connect'])
  })

  test('to a name that does not exist', async () => {
    expect(await because({ url: 'http://name.invalid/v2/guard' })).toEqual(['unreachable', 'dns'])
  })

  test('to a name without an address', async () => {
    const ask = { url: 'http://guard.test/', client: { resolve: resolvesTo() } }
    expect(await because(ask)).toEqual(['unreachable', 'dns'])
  })

  test('where nobody listens', async () => {
    const gone = await startSilentServer()
    await gone.close()
    const refused = await told({ url: gone.url })
    expect(refused).toMatchObject({ reason: 'unreachable', detail: 'connection' })
    expect(refused.message).toContain('ECONNREFUSED')
  })

  test.each<[string, readonly string[], Partial<ServiceAccess>, FailureDetail]>([
    ['metadata', ['169.254.169.254'], { plaintext: 'public-too' }, 'egress-forbidden'],
    ['this host and metadata', ['127.0.0.1', '169.254.169.254'], {}, 'egress-forbidden'],
    ['a public address', ['192.0.2.1'], {}, 'egress-plaintext'],
    ['this host and a public address', ['127.0.0.1', '192.0.2.1'], {}, 'egress-plaintext'],
  ])('to a name that resolves to %s', async (_, addresses, access, detail) => {
    const server = await opened(startServer((_request, response) => response.end('{}')))
    const ask = {
      url: `http://guard.test:${server.port}/`,
      access,
      client: { resolve: resolvesTo(...addresses) },
    }
    expect(await because(ask)).toEqual(['unreachable', detail])
    expect(server.connections()).toBe(0)
  })

  test.each<[string, FailureDetail]>([
    ['http://169.254.169.254/', 'egress-forbidden'],
    ['https://[::ffff:a9fe:a9fe]/', 'egress-forbidden'],
    ['http://0.0.0.0/', 'egress-forbidden'],
    ['http://192.0.2.1/', 'egress-plaintext'],
    ['http://[2001:db8::1]/', 'egress-plaintext'],
  ])('to %s, which no lookup sees', async (url, detail) => {
    expect(await because({ url })).toEqual(['unreachable', detail])
  })

  test('is only refused when it is to be opened: a name that resolves to this host is asked', async () => {
    const server = await opened(startServer((_request, response) => response.end('{"as":"asked"}')))
    const http = openGuardHttp({}, { resolve: resolvesTo('127.0.0.1') })
    open.push(http)
    const signal = new AbortController().signal
    const url = `http://guard.test:${server.port}/`
    expect((await http.postJson({ url, headers: {}, body: {}, signal })).json).toEqual({ as: 'asked' })
  })
})

describe('no trust', () => {
  const trusted = getCACertificates('default')
  afterEach(() => setDefaultCACertificates(trusted))
  const trust = (cert: string) => setDefaultCACertificates([...trusted, cert])
  const local = { resolve: resolvesTo('127.0.0.1') }

  test('in a certificate that nobody vouches for', async () => {
    const { url } = await opened(startTlsServer(selfSigned()))
    expect(await because({ url })).toEqual(['unreachable', 'tls'])
  })

  test('in a certificate for another name', async () => {
    const identity = selfSigned()
    trust(identity.cert)
    const { port } = await opened(startTlsServer(identity))
    const failed = await told({ url: `https://guard.test:${port}/`, client: local })
    expect(failed).toMatchObject({ reason: 'unreachable', detail: 'tls' })
    expect(failed.message).toContain('ALTNAME')
    // The same certificate serves under its own name.
    const http = openGuardHttp({}, local)
    open.push(http)
    const signal = new AbortController().signal
    const url = `https://localhost:${port}/`
    expect((await http.postJson({ url, headers: {}, body: {}, signal })).status).toBe(200)
  })

  test('in a certificate that has expired', async () => {
    const identity = selfSigned({ validUntil: '210101000000Z' })
    trust(identity.cert)
    const { port } = await opened(startTlsServer(identity))
    const failed = await told({ url: `https://localhost:${port}/`, client: local })
    expect(failed).toMatchObject({ reason: 'unreachable', detail: 'tls' })
    expect(failed.message).toContain('EXPIRED')
  })

  test('in a server that speaks no TLS', async () => {
    const { port } = await opened(startServer((_, response) => response.end('{}')))
    expect(await because({ url: `https://127.0.0.1:${port}/` })).toEqual(['unreachable', 'tls'])
  })
})

describe('no answer', () => {
  test('begins in time', async () => {
    const { url } = await opened(startServer(() => {}))
    const ask = { url, access: { firstByteTimeoutMs: 20 } }
    expect(await because(ask)).toEqual(['timeout', 'timeout-first-byte'])
  })

  test('begins before the deadline', async () => {
    const { signal, pass } = deadline()
    const { url } = await opened(startServer(() => pass()))
    expect(await because({ url, signal })).toEqual(['timeout', 'timeout-first-byte'])
  })

  test('comes: the connection is closed', async () => {
    const { url } = await opened(startRawServer(socket => socket.end()))
    expect(await because({ url })).toEqual(['unreachable', 'connection'])
  })

  test('comes: the connection is reset', async () => {
    const { url } = await opened(startRawServer(socket => socket.resetAndDestroy()))
    expect(await because({ url })).toEqual(['unreachable', 'connection'])
  })

  test.each([
    ['bytes that are not HTTP', `${TEXT} is not HTTP\r\n\r\n`],
    ['a status that is no number', `HTTP/1.1 ${TEXT}\r\n\r\n`],
    ['headers without end', `HTTP/1.1 200 OK\r\nx: ${'x'.repeat(70_000)}\r\n\r\n`],
  ])('that is HTTP: %s', async (_, answer) => {
    const { url } = await opened(startRawServer(socket => socket.end(answer)))
    expect(await because({ url })).toEqual(['bad-response', 'not-http'])
  })
})

describe('a status', () => {
  test.each<[number, FailureReason, FailureDetail]>([
    [300, 'bad-response', 'redirect'],
    [304, 'bad-response', 'redirect'],
    [307, 'bad-response', 'redirect'],
    [400, 'bad-response', 'status-4xx'],
    [401, 'bad-response', 'status-4xx'],
    [403, 'bad-response', 'status-4xx'],
    [404, 'bad-response', 'status-4xx'],
    [413, 'bad-response', 'status-4xx'],
    [429, 'rate-limited', 'status-4xx'],
    [500, 'bad-response', 'status-5xx'],
    [502, 'bad-response', 'status-5xx'],
    [503, 'bad-response', 'status-5xx'],
    [599, 'bad-response', 'status-5xx'],
  ])('of %i is no answer, whatever its body says', async (status, ...expected) => {
    const handler = (_: unknown, response: import('node:http').ServerResponse) =>
      response.writeHead(status, { location: 'http://127.0.0.1:1/' }).end('{"flagged":false}')
    const { url } = await opened(startServer(handler))
    expect(await because({ url })).toEqual(expected)
  })
})

describe('a pause that the service asks for', () => {
  test.each([429, 503])('with %i is told', async status => {
    const { url } = await opened(
      startServer((_, response) => response.writeHead(status, { 'retry-after': '7' }).end()),
    )
    expect(await told({ url })).toMatchObject({ retryAfterMs: 7000 })
  })
})

describe('a body', () => {
  const answering = (body: string | Uint8Array) => opened(startServer((_, response) => response.end(body)))

  test.each<[string, string | Uint8Array, FailureDetail]>([
    ['a page of HTML', '<html>Bad gateway</html>', 'not-json'],
    ['half of a JSON value', '{"flagged":tr', 'not-json'],
    ['nothing', '', 'not-json'],
    ['JSON that is not UTF-8', new Uint8Array([0x22, 0xff, 0x22]), 'not-json'],
    ['null', ' null ', 'null'],
  ])('of %s', async (_, body, detail) => {
    const { url } = await answering(body)
    expect(await because({ url })).toEqual(['bad-response', detail])
  })

  test('over the cap', async () => {
    const { url } = await answering('[1,2,3,4,5,6,7,8,9]')
    expect(await because({ url, maxResponseBytes: 18 })).toEqual(['bad-response', 'too-large'])
  })

  test('over the cap that never ends is not waited for', async () => {
    const { url } = await opened(startServer((_, response) => void response.write('x'.repeat(100))))
    expect(await because({ url, maxResponseBytes: 99 })).toEqual(['bad-response', 'too-large'])
  })

  test.each<[string, (socket: import('node:net').Socket) => void]>([
    ['closed', socket => socket.end()],
    ['reset', socket => socket.resetAndDestroy()],
  ])('cut off: the connection is %s in the middle', async (_, end) => {
    const { url } = await opened(
      startRawServer(socket => {
        onAnswerHeaders(() => end(socket))
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"flagged":')
      }),
    )
    expect(await because({ url })).toEqual(['bad-response', 'truncated'])
  })

  test('that stalls until the deadline', async () => {
    const { signal, pass } = deadline()
    onAnswerHeaders(pass)
    const { url } = await opened(startServer((_, response) => void response.write('{"flagged":')))
    expect(await because({ url, signal })).toEqual(['timeout', 'timeout-total'])
  })

  test('of an error, which a kind reads, that stalls until the deadline', async () => {
    const { signal, pass } = deadline()
    onAnswerHeaders(pass)
    const { url } = await opened(startServer((_, response) => void response.writeHead(500).write('{')))
    const readError = () => undefined
    expect(await because({ url, signal, readError })).toEqual(['timeout', 'timeout-total'])
  })
})
