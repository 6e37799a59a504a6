import { randomBytes, randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { z } from 'zod'

/** What stands at one path of a KV engine: its keys, or that its newest version was deleted. */
export type StubSecret = Readonly<Record<string, unknown>> | 'deleted'

export interface VaultStubOptions {
  /** Tokens that are let in besides those that a login gave. */
  readonly tokens?: readonly string[]
  /** By mount and path, as in `kv/team/lakera`. A token may read what stands here, and nothing else. */
  readonly secrets?: Record<string, StubSecret>
  /** Paths that exist and that no token may read. */
  readonly hidden?: readonly string[]
  readonly kubernetes?: { readonly mount: string; readonly role: string; readonly jwt: string }
  readonly namespace?: string
  readonly tls?: { readonly key: string; readonly cert: string }
}

/** What the server does instead of its work. */
export type VaultStubFault =
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'redirect'; readonly location: string }
  | { readonly kind: 'hang' }
  /** Half of the answer, and then the end of the connection. */
  | { readonly kind: 'cut' }
  | { readonly kind: 'reset' }
  | { readonly kind: 'body'; readonly body: string }

export interface VaultStub {
  readonly url: string
  /** `METHOD /path` of all that came, in order. */
  readonly requests: readonly string[]
  /** Tokens that a login gave and that were not given back. */
  readonly leases: ReadonlySet<string>
  readonly secrets: Record<string, StubSecret>
  /** Every request to such a path gets this fault from now on; undefined mends it. */
  fail(fault: VaultStubFault | undefined, path?: RegExp): void
  close(): Promise<void>
}

interface State {
  readonly options: VaultStubOptions
  readonly requests: string[]
  readonly leases: Set<string>
  readonly secrets: Record<string, StubSecret>
  fault: { readonly fault: VaultStubFault; readonly path: RegExp } | undefined
}

interface Answer {
  readonly status: number
  readonly json?: unknown
}

const DENIED: Answer = { status: 403, json: { errors: ['permission denied'] } }
const NOTHING: Answer = { status: 404, json: { errors: [] } }

/** The part of Vault's HTTP API that reads KV version 2, as strict as the service, on a free port of 127.0.0.1. */
export async function startVaultStub(options: VaultStubOptions): Promise<VaultStub> {
  const state: State = {
    options,
    requests: [],
    leases: new Set(),
    secrets: { ...options.secrets },
    fault: undefined,
  }
  const handler = (request: IncomingMessage, response: ServerResponse) => {
    handle(state, request, response).catch(() => response.destroy())
  }
  const server = options.tls ? createHttpsServer(options.tls, handler) : createHttpServer(handler)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: options.tls ? `https://localhost:${port}` : `http://127.0.0.1:${port}`,
    requests: state.requests,
    leases: state.leases,
    secrets: state.secrets,
    fail(fault, path = /./) {
      state.fault = fault && { fault, path }
    },
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function handle(state: State, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Uint8Array[] = []
  for await (const chunk of request) chunks.push(chunk)
  const path = request.url ?? ''
  state.requests.push(`${request.method} ${path}`)
  const answer = judge(state, request, Buffer.concat(chunks).toString('utf8'))
  const body = answer.json === undefined ? '' : JSON.stringify({ request_id: randomUUID(), ...answer.json })
  const fault = state.fault?.path.test(path) ? state.fault.fault : undefined
  switch (fault?.kind) {
    case undefined:
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(body)
      return
    case 'status':
      response.writeHead(fault.status, { 'content-type': 'application/json' }).end('{"errors":["as told"]}')
      return
    case 'redirect':
      response.writeHead(307, { location: fault.location }).end(body)
      return
    case 'hang':
      return
    case 'cut':
      response.writeHead(200, { 'content-length': body.length })
      response.write(body.slice(0, body.length / 2), () => response.destroy())
      return
    case 'reset':
      response.destroy()
      return
    case 'body':
      response.writeHead(200, { 'content-type': 'application/json' }).end(fault.body)
      return
    default:
      fault satisfies never
  }
}

function judge(state: State, { method, url = '', headers }: IncomingMessage, body: string): Answer {
  const { options } = state
  if (headers['x-vault-request'] !== 'true') return { status: 412, json: { errors: ['missing header'] } }
  if (headers['x-vault-namespace'] !== options.namespace) return DENIED
  const login = options.kubernetes && `/v1/auth/${options.kubernetes.mount}/login`
  if (url === login) return method === 'POST' ? logIn(state, body) : { status: 405, json: { errors: [] } }
  const token = String(headers['x-vault-token'])
  if (!options.tokens?.includes(token) && !state.leases.has(token)) return DENIED
  if (url === '/v1/auth/token/revoke-self' && method === 'POST') {
    state.leases.delete(token)
    return { status: 204 }
  }
  const [, mount, path] = /^\/v1\/([^/?]+)\/data\/([^?]+)$/.exec(url) ?? []
  if (method !== 'GET' || mount === undefined || path === undefined) return NOTHING
  const place = decodeURIComponent(`${mount}/${path}`)
  if (options.hidden?.includes(place)) return DENIED
  return secretAnswer(state.secrets[place])
}

const loginSchema = z.strictObject({ role: z.string(), jwt: z.string() })

function logIn({ options, leases }: State, body: string): Answer {
  const given = loginSchema.safeParse(JSON.parse(body)).data
  if (given?.role !== options.kubernetes?.role || given?.jwt !== options.kubernetes?.jwt) return DENIED
  const token = `hvs.${randomBytes(12).toString('hex')}`
  leases.add(token)
  return { status: 200, json: { auth: { client_token: token, lease_duration: 3600, renewable: true } } }
}

function secretAnswer(secret: StubSecret | undefined): Answer {
  if (secret === undefined) return NOTHING
  const metadata = { created_time: '2026-01-01T00:00:00Z', deletion_time: '', destroyed: false, version: 3 }
  if (secret !== 'deleted') return { status: 200, json: { data: { data: secret, metadata } } }
  return {
    status: 404,
    json: { data: { data: null, metadata: { ...metadata, deletion_time: '2026-01-02T00:00:00Z' } } },
  }
}
