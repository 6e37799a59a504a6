import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js'
import {
  LATEST_PROTOCOL_VERSION,
  LoggingMessageNotificationSchema,
  McpError,
} from '@modelcontextprotocol/sdk/types.js'
import type { ClientDriver, Shown } from '../driver.ts'

const PATH = '/mcp'
/** The client counts its requests from 0, and the handshake is the first. */
const ID = 1

const message = (value: object): string => JSON.stringify({ jsonrpc: '2.0', ...value })
const event = (value: object): string => `event: message\ndata: ${message(value)}\n\n`
const result = (text: string): object => ({ id: ID, result: { content: [{ type: 'text', text }] } })

/**
 * The handshake and the offer of a stream of the server's own are answered here, and only the one request of the test
 * goes to the origin: an answer is then the answer to that, whatever its server was told to say.
 */
const withoutHandshake: FetchLike = async (url, init) => {
  if (init?.method !== 'POST') return new Response(null, { status: 405 })
  const { id, method }: { id?: number; method?: string } = JSON.parse(String(init.body))
  if (method === 'notifications/initialized') return new Response(null, { status: 202 })
  if (method !== 'initialize') return fetch(url, init)
  const capabilities = { tools: {}, logging: {} }
  const serverInfo = { name: 'server', version: '1.0.0' }
  const body = message({ id, result: { protocolVersion: LATEST_PROTOCOL_VERSION, capabilities, serverInfo } })
  return new Response(body, { headers: { 'content-type': 'application/json' } })
}

/** What the server said while the tool was at work, and then the tool itself. */
async function callTool(origin: string, content: string): Promise<Shown> {
  const client = new Client({ name: 'test', version: '1.0.0' })
  let said = ''
  client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
    said += String(params.data)
  })
  await client.connect(new StreamableHTTPClientTransport(new URL(PATH, origin), { fetch: withoutHandshake }))
  try {
    const answer = await client.callTool({ name: 'echo', arguments: { content } })
    const blocks = Array.isArray(answer.content) ? answer.content : []
    const text = said + blocks.map(block => (block.type === 'text' ? block.text : '')).join('')
    return { kind: 'answer', text, finish: answer.isError === true ? 'isError' : undefined }
  } catch (error) {
    if (!(error instanceof McpError)) throw error
    // An error of the protocol comes by status 200 and has a code instead.
    return { kind: 'error', status: undefined, message: error.message }
  } finally {
    await client.close()
  }
}

const tool = {
  format: 'mcp',
  denied: { kind: 'answer', finish: 'isError', separator: '' },
  request: (content: string) => ({
    path: PATH,
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: message({ id: ID, method: 'tools/call', params: { name: 'echo', arguments: { content } } }),
  }),
  ask: callTool,
} as const

const whole: ClientDriver = {
  ...tool,
  name: '@modelcontextprotocol/sdk callTool',
  streams: false,
  answer: tokens => ({ contentType: 'application/json', chunks: [message(result(tokens.join('')))] }),
}

/** A tool's result comes whole. What can come bit by bit are the server's messages before it, each a text of its own. */
const streamed: ClientDriver = {
  ...tool,
  name: '@modelcontextprotocol/sdk callTool, stream',
  streams: true,
  answer: tokens => ({
    contentType: 'text/event-stream',
    chunks: [
      ...tokens.map(data => event({ method: 'notifications/message', params: { level: 'info', data } })),
      event({ id: ID, result: { content: [] } }),
    ],
  }),
}

export const drivers: readonly ClientDriver[] = [whole, streamed]
