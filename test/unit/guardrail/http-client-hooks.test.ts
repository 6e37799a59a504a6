import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { GuardrailFailure } from '../../../src/guardrail/guardrail.ts'
import type { HttpClient, JsonPost } from '../../../src/guardrail/http-client.ts'
import { createHttpClient } from '../../../src/guardrail/http-client.ts'

const TEXT = 'text-that-must-not-leak'

let client: HttpClient

beforeEach(() => {
  client = createHttpClient()
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

async function failure(request: Promise<unknown>): Promise<GuardrailFailure> {
  const error = await request.then(
    () => new Error('the request succeeded'),
    thrown => thrown,
  )
  expect(error).toBeInstanceOf(GuardrailFailure)
  expect(`${error.stack} ${error.cause} ${JSON.stringify(error)}`).not.toContain(TEXT)
  return error
}

async function startServer(handler: RequestListener) {
  const server = createServer(handler)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/`,
    close: () => new Promise(resolve => server.close(resolve).closeAllConnections()),
  }
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
    expect((await failure(post({ url: server.url, readError }))).reason).toBe('over-limit')
    expect((await failure(post({ url: server.url, readError: () => undefined }))).reason).toBe('rate-limited')
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
    expect((await failure(post({ url: server.url, readError }))).reason).toBe('bad-response')
    expect(length).toBe(16 * 1024)
    await server.close()
  })

  test('counts as far as it came when it is cut off', async () => {
    const server = await startServer((_, response) => {
      response.writeHead(429, { 'content-length': 99 }).write('half', () => response.destroy())
    })
    const readError = (_: number, body: string) => (body === 'half' ? 'over-limit' : undefined)
    expect((await failure(post({ url: server.url, readError }))).reason).toBe('over-limit')
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
    expect((await failure(request)).reason).toBe('cancelled')
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
