import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { AccessKey } from './sigv4.ts'

/** What the service hands out next; undefined: it refuses. */
export interface HandedOut {
  readonly key: Required<AccessKey>
  readonly expiresAtMs: number
}

export interface IdentityStub {
  /** Scheme, host and port. */
  readonly origin: string
  /** Method and path of all requests; for STS its action. */
  readonly requests: readonly string[]
  /** From now on this is handed out; undefined: requests are refused. */
  handOut(what: HandedOut | undefined): void
  /** Takes requests and answers them once `release` is called. */
  hold(): { release(): void }
  waitForRequests(count: number): Promise<void>
  close(): Promise<void>
}

interface StubRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

interface StubAnswer {
  /** How the request shows among `requests`. */
  readonly name: string
  readonly status: number
  readonly type: string
  readonly body: string
}

async function startStub(
  answer: (request: StubRequest, out: HandedOut | undefined) => StubAnswer,
): Promise<IdentityStub> {
  const requests: string[] = []
  let out: HandedOut | undefined
  let held = Promise.resolve()
  let waiters: { readonly count: number; readonly resolve: () => void }[] = []
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Uint8Array[] = []
    for await (const chunk of request) chunks.push(chunk)
    const { method = '', url: path = '', headers } = request
    const { name, status, type, body } = answer(
      { method, path, headers, body: `${Buffer.concat(chunks)}` },
      out,
    )
    requests.push(name)
    waiters = waiters.filter(({ count, resolve }) => requests.length < count || resolve())
    await held
    response.writeHead(status, { 'content-type': type }).end(body)
  }
  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    origin: `http://127.0.0.1:${port}`,
    requests,
    handOut: what => {
      out = what
    },
    hold: () => {
      const { promise, resolve } = Promise.withResolvers<void>()
      held = promise
      return { release: resolve }
    },
    waitForRequests: count =>
      requests.length >= count ? Promise.resolve() : new Promise(resolve => waiters.push({ count, resolve })),
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function expiration({ expiresAtMs }: HandedOut): string {
  return new Date(expiresAtMs).toISOString().replace(/\.\d+Z$/, 'Z')
}

/** STS as its query protocol has it: AssumeRoleWithWebIdentity by this token, and AssumeRole for who signs at all. */
export function startSts({ token, roleArn }: { readonly token: string; readonly roleArn: string }) {
  return startStub(({ method, headers, body }, out) => {
    const form = new URLSearchParams(body)
    const action = form.get('Action') ?? ''
    const signer = /Credential=([^/]+)\//.exec(headers.authorization ?? '')?.[1]
    const name = signer === undefined ? action : `${action} by ${signer}`
    const isAllowed =
      method === 'POST' &&
      form.get('RoleArn') === roleArn &&
      (form.get('RoleSessionName') ?? '') !== '' &&
      (action === 'AssumeRoleWithWebIdentity'
        ? form.get('WebIdentityToken') === token
        : action === 'AssumeRole' && signer !== undefined)
    if (!isAllowed || out === undefined) return { name, status: 403, type: 'text/xml', body: stsError() }
    const { id, secret, token: session } = out.key
    const credentials = `<Credentials><AccessKeyId>${id}</AccessKeyId><SecretAccessKey>${secret}</SecretAccessKey><SessionToken>${session}</SessionToken><Expiration>${expiration(out)}</Expiration></Credentials>`
    const result = `<${action}Result>${credentials}</${action}Result>`
    const metadata = '<ResponseMetadata><RequestId>r1</RequestId></ResponseMetadata>'
    const root = `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">${result}${metadata}</${action}Response>`
    return { name, status: 200, type: 'text/xml', body: root }
  })
}

function stsError(): string {
  return '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>Not authorized, text-that-must-not-leak</Message></Error><RequestId>r1</RequestId></ErrorResponse>'
}

/** The agent of EKS pod identity (and ECS): credentials as JSON for who brings the token of the file. */
export function startPodIdentity(token: string): Promise<IdentityStub> {
  return startStub(({ method, path, headers }, out) => {
    const name = `${method} ${path}`
    const type = 'application/json'
    if (method !== 'GET' || headers.authorization !== token || out === undefined) {
      return { name, status: 401, type, body: '{"Code":"AccessDenied","Message":"text-that-must-not-leak"}' }
    }
    const { id, secret, token: session } = out.key
    const body = JSON.stringify({
      AccessKeyId: id,
      SecretAccessKey: secret,
      Token: session,
      Expiration: expiration(out),
    })
    return { name, status: 200, type, body }
  })
}

/** The instance metadata service, version 2 only: a session by PUT, then its token in every GET. */
export function startImds(): Promise<IdentityStub> {
  const session = 'imds-session'
  const folder = '/latest/meta-data/iam/security-credentials/'
  return startStub(({ method, path, headers }, out) => {
    const name = `${method} ${path}`
    const text = (status: number, body: string): StubAnswer => ({ name, status, type: 'text/plain', body })
    if (method === 'PUT' && path === '/latest/api/token') {
      return headers['x-aws-ec2-metadata-token-ttl-seconds'] === undefined
        ? text(400, '')
        : text(200, session)
    }
    if (headers['x-aws-ec2-metadata-token'] !== session) return text(401, '')
    if (out === undefined) return text(404, '')
    if (path === folder) return text(200, 'instance-role')
    if (path !== `${folder}instance-role`) return text(404, '')
    const { id, secret, token } = out.key
    const type = { Code: 'Success', Type: 'AWS-HMAC', LastUpdated: '2026-01-01T00:00:00Z' }
    const keys = { AccessKeyId: id, SecretAccessKey: secret, Token: token, Expiration: expiration(out) }
    return text(200, JSON.stringify({ ...type, ...keys }))
  })
}
