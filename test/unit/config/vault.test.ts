import { afterEach, describe, expect, it } from 'vitest'
import { parseReference, type VaultReference } from '../../../src/config/secret-reference.ts'
import { readVault } from '../../../src/config/vault.ts'
import {
  startVaultStub,
  type VaultStub,
  type VaultStubFault,
  type VaultStubOptions,
} from '../../support/vault-stub.ts'
import { selfSigned } from '../guardrail/self-signed.ts'
import { sources } from './given.ts'

const TOKEN = 'hvs.canary-of-the-token'
const JWT = 'canary.of.the-jwt'
const VALUE = 'canary-of-the-value'
const LAKERA = '$secret://vault/kv/team/lakera/api_key'

let vault: VaultStub | undefined
afterEach(async () => {
  await vault?.close()
  vault = undefined
})

async function start(options: VaultStubOptions = {}): Promise<VaultStub> {
  vault = await startVaultStub({
    tokens: [TOKEN],
    secrets: { 'kv/team/lakera': { api_key: VALUE, other: 'second' } },
    ...options,
  })
  return vault
}

interface Given {
  readonly env?: Record<string, string>
  readonly files?: Record<string, string>
  readonly timeoutMs?: number
}

function referenceOf(text: string): VaultReference {
  const reference = parseReference(text)
  if (reference?.kind !== 'vault') throw new Error(`${text} is no reference to Vault`)
  return reference
}

/** What each reference resolves to, asked all together. */
async function read(texts: readonly string[], { env = {}, files = {}, timeoutMs }: Given = {}) {
  const references = texts.map(referenceOf)
  const given = sources({
    env: { ...(vault && { VAULT_ADDR: vault.url }), VAULT_TOKEN: TOKEN, ...env },
    readFile: path => {
      const text = files[path]
      if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
      return text
    },
  })
  const answers = await readVault(references, given, timeoutMs)
  return { found: references.map(answers.find), credentials: answers.credentials }
}

const value = (text: string) => ({ kind: 'value', value: text })
const problem = (message: string) => ({ kind: 'problem', message: expect.stringContaining(message) })

describe('reading secrets in Vault', () => {
  it('asks nothing and needs no variable without a reference', async () => {
    const answers = await readVault([], sources())
    expect(answers.find(referenceOf(LAKERA))).toEqual(problem('Vault was not asked'))
  })

  it('reads each secret once, whatever number of its keys is asked for', async () => {
    const { requests } = await start({
      secrets: { 'kv/team/lakera': { api_key: VALUE, other: 'second' }, 'kv/a b/c#d': { k: 'third' } },
    })
    const { found, credentials } = await read([
      LAKERA,
      '$secret://vault/kv/team/lakera/other',
      LAKERA,
      '$secret://vault/kv/a b/c#d/k',
    ])
    expect(found).toEqual([value(VALUE), value('second'), value(VALUE), value('third')])
    expect(requests.toSorted()).toEqual(['GET /v1/kv/data/a%20b/c%23d', 'GET /v1/kv/data/team/lakera'])
    expect(credentials).toContain(TOKEN)
  })

  it('takes the token from a file, and sends the namespace', async () => {
    await start({ namespace: 'team-a/' })
    const env = { VAULT_TOKEN: '', VAULT_TOKEN_FILE: '/run/token', VAULT_NAMESPACE: 'team-a/' }
    const { found } = await read([LAKERA], { env, files: { '/run/token': `${TOKEN}\n` } })
    expect(found).toEqual([value(VALUE)])
  })

  it.each([
    ['kubernetes', {}, '/var/run/secrets/kubernetes.io/serviceaccount/token'],
    ['k8s/east', { VAULT_K8S_MOUNT: 'k8s/east', VAULT_K8S_TOKEN_FILE: '/run/jwt' }, '/run/jwt'],
  ])('logs in by Kubernetes auth at %s, and gives its token back', async (mount, env, file) => {
    const { leases, requests } = await start({ kubernetes: { mount, role: 'weir', jwt: JWT } })
    const { found, credentials } = await read([LAKERA], {
      env: { VAULT_TOKEN: '', VAULT_K8S_ROLE: 'weir', ...env },
      files: { [file]: `${JWT}\n` },
    })
    expect(found).toEqual([value(VALUE)])
    expect(requests).toHaveLength(3)
    expect([...leases]).toEqual([])
    expect(credentials).toEqual([JWT, expect.stringMatching(/^hvs\./)])
  })

  it('verifies the certificate, by the CA that is named', async () => {
    const tls = selfSigned()
    await start({ tls })
    expect((await read([LAKERA])).found).toEqual([
      problem('Vault cannot be reached (DEPTH_ZERO_SELF_SIGNED_CERT)'),
    ])
    const trusting = await read([LAKERA], {
      env: { VAULT_CACERT: '/ca.pem' },
      files: { '/ca.pem': tls.cert },
    })
    expect(trusting.found).toEqual([value(VALUE)])
    const other = await read([LAKERA], {
      env: { VAULT_CACERT: '/ca.pem' },
      files: { '/ca.pem': selfSigned().cert },
    })
    expect(other.found).toEqual([problem('Vault cannot be reached (')])
  })
})

describe('a secret that Vault does not give', () => {
  it.each<[string, string, string]>([
    ['a path that is not there', '$secret://vault/kv/nope/k', 'Vault has no secret at kv/nope (status 404)'],
    ['a mount that is not there', '$secret://vault/nope/team/lakera/k', 'no secret at nope/team/lakera'],
    ['a deleted version', '$secret://vault/kv/gone/k', 'the newest version of kv/gone in Vault is deleted'],
    [
      'what the token may not read',
      '$secret://vault/kv/hidden/k',
      'does not let this token read kv/hidden (status 403)',
    ],
    ['a missing key', '$secret://vault/kv/odd/nope', 'the secret kv/odd in Vault has no key nope'],
    ['an inherited key', '$secret://vault/kv/odd/toString', 'the secret kv/odd in Vault has no key toString'],
    ['an empty value', '$secret://vault/kv/odd/empty', 'the key empty of kv/odd in Vault is empty'],
    ['a number', '$secret://vault/kv/odd/number', 'the key number of kv/odd in Vault is not text'],
    ['null', '$secret://vault/kv/odd/null', 'the key null of kv/odd in Vault is not text'],
  ])('%s', async (_name, reference, message) => {
    await start({
      hidden: ['kv/hidden'],
      secrets: {
        'kv/team/lakera': { api_key: VALUE },
        'kv/gone': 'deleted',
        'kv/odd': { empty: '', number: 7, null: null },
      },
    })
    const { found } = await read([reference, LAKERA])
    expect(found).toEqual([problem(message), value(VALUE)])
  })

  const huge = JSON.stringify({
    data: { data: { api_key: 'x'.repeat(1024 * 1024) }, metadata: { version: 1 } },
  })

  it.each<[string, VaultStubFault, string]>([
    ['500', { kind: 'status', status: 500 }, 'Vault answered status 500'],
    ['sealed', { kind: 'status', status: 503 }, 'Vault answered status 503'],
    ['429', { kind: 'status', status: 429 }, 'Vault answered status 429'],
    [
      'a redirect',
      { kind: 'redirect', location: 'http://127.0.0.1:1/' },
      'Vault redirects (status 307), which is not followed',
    ],
    ['a reset', { kind: 'reset' }, 'Vault cannot be reached (ECONNRESET)'],
    ['a cut answer', { kind: 'cut' }, 'Vault cannot be reached (ECONNRESET)'],
    ['silence', { kind: 'hang' }, 'Vault did not answer within 200 ms'],
    ['not JSON', { kind: 'body', body: `<html>${VALUE}` }, 'is not that of a KV engine, version 2'],
    [
      'version 1 of the engine',
      { kind: 'body', body: `{"data":{"api_key":"${VALUE}"}}` },
      'not that of a KV engine',
    ],
    [
      'version 1 with a key called data',
      { kind: 'body', body: '{"data":{"data":{"api_key":"x"}}}' },
      'not that of a KV engine',
    ],
    [
      'a null for the keys',
      { kind: 'body', body: '{"data":{"data":null,"metadata":{"version":1}}}' },
      'is not that of a KV',
    ],
    ['an answer that is too long', { kind: 'body', body: huge }, 'Vault answered more than 1048576 bytes'],
  ])('%s', async (_name, fault, message) => {
    const stub = await start()
    stub.fail(fault)
    const { found } = await read([LAKERA], { timeoutMs: fault.kind === 'hang' ? 200 : 5000 })
    expect(found).toEqual([problem(message)])
    expect(JSON.stringify(found)).not.toMatch(/canary/)
  })

  it.each<[string, Record<string, string>, string]>([
    ['no address', { VAULT_ADDR: '' }, 'VAULT_ADDR is not set'],
    ['no URL', { VAULT_ADDR: 'vault:8200' }, 'VAULT_ADDR must be an https URL'],
    ['credentials', { VAULT_ADDR: `https://u:${TOKEN}@vault` }, 'VAULT_ADDR must not carry credentials'],
    ['a query', { VAULT_ADDR: 'https://vault/?x' }, 'VAULT_ADDR must end with its path'],
    // Of the range for documentation (RFC 5737), where nobody is.
    ['http to a public address', { VAULT_ADDR: 'http://203.0.113.7:8200' }, 'VAULT_ADDR must be https'],
    ['an address of nobody', { VAULT_ADDR: 'https://0.0.0.0:1' }, 'VAULT_ADDR is an address that Weir never'],
    [
      'an address of nobody in plain text',
      { VAULT_ADDR: 'http://[::ffff:0.0.0.0]:1', VAULT_ALLOW_PLAINTEXT: 'true' },
      'VAULT_ADDR is an address that Weir never',
    ],
    ['nobody there', { VAULT_ADDR: 'http://127.0.0.1:1' }, 'Vault cannot be reached (ECONNREFUSED)'],
    [
      'nobody who asks',
      { VAULT_TOKEN: '' },
      'none of VAULT_TOKEN, VAULT_TOKEN_FILE and VAULT_K8S_ROLE is set',
    ],
    ['a wrong token', { VAULT_TOKEN: 'hvs.canary-wrong' }, 'does not let this token read'],
    ['a token with a blank', { VAULT_TOKEN: `${TOKEN} ${TOKEN}` }, 'VAULT_TOKEN holds a blank'],
    [
      'a missing token file',
      { VAULT_TOKEN: '', VAULT_TOKEN_FILE: '/nope' },
      'VAULT_TOKEN_FILE: the secret file /nope cannot be read: there is no such file',
    ],
    [
      'an empty token file',
      { VAULT_TOKEN: '', VAULT_TOKEN_FILE: '/empty' },
      'VAULT_TOKEN_FILE: the secret is empty',
    ],
    ['a missing CA', { VAULT_CACERT: '/nope' }, 'VAULT_CACERT: /nope cannot be read: there is no such file'],
    ['a CA that is none', { VAULT_CACERT: '/jwt' }, 'VAULT_CACERT: /jwt holds no PEM certificate'],
    ['a namespace with a line end', { VAULT_NAMESPACE: 'a\r\nx: y' }, 'VAULT_NAMESPACE holds a blank'],
    [
      'a mount that leads away',
      { VAULT_TOKEN: '', VAULT_K8S_ROLE: 'weir', VAULT_K8S_MOUNT: '../sys' },
      'VAULT_K8S_MOUNT must be',
    ],
    [
      'no service account',
      { VAULT_TOKEN: '', VAULT_K8S_ROLE: 'weir' },
      "the service account's token: the secret file",
    ],
    [
      'a wrong role',
      { VAULT_TOKEN: '', VAULT_K8S_ROLE: 'other', VAULT_K8S_TOKEN_FILE: '/jwt' },
      'refused the login by Kubernetes auth (status 403)',
    ],
  ])('with %s', async (_name, env, message) => {
    await start({ kubernetes: { mount: 'kubernetes', role: 'weir', jwt: JWT } })
    const { found } = await read([LAKERA, '$secret://vault/kv/team/lakera/other'], {
      env,
      files: { '/jwt': JWT, '/empty': '\n' },
    })
    expect(found).toEqual([problem(message), problem(message)])
    expect(JSON.stringify(found)).not.toMatch(/canary/)
  })

  it('takes nothing but true for the leave to ask a public address over http', async () => {
    const env = { VAULT_ADDR: 'http://203.0.113.7:8200', VAULT_ALLOW_PLAINTEXT: 'yes' }
    expect((await read([LAKERA], { env })).found).toEqual([problem('VAULT_ADDR must be https')])
  })

  it('tells the token to nobody who answers a redirect', async () => {
    const other = await startVaultStub({ tokens: [TOKEN], secrets: { 'kv/team/lakera': { api_key: 'x' } } })
    try {
      const stub = await start()
      stub.fail({ kind: 'redirect', location: `${other.url}/v1/kv/data/team/lakera` })
      expect((await read([LAKERA])).found).toEqual([problem('which is not followed')])
      expect(other.requests).toEqual([])
    } finally {
      await other.close()
    }
  })

  it('counts a login without a token as none', async () => {
    const stub = await start({ kubernetes: { mount: 'kubernetes', role: 'weir', jwt: JWT } })
    stub.fail({ kind: 'body', body: '{"auth":null}' }, /login$/)
    const { found } = await read([LAKERA], {
      env: { VAULT_TOKEN: '', VAULT_K8S_ROLE: 'weir', VAULT_K8S_TOKEN_FILE: '/jwt' },
      files: { '/jwt': JWT },
    })
    expect(found).toEqual([problem('Vault answered the login by Kubernetes auth without a token')])
  })
})
