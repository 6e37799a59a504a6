import type { RequestListener } from 'node:http'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Server, Socket } from 'node:net'
import { createServer as createTcpServer } from 'node:net'
import { expect } from 'vitest'
import { GuardrailFailure } from '../../../src/guardrail/guardrail.ts'

export const KEY = 'key-that-must-not-leak'
export const TEXT = 'text-that-must-not-leak'

/** The failure that a request ends in, checked for what no failure may tell. */
export async function failureOf(request: Promise<unknown>): Promise<GuardrailFailure> {
  const error: unknown = await request.then(
    () => new Error('the request succeeded'),
    thrown => thrown,
  )
  if (!(error instanceof GuardrailFailure)) throw error
  const told = `${error.stack} ${error.cause} ${JSON.stringify(error)}`
  for (const secret of [KEY, TEXT, 'Bad gateway', 'password']) expect(told).not.toContain(secret)
  return error
}

/** A deadline that has come or is to come, as run-scan aborts for it. */
export function deadline() {
  const controller = new AbortController()
  const pass = (): void => controller.abort(new GuardrailFailure('timeout', 'the guardrail took too long'))
  return { signal: controller.signal, pass }
}

export interface TestServer {
  readonly port: number
  readonly url: string
  /** TCP connections so far. */
  readonly connections: () => number
  close(): Promise<void>
}

async function listen(server: Server, scheme: 'http' | 'https'): Promise<TestServer> {
  const sockets = new Set<Socket>()
  let connections = 0
  server.on('connection', socket => {
    connections += 1
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `${scheme}://127.0.0.1:${port}/`,
    connections: () => connections,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

export function startServer(handler: RequestListener): Promise<TestServer> {
  return listen(createServer(handler), 'http')
}

export function startTlsServer(
  identity: { readonly key: string; readonly cert: string },
  handler: RequestListener = (_, response) => response.end('{}'),
): Promise<TestServer> {
  return listen(createTlsServer(identity, handler), 'https')
}

/** A server for what no HTTP library does: it gets the socket when the first bytes of a request are here. */
export function startRawServer(onRequest: (socket: Socket) => void): Promise<TestServer> {
  return listen(
    createTcpServer(socket => void socket.once('data', () => onRequest(socket))),
    'http',
  )
}

/** A server that takes connections and never says a word. */
export function startSilentServer(): Promise<TestServer> {
  return listen(
    createTcpServer(socket => void socket.resume()),
    'http',
  )
}
