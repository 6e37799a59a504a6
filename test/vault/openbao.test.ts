import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { parseReference } from '../../src/config/secret-reference.ts'
import { readVault } from '../../src/config/vault.ts'
import { type OpenBao, startOpenBao } from '../support/openbao.ts'
import { sources } from '../unit/config/given.ts'
import { selfSigned } from '../unit/guardrail/self-signed.ts'

const LAKERA = '$secret://vault/secret/team a/lakera/api_key'
const READ_TEAM_A = 'path "secret/data/team a/*" { capabilities = ["read"] }'
const loginAnswer = z.object({ auth: z.object({ client_token: z.string() }) })

let bao: OpenBao
let token: string
beforeAll(async () => {
  bao = await startOpenBao()
  await bao.write('sys/policies/acl/team-a', { policy: READ_TEAM_A })
  const login = await bao.write('auth/token/create', { policies: ['team-a'], no_default_policy: true })
  token = loginAnswer.parse(login).auth.client_token
})
afterAll(() => bao.stop())

async function read(text: string, env: Record<string, string> = {}, files: Record<string, string> = {}) {
  const reference = parseReference(text)
  if (reference?.kind !== 'vault') throw new Error(`${text} is no reference to Vault`)
  const given = sources({
    env: { VAULT_ADDR: bao.url, VAULT_TOKEN: token, ...env },
    readFile: path => files[path] ?? '',
  })
  return (await readVault([reference], given)).find(reference)
}

const problem = (message: string) => ({ kind: 'problem', message: expect.stringContaining(message) })

describe('a real OpenBao', () => {
  test('gives the newest version of a secret', async () => {
    const path = `secret/data/${encodeURIComponent('team a')}/lakera`
    await bao.write(path, { data: { api_key: 'first' } })
    expect(await read(LAKERA)).toEqual({ kind: 'value', value: 'first' })
    await bao.write(path, { data: { api_key: 'second' } })
    expect(await read(LAKERA)).toEqual({ kind: 'value', value: 'second' })
  })

  test('says why it does not', async () => {
    const encoded = encodeURIComponent('team a')
    await bao.write(`secret/data/${encoded}/odd`, { data: { empty: '', number: 7 } })
    await bao.write(`secret/data/${encoded}/gone`, { data: { k: 'v' } })
    await bao.write(`secret/data/${encoded}/gone`, {}, 'DELETE')
    const at = (place: string) => read(`$secret://vault/${place}`)
    expect(await at('secret/team a/odd/empty')).toEqual(problem('is empty'))
    expect(await at('secret/team a/odd/number')).toEqual(problem('is not text'))
    expect(await at('secret/team a/odd/nope')).toEqual(problem('has no key nope'))
    expect(await at('secret/team a/gone/k')).toEqual(
      problem('the newest version of secret/team a/gone in Vault is deleted'),
    )
    expect(await at('secret/team a/nope/k')).toEqual(problem('no secret at secret/team a/nope (status 404)'))
    expect(await at('secret/team-b/lakera/k')).toEqual(problem('(status 403)'))
    expect(await at('nope/team a/lakera/k')).toEqual(problem('(status 403)'))
    expect(await read(LAKERA, { VAULT_TOKEN: 's.nobody' })).toEqual(problem('(status 403)'))
  })

  test('refuses an engine of version 1', async () => {
    await bao.write('sys/mounts/old', { type: 'kv', options: { version: '1' } })
    await bao.write('old/data/team/lakera', { api_key: 'of-version-1' })
    await bao.write('sys/policies/acl/old', { policy: 'path "old/*" { capabilities = ["read"] }' })
    const login = loginAnswer.parse(await bao.write('auth/token/create', { policies: ['old'] }))
    const found = await read('$secret://vault/old/team/lakera/api_key', {
      VAULT_TOKEN: login.auth.client_token,
    })
    expect(found).toEqual(problem('is not that of a KV engine, version 2'))
  })
})

/** What Kubernetes does for a login: it says whose token this is. */
async function startTokenReview(jwt: string): Promise<Server> {
  const server = createServer(async (request, response) => {
    const chunks: Uint8Array[] = []
    for await (const chunk of request) chunks.push(chunk)
    const review = JSON.parse(Buffer.concat(chunks).toString('utf8'))
    const user = { username: 'system:serviceaccount:gateway:weir', uid: 'uid-1', groups: [] }
    const status = review.spec.token === jwt ? { authenticated: true, user } : { authenticated: false }
    response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify({ ...review, status }))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return server
}

/** The token of a service account; whether it is genuine only Kubernetes can tell. */
function serviceAccountToken(): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const sec = Math.floor(Date.now() / 1000)
  const claims = {
    iss: 'https://kubernetes.default.svc',
    sub: 'system:serviceaccount:gateway:weir',
    exp: sec + 3600,
    iat: sec,
    nbf: sec,
    'kubernetes.io': { namespace: 'gateway', serviceaccount: { name: 'weir', uid: 'uid-1' } },
  }
  const signature = Buffer.alloc(256, 1).toString('base64url')
  return `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}.${signature}`
}

describe('Kubernetes auth of a real OpenBao', () => {
  const jwt = serviceAccountToken()
  let kubernetes: Server
  beforeAll(async () => {
    kubernetes = await startTokenReview(jwt)
    const { port } = kubernetes.address() as AddressInfo
    await bao.write('sys/auth/kubernetes', { type: 'kubernetes' })
    await bao.write('auth/kubernetes/config', {
      kubernetes_host: `http://127.0.0.1:${port}`,
      token_reviewer_jwt: jwt,
      // Asked for even where plain http is spoken, as here.
      kubernetes_ca_cert: selfSigned().cert,
      disable_local_ca_jwt: true,
    })
    await bao.write('auth/kubernetes/role/weir', {
      bound_service_account_names: ['weir'],
      bound_service_account_namespaces: ['gateway'],
      policies: ['team-a'],
    })
    await bao.write(`secret/data/${encodeURIComponent('team a')}/k8s`, { data: { api_key: 'by-login' } })
  })
  afterAll(() => new Promise(resolve => kubernetes.close(resolve)))

  const env = { VAULT_TOKEN: '', VAULT_K8S_ROLE: 'weir', VAULT_K8S_TOKEN_FILE: '/jwt' }
  const reference = '$secret://vault/secret/team a/k8s/api_key'

  test('lets the service account in, and keeps no token of it', async () => {
    expect(await read(reference, env, { '/jwt': `${jwt}\n` })).toEqual({ kind: 'value', value: 'by-login' })
    const accessors = z.object({ data: z.object({ keys: z.array(z.string()) }) })
    const left = accessors.parse(await bao.list('auth/token/accessors')).data.keys
    const owners = await Promise.all(
      left.map(accessor => bao.write('auth/token/lookup-accessor', { accessor })),
    )
    expect(JSON.stringify(owners)).not.toContain('kubernetes')
  })

  test('lets nobody else in', async () => {
    const refused = problem('Vault refused the login by Kubernetes auth (status 403)')
    expect(await read(reference, env, { '/jwt': `${jwt.slice(0, -4)}AAAA` })).toEqual(refused)
    expect(await read(reference, { ...env, VAULT_K8S_ROLE: 'other' }, { '/jwt': jwt })).toEqual(
      problem('Vault refused the login by Kubernetes auth'),
    )
  })
})
