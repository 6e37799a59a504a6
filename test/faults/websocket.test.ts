import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { connectionManagerOf, ENVOY_MODES, type EnvoyMode } from '../support/bootstrap.ts'
import { flagWordAsItGrows, policy, policySet, rule } from '../support/policies.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { fault } from './fault.ts'

/** A server that takes upgrades and echoes. */
async function startEcho(): Promise<{ address: string; stop(): Promise<void> }> {
  const server = http.createServer((_request, response) => response.writeHead(400).end())
  const sockets = new Set<Socket>()
  server.on('connection', socket => sockets.add(socket))
  server.on('upgrade', (_request, socket) => {
    socket.on('error', () => {})
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n')
    socket.pipe(socket)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  return {
    address: `127.0.0.1:${port}`,
    async stop() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** What comes of a request for an upgrade: its status, and what a message comes back as. */
function upgrade(base: string, path: string): Promise<{ status: number; echoed?: string }> {
  const headers = {
    connection: 'upgrade',
    upgrade: 'websocket',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'sec-websocket-version': '13',
  }
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; echoed?: string }>()
  const request = http.get(`${base}${path}`, { headers, agent: false })
  request.on('response', response => {
    response.resume()
    resolve({ status: response.statusCode ?? 0 })
  })
  request.on('upgrade', (response, socket) => {
    socket.on('error', reject)
    socket.once('data', data => {
      resolve({ status: response.statusCode ?? 0, echoed: String(data) })
      socket.destroy()
    })
    socket.write('a secret')
  })
  request.on('error', reject)
  return promise
}

const rules = [rule(flagWordAsItGrows('secret'))]
const guarded = policy({ inputRules: rules, outputRules: rules })

let echo: Awaited<ReturnType<typeof startEcho>>
beforeAll(async () => {
  echo = await startEcho()
})
afterAll(() => echo.stop())

/** A Weir behind an Envoy of our configs, which with `upgrade_configs` takes upgrades. */
function useStack(mode: EnvoyMode, upgrades: 'taken' | 'as-shipped'): () => Stack {
  let stack: Stack | undefined
  beforeAll(async () => {
    stack = await startStack(mode, {
      upstreamAddress: echo.address,
      overrides(bootstrap) {
        if (upgrades === 'as-shipped') return
        Object.assign(connectionManagerOf(bootstrap), { upgrade_configs: [{ upgrade_type: 'websocket' }] })
      },
    })
  })
  afterAll(() => stack?.stop())
  return () => {
    if (!stack) throw new Error('the stack starts with the tests')
    return stack
  }
}

describe('with our configs', () => {
  const stack = useStack('full-duplex', 'as-shipped')

  fault(
    {
      fault: 'a client asks for a WebSocket',
      client: '403, of Envoy',
      log: "`upgrade_failed` in Envoy's access log",
      kept: 'the LLM is not asked',
    },
    async () => {
      stack().use(policySet(guarded))
      for (const path of ['/v1/realtime', '/v1/chat/completions', '/v1/responses']) {
        expect(await upgrade(stack().envoy.address, path)).toEqual({ status: 403 })
      }
      await stack().envoy.logged(/"details":"upgrade_failed"/)
    },
  )
})

describe.each(ENVOY_MODES)('in %s, where Envoy is set to take upgrades', mode => {
  const stack = useStack(mode, 'taken')

  fault(
    {
      fault:
        'a client asks for a WebSocket where no API that Weir knows is, and Envoy is set to take upgrades',
      client: 'its WebSocket, unless `fail_mode: error`: then 500',
      log: '`weir_unsupported_total`; with `fail_mode: error` a `decision` with `unsupported`',
      kept: 'it does not hang; what it carries is not judged, and `fail_mode` says whether it may pass',
    },
    async () => {
      const { envoy, weir } = stack()
      stack().use(policySet(guarded))
      expect(await upgrade(envoy.address, '/v1/realtime')).toEqual({ status: 101, echoed: 'a secret' })
      expect(weir.telemetry.counts).toEqual(['unsupported'])
      stack().use(policySet({ ...guarded, failMode: 'error' }))
      expect(await upgrade(envoy.address, '/v1/realtime')).toEqual({ status: 500 })
      expect(await weir.telemetry.decided('request')).toMatchObject({
        effective: 'denied',
        because: 'unsupported',
      })
    },
  )
})

describe.each(ENVOY_MODES)('in %s, where Envoy is set to take upgrades', mode => {
  const stack = useStack(mode, 'taken')

  fault(
    {
      fault: 'a client asks for a WebSocket on the path of an API, and Envoy is set to take upgrades',
      client: '400, at once, whatever `fail_open` and `fail_mode` say',
      log: 'a `decision` with `denied`, because `unsupported`',
      kept: 'it does not hang, and nothing passes that is not judged',
    },
    async () => {
      const { envoy, weir } = stack()
      for (const failMode of ['skip', 'error'] as const) {
        stack().use(policySet({ ...guarded, failMode }))
        expect(await upgrade(envoy.address, '/v1/responses')).toEqual({ status: 400 })
        expect(await weir.telemetry.decided('request')).toMatchObject({
          effective: 'denied',
          because: 'unsupported',
        })
      }
    },
  )
})
