import { createHook } from 'node:async_hooks'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { TLSSocket } from 'node:tls'
import { Agent, buildConnector, request } from 'undici'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ResolveAll } from '../../../src/service/egress.ts'
import { guardConnector } from '../../../src/service/egress.ts'
import { selfSigned } from '../guardrail/self-signed.ts'

/** Everything that was opened in a test, closed after it. */
const open: (() => Promise<unknown>)[] = []
/** Sockets that began to connect, to whatever address: the system knows of no others. */
let attempts = 0
const watch = createHook({
  init(_id, type) {
    if (type === 'TCPCONNECTWRAP') attempts++
  },
})

beforeEach(() => {
  attempts = 0
  watch.enable()
})

afterEach(async () => {
  watch.disable()
  for (const close of open.splice(0).reverse()) await close()
})

async function listen(server: Server): Promise<number> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

/** A server that answers with what it saw of the connection. */
async function startServer(handler: RequestListener = (_, response) => response.end('{}')) {
  const seen = { connections: 0, requests: 0, hosts: [] as (string | undefined)[] }
  const server = createServer((message, response) => {
    seen.requests++
    seen.hosts.push(message.headers.host)
    handler(message, response)
  })
  server.on('connection', () => seen.connections++)
  const port = await listen(server)
  open.push(() => new Promise(resolve => server.close(resolve).closeAllConnections()))
  return { port, seen }
}

/** Names and what they resolve to; a list of lists is one answer after the other, the last one for ever. */
function names(table: Readonly<Record<string, readonly (readonly string[])[]>>) {
  const asked: string[] = []
  const resolve: ResolveAll = (hostname, _options, callback) => {
    const answers = table[hostname] ?? []
    const answer = answers[Math.min(asked.filter(name => name === hostname).length, answers.length - 1)] ?? []
    asked.push(hostname)
    setImmediate(() =>
      callback(
        null,
        answer.map(address => ({ address, family: address.includes(':') ? 6 : 4 })),
      ),
    )
  }
  return { asked, resolve }
}

interface AgentOptions {
  readonly resolve?: ResolveAll
  readonly allowPlaintext?: boolean
  readonly tls?: buildConnector.BuildOptions
  /** `one` makes sockets ask for one address, as they do where autoSelectFamily is off. */
  readonly addresses?: 'all' | 'one'
}

/** An agent made as the HTTP client makes its own. */
function guardedAgent(options: AgentOptions): Agent {
  const { resolve, allowPlaintext = false, tls = {}, addresses = 'all' } = options
  const more = { ...tls, autoSelectFamily: addresses === 'all' }
  const connect = guardConnector(lookup => buildConnector({ timeout: 2000, ...more, lookup }), {
    allowPlaintext,
    resolve,
  })
  const agent = new Agent({ connections: 1, pipelining: 1, connect })
  open.push(() => agent.destroy())
  return agent
}

async function get(agent: Agent, url: string): Promise<string> {
  const { body } = await request(url, { dispatcher: agent })
  return body.text()
}

async function code(answer: Promise<unknown>): Promise<unknown> {
  const error: unknown = await answer.then(
    () => new Error('it succeeded'),
    thrown => thrown,
  )
  return error instanceof Error && 'code' in error ? error.code : error
}

type Done = (error: Error, socket: null) => void

describe('a connection over http', () => {
  test('is made to a name that resolves to loopback, with the name as its host', async () => {
    const { port, seen } = await startServer()
    const { asked, resolve } = names({ 'guard.test': [['127.0.0.1']] })
    expect(await get(guardedAgent({ resolve }), `http://guard.test:${port}/`)).toBe('{}')
    expect(seen.hosts).toEqual([`guard.test:${port}`])
    expect(asked).toEqual(['guard.test'])
    expect(attempts).toBe(1)
  })

  test('is made when sockets ask for one address only', async () => {
    const { port, seen } = await startServer()
    const { resolve } = names({ 'guard.test': [['127.0.0.1']], 'bad.test': [['127.0.0.1', 'fe80::1']] })
    const agent = guardedAgent({ resolve, addresses: 'one' })
    expect(await get(agent, `http://guard.test:${port}/`)).toBe('{}')
    expect(await code(get(agent, `http://bad.test:${port}/`))).toBe('WEIR_EGRESS_FORBIDDEN')
    expect(seen.connections).toBe(1)
    expect(attempts).toBe(1)
  })

  test.each([
    ['metadata', ['169.254.169.254']],
    ['mapped metadata', ['::ffff:a9fe:a9fe']],
    ['metadata over IPv6', ['fd00:ec2::254']],
    ['this host and metadata', ['127.0.0.1', '169.254.169.254']],
    ['metadata and this host', ['169.254.169.254', '127.0.0.1']],
  ])('is never begun to %s', async (_, addresses) => {
    const { port, seen } = await startServer()
    const { resolve } = names({ 'guard.test': [addresses] })
    const agent = guardedAgent({ resolve, allowPlaintext: true })
    expect(await code(get(agent, `http://guard.test:${port}/`))).toBe('WEIR_EGRESS_FORBIDDEN')
    expect(await code(get(agent, `https://guard.test:${port}/`))).toBe('WEIR_EGRESS_FORBIDDEN')
    expect(seen.connections).toBe(0)
    expect(attempts).toBe(0)
  })

  test.each(['169.254.169.254', '2852039166', '[::ffff:169.254.169.254]', '[fe80::1]', '0.0.0.0', '[::]'])(
    'is never begun to %s, which needs no lookup',
    async host => {
      const { port, seen } = await startServer()
      const { asked, resolve } = names({})
      const agent = guardedAgent({ resolve, allowPlaintext: true })
      expect(await code(get(agent, `http://${host}:${port}/`))).toBe('WEIR_EGRESS_FORBIDDEN')
      expect(await code(get(agent, `https://${host}:${port}/`))).toBe('WEIR_EGRESS_FORBIDDEN')
      expect({ asked, attempts, connections: seen.connections }).toEqual({
        asked: [],
        attempts: 0,
        connections: 0,
      })
    },
  )

  test('is never begun to a public address, by name or literally', async () => {
    const { resolve } = names({ 'guard.test': [['192.0.2.1']], 'both.test': [['127.0.0.1', '192.0.2.1']] })
    const agent = guardedAgent({ resolve })
    for (const host of ['guard.test', 'both.test', '192.0.2.1', '[2001:db8::1]'])
      expect(await code(get(agent, `http://${host}/`))).toBe('WEIR_EGRESS_PLAINTEXT')
    expect(attempts).toBe(0)
  })

  test('is kept alive: the next request asks no name', async () => {
    const { port, seen } = await startServer()
    const { asked, resolve } = names({ 'guard.test': [['127.0.0.1'], ['169.254.169.254']] })
    const agent = guardedAgent({ resolve })
    for (let round = 0; round < 3; round++) await get(agent, `http://guard.test:${port}/`)
    expect(seen).toMatchObject({ connections: 1, requests: 3 })
    expect(asked).toEqual(['guard.test'])
  })

  test('goes to the address that was judged; a new one is judged anew', async () => {
    const peers: (string | undefined)[] = []
    const { port, seen } = await startServer((message, response) => {
      peers.push(message.socket.localAddress)
      response.writeHead(200, { connection: 'close' }).end('{}')
    })
    const rebinding = [['127.0.0.1'], ['169.254.169.254'], ['127.0.0.1']]
    const { asked, resolve } = names({ 'guard.test': rebinding })
    const agent = guardedAgent({ resolve })
    const url = `http://guard.test:${port}/`
    expect(await get(agent, url)).toBe('{}')
    // One question only: a second one, between judging and connecting, would have got the other answer.
    expect({ asked: asked.length, attempts }).toEqual({ asked: 1, attempts: 1 })
    expect(await code(get(agent, url))).toBe('WEIR_EGRESS_FORBIDDEN')
    expect({ asked: asked.length, attempts }).toEqual({ asked: 2, attempts: 1 })
    // The refusal broke nothing: the agent connects again.
    expect(await get(agent, url)).toBe('{}')
    expect(peers).toEqual(['127.0.0.1', '127.0.0.1'])
    expect(seen.connections).toBe(2)
  })
})

describe('a connection over https', () => {
  async function startTlsServer() {
    const identity = selfSigned()
    const serverNames: (string | false | null | undefined)[] = []
    const server = createTlsServer(identity, (_, response) => response.end('{}'))
    server.on('secureConnection', socket => {
      if (socket instanceof TLSSocket) serverNames.push(socket.servername)
    })
    const port = await listen(server)
    open.push(() => new Promise(resolve => server.close(resolve).closeAllConnections()))
    return { port, serverNames, ca: identity.cert }
  }

  test('asks for and verifies the name, not the address it was pinned to', async () => {
    const { port, serverNames, ca } = await startTlsServer()
    const { asked, resolve } = names({ localhost: [['127.0.0.1']], 'other.test': [['127.0.0.1']] })
    const agent = guardedAgent({ resolve, tls: { ca } })
    expect(await get(agent, `https://localhost:${port}/`)).toBe('{}')
    expect(await code(get(agent, `https://other.test:${port}/`))).toBe('ERR_TLS_CERT_ALTNAME_INVALID')
    expect(await get(agent, `https://localhost:${port}/`)).toBe('{}')
    expect(serverNames[0]).toBe('localhost')
    expect(asked).toEqual(['localhost', 'other.test'])
  })

  test('still refuses a certificate that nobody vouches for', async () => {
    const { port } = await startTlsServer()
    const { resolve } = names({ localhost: [['127.0.0.1']] })
    const strict = guardedAgent({ resolve })
    expect(await code(get(strict, `https://localhost:${port}/`))).toBe('DEPTH_ZERO_SELF_SIGNED_CERT')
    const lax = guardedAgent({ resolve, tls: { rejectUnauthorized: false } })
    expect(await get(lax, `https://localhost:${port}/`)).toBe('{}')
  })
})

test('a refusal comes after the call has returned, as a socket would bring it', async () => {
  const calls: string[] = []
  const connect = guardConnector(() => (_: { hostname: string; protocol: string }, __: Done) => {}, {
    allowPlaintext: false,
  })
  await new Promise<void>(resolve => {
    connect({ hostname: '169.254.169.254', protocol: 'http:' }, () => {
      calls.push('called back')
      resolve()
    })
    calls.push('returned')
  })
  expect(calls).toEqual(['returned', 'called back'])
})
