import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { assertNever, WeirError } from '../errors.ts'
import { readerProblem } from './callers.ts'
import type { Log } from './log.ts'
import { failure, json, type Page, send, text, wrongMethod } from './page.ts'

/** Where to listen. */
export type AdminAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }

export type Readiness = { readonly ready: true } | { readonly ready: false; readonly why: string }

export interface AdminDeps {
  /** Asked on every probe. */
  readonly readiness: () => Readiness
  readonly metrics: { readonly contentType: string; render(): Promise<string> }
  /** The config in force, secrets masked, as plain data. */
  readonly maskedConfig: () => unknown
  /** Host names, beside IP addresses and localhost, by which the config may be asked for; lower case. */
  readonly hosts: readonly string[]
  readonly log: Log
  /** None when absent. */
  readonly more?: MorePages | undefined
}

/** Pages beside the admin listener's own. */
export interface MorePages {
  /** Answers a request for one of its pages, now or later, and says whether it was one. */
  answer(request: IncomingMessage, response: ServerResponse): boolean
  /** Ends what it keeps open. */
  close(): void
}

export interface AdminServer {
  /**
   * Resolves with the address that was bound, `host:port` or `unix:///path`.
   *
   * @throws WeirError `address-in-use` when it cannot be bound
   */
  listen(address: AdminAddress): Promise<string>
  /** Resolves when no connection is left; those that are open are cut. */
  close(): Promise<void>
}

/** Probes, scrapers and a few people: one more connection than this is dropped. */
const MAX_CONNECTIONS = 256
const REQUEST_TIMEOUT_MS = 10_000

/**
 * The admin listener: /healthz, /readyz, /metrics and /config, which read no request body and show no content, and what
 * `more` has.
 */
export function createAdminServer(deps: AdminDeps): AdminServer {
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    if (deps.more?.answer(request, response)) return
    answer(request, deps).then(
      page => send(response, page),
      (error: unknown) => {
        deps.log.error('admin request failed', { err: error })
        send(response, failure(500, 'internal error'))
      },
    )
  })
  server.maxConnections = MAX_CONNECTIONS
  return {
    listen: address => listen(server, address),
    close: () =>
      new Promise(resolve => {
        deps.more?.close()
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function answer(request: IncomingMessage, deps: AdminDeps): Promise<Page> {
  const path = (request.url ?? '').split('?', 1)[0]
  if (!['/healthz', '/readyz', '/metrics', '/config'].includes(path ?? ''))
    return failure(404, 'no such page')
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return wrongMethod('GET, HEAD')
  }
  switch (path) {
    case '/readyz':
      return readiness(deps.readiness())
    case '/metrics':
      // By any name: scrapers ask by that of a service, which nobody could list beforehand.
      return { status: 200, contentType: deps.metrics.contentType, body: await deps.metrics.render() }
    case '/config': {
      const problem = readerProblem(request.headers, deps.hosts)
      return problem === undefined ? json(200, deps.maskedConfig()) : failure(403, problem)
    }
    default:
      return text(200, 'ok')
  }
}

function readiness(state: Readiness): Page {
  return state.ready ? text(200, 'ok') : text(503, state.why)
}

function listen(server: Server, address: AdminAddress): Promise<string> {
  return new Promise((resolve, reject) => {
    const failed = (cause: Error) => reject(listenError(address, cause))
    server.once('error', failed)
    const listening = () => {
      server.off('error', failed)
      resolve(boundAddress(server, address))
    }
    switch (address.kind) {
      case 'tcp':
        server.listen(address.port, address.host, listening)
        return
      case 'unix':
        server.listen(address.path, listening)
        return
      default:
        assertNever(address)
    }
  })
}

function listenError(address: AdminAddress, cause: Error): WeirError {
  const code = 'code' in cause ? String(cause.code) : cause.message
  const why = code === 'EADDRINUSE' ? 'it is in use' : code
  const message = `cannot listen on ${show(address)}: ${why}; choose another address by server.admin or --admin`
  return new WeirError('address-in-use', message, { cause })
}

function boundAddress(server: Server, address: AdminAddress): string {
  const bound = server.address()
  return isAddressInfo(bound) && address.kind === 'tcp'
    ? show({ ...address, port: bound.port })
    : show(address)
}

function isAddressInfo(value: AddressInfo | string | null): value is AddressInfo {
  return typeof value === 'object' && value !== null
}

function show(address: AdminAddress): string {
  if (address.kind === 'unix') return `unix://${address.path}`
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
}
