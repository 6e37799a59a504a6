import {
  Agent as HttpAgent,
  type IncomingMessage,
  type RequestOptions,
  request as requestHttp,
} from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { EgressError, guardedLookup, literalRefusal } from '../service/egress.ts'
import type { VaultProblem, VaultSettings } from './vault-settings.ts'

/** One request of Vault's HTTP API. */
export interface VaultRequest {
  readonly method: 'GET' | 'POST'
  /** Below `/v1/`, its segments encoded. */
  readonly path: string
  /** Who asks; undefined to log in. */
  readonly token: string | undefined
  readonly body?: unknown
}

/** Any status, redirects included: they are never followed, since the token would go along. */
export interface VaultAnswer {
  readonly kind: 'answer'
  readonly status: number
  /** Undefined for what is not JSON. */
  readonly json: unknown
}

/** Sends one request and reads its answer. Never rejects, and no message holds what was sent or answered. */
export type AskVault = (request: VaultRequest) => Promise<VaultAnswer | VaultProblem>

export interface VaultClient {
  readonly ask: AskVault
  close(): void
}

/** For the whole of a request, its connection included. */
const TIMEOUT_MS = 5000
/** A secret is small; a longer answer is not read to its end. */
const MAX_ANSWER_BYTES = 1024 * 1024
const MAX_CONNECTIONS = 8

/**
 * A client for one round of requests. By node's own HTTP client, which takes a CA for this connection only; the
 * addresses that it may connect to are those of guardrails.
 */
export function openVaultClient(
  settings: Pick<VaultSettings, 'address' | 'plaintext' | 'namespace' | 'ca'>,
  timeoutMs: number = TIMEOUT_MS,
): VaultClient {
  const { address, ca } = settings
  const protocol = address.protocol === 'https:' ? 'https:' : 'http:'
  const allowPlaintext = settings.plaintext === 'public-too'
  const options = {
    keepAlive: true,
    maxSockets: MAX_CONNECTIONS,
    lookup: guardedLookup({ protocol, allowPlaintext }),
  }
  const agent =
    protocol === 'https:'
      ? new HttpsAgent({ ...options, ...(ca === undefined ? {} : { ca }) })
      : new HttpAgent(options)
  const send = protocol === 'https:' ? requestHttps : requestHttp
  return {
    async ask(request) {
      const refusal = literalRefusal(address, { allowPlaintext })
      if (refusal !== undefined) return failed(new EgressError(refusal), timeoutMs)
      const signal = AbortSignal.timeout(timeoutMs)
      try {
        return await exchange(send, requestOptions(request, settings, agent, signal), request)
      } catch (error) {
        return failed(signal.aborted ? signal.reason : error, timeoutMs)
      }
    },
    close: () => agent.destroy(),
  }
}

function requestOptions(
  { method, path, token, body }: VaultRequest,
  { address, namespace }: Pick<VaultSettings, 'address' | 'namespace'>,
  agent: HttpAgent,
  signal: AbortSignal,
): RequestOptions {
  return {
    agent,
    signal,
    method,
    protocol: address.protocol,
    // Sockets take IPv6 addresses without their brackets.
    hostname: address.hostname.replace(/^\[|\]$/g, ''),
    port: address.port,
    path: `${address.pathname.replace(/\/+$/, '')}/v1/${path}`,
    headers: {
      accept: 'application/json',
      // Vault's own agent answers only to requests that a browser cannot be made to send.
      'x-vault-request': 'true',
      ...(token === undefined ? {} : { 'x-vault-token': token }),
      ...(namespace === undefined ? {} : { 'x-vault-namespace': namespace }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
  }
}

function exchange(
  send: typeof requestHttp,
  options: RequestOptions,
  { body }: VaultRequest,
): Promise<VaultAnswer | VaultProblem> {
  return new Promise((resolve, reject) => {
    const request = send(options, response => {
      readAnswer(response).then(resolve, reject)
    })
    request.on('error', reject)
    request.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

async function readAnswer(response: IncomingMessage): Promise<VaultAnswer | VaultProblem> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of response) {
    const bytes: Uint8Array = chunk
    length += bytes.byteLength
    // Leaving the loop destroys the response, and with it the connection.
    if (length > MAX_ANSWER_BYTES) return problem(`Vault answered more than ${MAX_ANSWER_BYTES} bytes`)
    chunks.push(bytes)
  }
  const json = parseJson(Buffer.concat(chunks, length))
  return { kind: 'answer', status: response.statusCode ?? 0, json }
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    // The error would quote the text around it.
    return undefined
  }
}

function failed(error: unknown, timeoutMs: number): VaultProblem {
  if (error instanceof EgressError) {
    return problem(
      error.code === 'WEIR_EGRESS_PLAINTEXT'
        ? 'VAULT_ADDR must be https: http goes to loopback and private addresses only, or with VAULT_ALLOW_PLAINTEXT=true'
        : 'VAULT_ADDR is an address that Weir never connects to',
    )
  }
  if (error instanceof DOMException && error.name === 'TimeoutError')
    return problem(`Vault did not answer within ${timeoutMs} ms`)
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return problem(`Vault cannot be reached (${/^[A-Z0-9_]{1,60}$/.test(code) ? code : 'no code'})`)
}

function problem(message: string): VaultProblem {
  return { kind: 'problem', message }
}
