import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { JsonPost } from '../../../src/service/http-client.ts'
import { type GuardHttp, openGuardHttp } from '../../support/guard-http.ts'
import { failureOf, startServer, TEXT } from './http-rig.ts'

let client: GuardHttp

beforeEach(() => {
  client = openGuardHttp()
})

afterEach(() => client.close())

function post(change: Partial<JsonPost> & { readonly url: string }) {
  return client.postJson({
    headers: {},
    body: { text: TEXT },
    signal: new AbortController().signal,
    ...change,
  })
}

describe('a signed request', () => {
  test('carries the headers made of the very bytes that arrive', async () => {
    const bodies: string[] = []
    const server = await startServer(async (request, response) => {
      const chunks: Uint8Array[] = []
      for await (const chunk of request) chunks.push(chunk)
      bodies.push(Buffer.concat(chunks).toString('utf8'))
      response.end(
        JSON.stringify({ signature: request.headers['x-signature'], plain: request.headers['x-plain'] }),
      )
    })
    const signBody = async (body: string) => {
      bodies.push(body)
      return { 'x-signature': 'signed' }
    }
    const answer = await post({
      url: server.url,
      headers: { 'x-plain': '1' },
      body: { text: 'ü😀' },
      signBody,
    })
    expect(answer.json).toEqual({ signature: 'signed', plain: '1' })
    expect(bodies).toEqual(['{"text":"ü😀"}', '{"text":"ü😀"}'])
    await server.close()
  })
})

describe('an error that is read', () => {
  const answering = (status: number, body: string) =>
    startServer((_, response) => response.writeHead(status).end(body))

  test('may give another reason than its status, and is not quoted', async () => {
    const server = await answering(429, `${TEXT} is too large`)
    const readError = (status: number, body: string) =>
      status === 429 && body === `${TEXT} is too large` ? 'over-limit' : undefined
    expect((await failureOf(post({ url: server.url, readError }))).reason).toBe('over-limit')
    expect((await failureOf(post({ url: server.url, readError: () => undefined }))).reason).toBe(
      'rate-limited',
    )
    await server.close()
  })

  test('is read to 16 KiB and no further, also when it never ends', async () => {
    const server = await startServer((_, response) => {
      response.writeHead(500).write('x'.repeat(1024 * 1024))
    })
    let length = 0
    const readError = (_: number, body: string) => {
      length = body.length
      return undefined
    }
    expect((await failureOf(post({ url: server.url, readError }))).reason).toBe('bad-response')
    expect(length).toBe(16 * 1024)
    await server.close()
  })

  test('counts as far as it came when it is cut off', async () => {
    const server = await startServer((_, response) => {
      response.writeHead(429, { 'content-length': 99 }).write('half', () => response.destroy())
    })
    const readError = (_: number, body: string) => (body === 'half' ? 'over-limit' : undefined)
    expect((await failureOf(post({ url: server.url, readError }))).reason).toBe('over-limit')
    await server.close()
  })

  test('is given up on an abort', async () => {
    const abort = new AbortController()
    const server = await startServer((_, response) => {
      response.writeHead(429).write('half')
    })
    // The client has taken the status by then, and waits for the rest of the body.
    const onHeaders = () => void setImmediate(() => abort.abort())
    subscribe('undici:request:headers', onHeaders)
    const request = post({ url: server.url, signal: abort.signal, readError: () => 'over-limit' })
    expect((await failureOf(request)).reason).toBe('cancelled')
    unsubscribe('undici:request:headers', onHeaders)
    await server.close()
  })

  test('is not asked for on a 2xx', async () => {
    const readError = () => {
      throw new Error('not an error')
    }
    const server = await startServer((_, response) => response.end('{}'))
    expect((await post({ url: server.url, readError })).status).toBe(200)
    await server.close()
  })
})
