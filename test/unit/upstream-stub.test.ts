import { once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import { afterEach, describe, expect, it } from 'vitest'
import { gate, startUpstream, type Upstream } from '../support/upstream.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function started(protocol: 'http1' | 'http2'): Promise<Upstream> {
  const upstream = await startUpstream({ protocol })
  cleanups.push(() => upstream.stop())
  return upstream
}

interface Exchange {
  /** Chunks as they come, until the end or an error. */
  readonly body: AsyncIterator<Buffer>
  readonly trailers: () => unknown
  leave(): void
}

async function post(protocol: 'http1' | 'http2', upstream: Upstream, body: string): Promise<Exchange> {
  if (protocol === 'http1') {
    const request = http.request(`http://${upstream.address}/v1`, { method: 'POST', agent: false })
    request.on('error', () => {})
    request.end(body)
    const [response] = await once(request, 'response')
    return {
      body: response[Symbol.asyncIterator](),
      trailers: () => response.trailers,
      leave: () => request.destroy(),
    }
  }
  const session = http2.connect(`http://${upstream.address}`)
  cleanups.push(() => session.destroy())
  const stream = session.request({ ':method': 'POST', ':path': '/v1' })
  let trailers: unknown
  stream.on('trailers', headers => {
    trailers = { ...headers }
  })
  stream.end(body)
  await once(stream, 'response')
  return {
    body: stream[Symbol.asyncIterator](),
    trailers: () => trailers,
    leave: () => stream.close(http2.constants.NGHTTP2_CANCEL),
  }
}

describe.each(['http1', 'http2'] as const)('the upstream stand-in over %s', protocol => {
  it('sends chunk by chunk as the gates open, then the trailers', async () => {
    const upstream = await started(protocol)
    const second = gate()
    const trailer = protocol === 'http1' ? { trailer: 'x-end' } : {}
    upstream.respond({ headers: trailer, chunks: ['one', second, 'two'], trailers: { 'x-end': '1' } })
    const exchange = await post(protocol, upstream, 'ask')
    expect(String((await exchange.body.next()).value)).toBe('one')
    const next = exchange.body.next()
    second.open()
    expect(String((await next).value)).toBe('two')
    expect((await exchange.body.next()).done).toBe(true)
    expect(exchange.trailers()).toMatchObject({ 'x-end': '1' })
    expect(upstream.requests[0]).toMatchObject({ method: 'POST', path: '/v1' })
    expect(upstream.requests[0]?.body.toString()).toBe('ask')
  })

  it('cuts an answer in the middle', async () => {
    const upstream = await started(protocol)
    const now = gate()
    upstream.respond({ chunks: ['one', now], ending: 'cut' })
    const exchange = await post(protocol, upstream, '')
    await exchange.body.next()
    now.open()
    await expect(exchange.body.next()).rejects.toThrow()
  })

  it('tells when the client has left, and does not when it got everything', async () => {
    const upstream = await started(protocol)
    await (await post(protocol, upstream, '')).body.next()
    upstream.respond({ chunks: ['one', gate()] })
    const exchange = await post(protocol, upstream, '')
    await exchange.body.next()
    exchange.leave()
    await upstream.requests[1]?.aborted
    const first = upstream.requests[0]?.aborted.then(() => 'aborted')
    expect(await Promise.race([first, new Promise(resolve => setImmediate(resolve, 'served'))])).toBe(
      'served',
    )
  })

  it('fails at stop when a handler threw', async () => {
    const upstream = await startUpstream({ protocol })
    upstream.respond(async (_request, reply) => {
      reply.head(200)
      await reply.send('one')
      throw new Error('a fault of the test')
    })
    const exchange = await post(protocol, upstream, '')
    await exchange.body.next()
    await expect(exchange.body.next()).rejects.toThrow()
    await expect(upstream.stop()).rejects.toThrow('a fault of the test')
  })
})
