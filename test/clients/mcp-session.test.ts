import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { afterEach, expect, test } from 'vitest'
import { z } from 'zod'
import { type RunningEnvoy, startEnvoy } from '../support/envoy.ts'
import { flagWord, flagWordAsItGrows, policy, policySet, rule } from '../support/policies.ts'
import { type RunningWeir, startWeir } from '../support/weir.ts'

const guarded = policy({
  inputRules: [rule(flagWord('attack'))],
  outputRules: [rule(flagWordAsItGrows('secret'))],
  // What opens a session has no text by its nature: it is no matter of fail_mode.
  failMode: 'error',
})

let stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.reverse()) await stop()
  stops = []
})

/** A server with one tool, which asks its user back when it is told to. */
async function startServer(): Promise<Server> {
  const server = new McpServer({ name: 'sample', version: '1' })
  server.registerTool(
    'greet',
    { description: 'Greets', inputSchema: { name: z.string() } },
    async ({ name }) => {
      const properties = { name: { type: 'string' as const } }
      const requestedSchema = { type: 'object' as const, properties }
      const asked =
        name === 'ask'
          ? await server.server.elicitInput({ message: 'Your name?', requestedSchema })
          : { content: { name } }
      return { content: [{ type: 'text', text: `hello ${asked.content?.name}` }] }
    },
  )
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: () => randomUUID() })
  await server.connect(transport)
  const http = createServer((request, response) => void transport.handleRequest(request, response))
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  stops.push(() => {
    http.closeAllConnections()
    http.close()
  })
  stops.push(() => server.close())
  return http
}

async function connect(mode: 'full-duplex' | 'streamed'): Promise<{ client: Client; weir: RunningWeir }> {
  const http = await startServer()
  const { port } = http.address() as AddressInfo
  const weir = await startWeir(policySet(guarded))
  stops.push(() => weir.stop())
  const envoy: RunningEnvoy = await startEnvoy({
    mode,
    weirAddress: weir.address,
    upstreamAddress: `127.0.0.1:${port}`,
  })
  stops.push(() => envoy.stop())
  const client = new Client({ name: 'test', version: '1' }, { capabilities: { elicitation: {} } })
  client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: { name: 'Ada' } }))
  await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', envoy.address)))
  stops.push(() => client.close())
  return { client, weir }
}

test.each(['full-duplex', 'streamed'] as const)('a whole MCP session through Envoy in %s', async mode => {
  const { client, weir } = await connect(mode)
  const greet = (name: string) => client.callTool({ name: 'greet', arguments: { name } })
  const said = (text: string, extra = {}) => ({ ...extra, content: [{ type: 'text', text }] })
  expect((await client.listTools()).tools).toMatchObject([{ name: 'greet' }])
  expect(await greet('you')).toMatchObject(said('hello you'))
  // The tool's server asks, and waits, in the middle of a stream that is withheld.
  expect(await greet('ask')).toMatchObject(said('hello Ada'))
  expect(await greet('attack')).toMatchObject(said('Request blocked by policy', { isError: true }))
  expect(await greet('secret')).toMatchObject(said('Response blocked by policy', { isError: true }))
  expect(weir.telemetry.counts).not.toContain('unsupported')
  expect(new Set(weir.telemetry.records.map(({ format }) => format))).toEqual(new Set(['mcp']))
})
