import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import {
  StreamableHTTPClientTransport,
  StreamableHTTPError,
} from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import {
  CallToolResultSchema,
  LoggingMessageNotificationSchema,
  McpError,
} from '@modelcontextprotocol/sdk/types.js'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { LlmRequest, Refusal, ReplyBody } from '../../../../src/llm/format.ts'
import { mcp } from '../../../../src/llm/mcp/index.ts'
import { drivers } from '../../../clients/drivers/mcp.ts'

/** What the server does with a POST after the handshake. */
type Answer = (request: LlmRequest) => {
  readonly status?: number
  readonly contentType: string
  readonly chunks: readonly Uint8Array[]
}

const TOOL = {
  name: 'weather',
  inputSchema: { type: 'object' },
  outputSchema: { type: 'object', properties: { degrees: { type: 'number' } }, required: ['degrees'] },
}

let server: Server
let origin: string
let answer: Answer
let posts = 0

const decode = (body: Uint8Array): LlmRequest => {
  const decoded = mcp.decodeRequest(body)
  if (decoded.kind !== 'ok') throw new Error(decoded.reason)
  return decoded.value
}

beforeAll(async () => {
  server = createServer(async (request, response) => {
    const pieces: Uint8Array[] = []
    for await (const piece of request) pieces.push(piece)
    if (request.method !== 'POST') {
      response.writeHead(405).end()
      return
    }
    const body = Buffer.concat(pieces)
    const { id, method, params } = JSON.parse(body.toString())
    const json = (result: object): void => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ jsonrpc: '2.0', id, result }))
    }
    if (method === 'initialize') {
      const capabilities = { tools: {}, prompts: {}, logging: {} }
      const serverInfo = { name: 's', version: '1' }
      json({ protocolVersion: params.protocolVersion, capabilities, serverInfo })
    } else if (method === 'notifications/initialized') response.writeHead(202).end()
    else if (method === 'tools/list') json({ tools: [TOOL] })
    else {
      posts++
      const { status = 200, contentType, chunks } = answer(decode(body))
      response.writeHead(status, { 'content-type': contentType })
      for (const chunk of chunks) response.write(chunk)
      response.end()
    }
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  origin = `http://127.0.0.1:${port}`
})
afterAll(() => new Promise(resolve => server.close(resolve)))

let client: Client | undefined
/** What the client of the test at hand could not make sense of. */
let errors: string[] = []
afterEach(() => client?.close())

async function connect(): Promise<Client> {
  client = new Client({ name: 'test', version: '1' }, { capabilities: { sampling: {} } })
  const own: string[] = []
  errors = own
  client.onerror = error => own.push(error.message)
  await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', origin)))
  posts = 0
  return client
}

const message = 'Request blocked by policy'
const refusal = (request: LlmRequest): Refusal => ({
  message,
  id: '0123456789abcdef0123456789abcdef',
  createdSec: 1_760_000_000,
  finishReason: 'auto',
  request,
})
const sent = (reply: ReplyBody | undefined, status = 200): ReturnType<Answer> => {
  if (reply === undefined) throw new Error('no reply')
  return { status: reply.status ?? status, contentType: reply.contentType, chunks: [reply.body] }
}
const refuse =
  (shape: 'json' | 'event-stream'): Answer =>
  request =>
    sent(mcp.refusal(refusal(request), shape))

/** The events go out, then a sign of life, then the refusal. */
const refuseAfter =
  (...events: string[]): Answer =>
  request => {
    const released = new TextEncoder().encode(events.join(''))
    const at = mcp.openPosition()
    for (const frame of mcp.openStream().push(released)) at.released(frame)
    return {
      contentType: 'text/event-stream',
      chunks: [mcp.heartbeat, released, mcp.heartbeat, mcp.streamRefusal(refusal(request), at)],
    }
  }

const log = (data: string): string =>
  `event: message\ndata: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"${data}"}}\n\n`
const SAMPLING =
  'event: message\ndata: {"jsonrpc":"2.0","id":0,"method":"sampling/createMessage","params":{"messages":[{"role":"user","content":{"type":"text","text":"Hi"}}],"maxTokens":5}}\n\n'
/** As servers that can resume a stream begin it. */
const PRIMING = 'id: ev-1\nretry: 1\ndata: \n\n'

describe.each([
  ['JSON', refuse('json'), ''],
  ['an event stream', refuse('event-stream'), ''],
  ['a stream with nothing released', refuseAfter(), ''],
  ['a stream with messages released', refuseAfter(log('one '), log('two ')), 'one two '],
  ['a stream that could be resumed', refuseAfter(PRIMING, log('one ')), 'one '],
  ['a stream with a question of the server open', refuseAfter(SAMPLING), ''],
])('a refusal as %s', (_, how, before) => {
  test('callTool shows it as an error of the tool, once', async () => {
    answer = how
    const connected = await connect()
    let said = ''
    connected.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
      said += String(params.data)
    })
    const result = await connected.callTool({ name: 'weather', arguments: { city: 'x' } })
    expect(result).toEqual({ content: [{ type: 'text', text: message }], isError: true })
    expect(said).toBe(before)
  })

  test('callTool holds it to no output schema', async () => {
    answer = how
    const connected = await connect()
    await connected.listTools()
    expect(await connected.callTool({ name: 'weather' })).toMatchObject({ isError: true })
  })

  test('getPrompt throws it', async () => {
    answer = how
    const failure = await (await connect()).getPrompt({ name: 'p' }).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(McpError)
    expect(failure).toMatchObject({
      code: -32010,
      message: `MCP error -32010: ${message}`,
      data: { reason: 'content_filter' },
    })
  })

  test('a call that is to run as a task throws it', async () => {
    answer = how
    const request = { method: 'tools/call', params: { name: 'weather', task: { ttl: 1000 } } } as const
    const failure = await (await connect())
      .request(request, CallToolResultSchema)
      .catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: -32010 })
  })
})

test('nothing follows the answer of a stream that has it', async () => {
  const done = `data: {"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"12"}]}}\n\n`
  answer = refuseAfter(log('one'), done)
  const connected = await connect()
  expect(await connected.callTool({ name: 'weather' })).toMatchObject({ content: [{ text: '12' }] })
  await connected.listTools()
  expect(errors).toEqual([])
})

test('an array of messages gets an array of answers', async () => {
  answer = refuse('json')
  const transport = new StreamableHTTPClientTransport(new URL('/mcp', origin))
  const received: unknown[] = []
  transport.onmessage = value => received.push(value)
  await transport.start()
  const call = (id: number, method: string) => ({
    jsonrpc: '2.0' as const,
    id,
    method,
    params: { name: 'x' },
  })
  // The transport sends what it is given; its type knows the protocol's newer versions only.
  await Reflect.apply(transport.send, transport, [[call(1, 'tools/call'), call(2, 'prompts/get')]])
  expect(received).toMatchObject([
    { id: 1, result: { isError: true } },
    { id: 2, error: { code: -32010 } },
  ])
  await transport.close()
})

describe('an error', () => {
  const fail =
    (status: number, known: 'request' | 'unread'): Answer =>
    request => {
      const context = { id: '0', request: known === 'request' ? request : undefined }
      return sent(mcp.error({ status, code: 'invalid_request', message: 'Too large' }, context), status)
    }

  test('is the protocol’s, asked for once', async () => {
    answer = fail(413, 'request')
    const failure = await (await connect()).callTool({ name: 'weather' }).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(McpError)
    expect(failure).toMatchObject({
      code: -32600,
      message: 'MCP error -32600: Too large',
      data: { status: 413 },
    })
    expect(posts).toBe(1)
  })

  test('is the transport’s where the request could not be read: the client does not wait', async () => {
    answer = fail(413, 'unread')
    const failure = await (await connect()).callTool({ name: 'weather' }).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(StreamableHTTPError)
    expect(failure).toMatchObject({ code: 413 })
    expect(String(failure)).toContain('"Too large"')
    expect(posts).toBe(1)
  })

  test('tells the sender of a notification', async () => {
    answer = fail(403, 'request')
    const sending = (await connect()).notification({
      method: 'notifications/progress',
      params: { progressToken: 1, progress: 1, message: 'x' },
    })
    await expect(sending).rejects.toMatchObject({ code: 403 })
  })
})

describe('the drivers', () => {
  const tokens = ['The ', 'river ', 'Weiß']
  let served: (body: string) => { contentType: string; chunks: readonly (string | Uint8Array)[] }
  let plain: Server
  let at: string
  const asked: string[] = []
  beforeAll(async () => {
    plain = createServer(async (request, response) => {
      let body = ''
      for await (const piece of request) body += piece
      asked.push(`${request.method} ${request.url} ${body}`)
      const { contentType, chunks } = served(body)
      response.writeHead(200, { 'content-type': contentType })
      for (const chunk of chunks) response.write(chunk)
      response.end()
    })
    await new Promise<void>(resolve => plain.listen(0, '127.0.0.1', resolve))
    at = `http://127.0.0.1:${(plain.address() as AddressInfo).port}`
  })
  afterAll(() => new Promise(resolve => plain.close(resolve)))
  afterEach(() => {
    asked.length = 0
  })

  describe.each(drivers.map(driver => [driver.name, driver] as const))('%s', (_, driver) => {
    const { path, body } = driver.request('hello')

    test('shows the whole text, and sends what the raw request is', async () => {
      served = () => driver.answer(tokens)
      expect(await driver.ask(at, 'hello')).toEqual({
        kind: 'answer',
        text: tokens.join(''),
        finish: undefined,
      })
      expect(asked).toHaveLength(1)
      const [method, url, ...sentBody] = asked[0]!.split(' ')
      expect([method, url]).toEqual(['POST', path])
      expect(JSON.parse(sentBody.join(' '))).toEqual(JSON.parse(String(body)))
    })

    test('answers with one chunk an event, each a text of the format', () => {
      const { contentType, chunks } = driver.answer(tokens)
      expect(chunks).toHaveLength(driver.streams ? tokens.length + 1 : 1)
      const bytes = new TextEncoder().encode(chunks.join(''))
      const streamed = mcp.openStream().push(bytes)
      const whole = driver.streams ? undefined : mcp.decodeResponse(bytes)
      const texts = driver.streams
        ? streamed.flatMap(({ parts }) =>
            parts.flatMap(part => (part.kind === 'text-delta' ? [part.text] : [])),
          )
        : whole?.kind === 'ok'
          ? whole.value.segments.map(({ text }) => text)
          : []
      expect(texts.join('')).toBe(tokens.join(''))
      expect(mcp.shapeOf(contentType, bytes)).toBe(driver.streams ? 'event-stream' : 'json')
    })

    test.each([
      ['refusal', 'answer', message],
      ['error', 'error', `MCP error -32010: ${message}`],
    ] as const)('shows a %s as it says', async (how, kind, said) => {
      served = body => {
        const request = decode(new TextEncoder().encode(body))
        const error = { status: 403, code: 'content_filter', message } as const
        const shape = driver.streams ? 'event-stream' : 'json'
        const reply =
          how === 'refusal' ? mcp.refusal(refusal(request), shape) : mcp.error(error, { id: '0', request })
        return { contentType: reply?.contentType ?? '', chunks: [reply?.body ?? ''] }
      }
      const { denied } = driver
      if (denied.kind !== 'answer') throw new Error('a tool call is refused by an answer')
      expect(await driver.ask(at, 'hello')).toEqual(
        kind === 'answer'
          ? { kind, text: said, finish: denied.finish }
          : { kind, status: undefined, message: said },
      )
    })
  })

  const streaming = drivers.filter(({ streams }) => streams)
  test.each(streaming.map(driver => [driver.name, driver] as const))(
    '%s shows what was out before a refusal',
    async (_, driver) => {
      const [first, second] = driver.answer(tokens).chunks
      served = body => refuseAfter(String(first), String(second))(decode(new TextEncoder().encode(body)))
      expect(driver.denied.kind).toBe('answer')
      expect(await driver.ask(at, 'hello')).toEqual({
        kind: 'answer',
        text: `The river ${message}`,
        finish: 'isError',
      })
    },
  )
})
