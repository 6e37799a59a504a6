import { z } from 'zod'
import type { VaultReference } from './secret-reference.ts'
import type { SecretResolution, SecretSources } from './secrets.ts'
import { type AskVault, openVaultClient, type VaultAnswer } from './vault-http.ts'
import { readVaultSettings, type VaultAuth, type VaultProblem } from './vault-settings.ts'

/** What Vault said of the references it was asked for. */
export interface VaultAnswers {
  /** The value, or why there is none; every reference that was not asked for is a problem. */
  readonly find: (reference: VaultReference) => SecretResolution
  /** What was shown to Vault to be let in: no log line may hold it either. */
  readonly credentials: readonly string[]
}

/** The keys of one secret, or why they are not known. */
type Read = { readonly kind: 'keys'; readonly keys: Readonly<Record<string, unknown>> } | VaultProblem

/**
 * Reads the secrets behind references, each once however many of its keys are asked for. Never rejects: what goes wrong
 * is the problem of the references that it concerns. Nothing is asked, and no variable needed, without a reference.
 */
export async function readVault(
  references: readonly VaultReference[],
  sources: SecretSources,
  timeoutMs?: number,
): Promise<VaultAnswers> {
  if (references.length === 0) return { find: () => problem('Vault was not asked'), credentials: [] }
  const settings = readVaultSettings(sources)
  if (settings.kind === 'problem') return { find: () => settings, credentials: [] }
  const client = openVaultClient(settings, timeoutMs)
  try {
    const session = await logIn(client.ask, settings.auth)
    if (session.kind === 'problem') return { find: () => session, credentials: [credentialOf(settings.auth)] }
    const reads = await readAll(client.ask, session.token, references)
    // A token of our own is not left behind to be counted against Vault's limits, or to be stolen.
    if (settings.auth.kind === 'kubernetes') await revoke(client.ask, session.token)
    return {
      find: reference => valueIn(reads.get(placeOf(reference)), reference),
      credentials: [credentialOf(settings.auth), session.token],
    }
  } finally {
    client.close()
  }
}

function credentialOf(auth: VaultAuth): string {
  return auth.kind === 'token' ? auth.token : auth.jwt
}

/** https://developer.hashicorp.com/vault/api-docs/auth/kubernetes#login */
const loginSchema = z.object({ auth: z.object({ client_token: z.string().regex(/^[\x21-\x7e]+$/) }) })

async function logIn(
  ask: AskVault,
  auth: VaultAuth,
): Promise<{ readonly kind: 'session'; readonly token: string } | VaultProblem> {
  if (auth.kind === 'token') return { kind: 'session', token: auth.token }
  const { mount, role, jwt } = auth
  const answer = await ask({
    method: 'POST',
    path: `auth/${encodedPath(mount)}/login`,
    token: undefined,
    body: { role, jwt },
  })
  if (answer.kind === 'problem') return answer
  if (answer.status !== 200)
    return problem(`Vault refused the login by Kubernetes auth (status ${answer.status})`)
  const token = loginSchema.safeParse(answer.json).data?.auth.client_token
  return token === undefined
    ? problem('Vault answered the login by Kubernetes auth without a token')
    : { kind: 'session', token }
}

/** A token that stays is a pity, and no reason to do without the secrets: its own time ends it. */
async function revoke(ask: AskVault, token: string): Promise<void> {
  await ask({ method: 'POST', path: 'auth/token/revoke-self', token, body: {} })
}

async function readAll(
  ask: AskVault,
  token: string,
  references: readonly VaultReference[],
): Promise<ReadonlyMap<string, Read>> {
  const byPlace = new Map(references.map(reference => [placeOf(reference), reference]))
  const reads = [...byPlace].map(async ([place, { mount, path }]): Promise<[string, Read]> => {
    const answer = await ask({
      method: 'GET',
      path: `${encodedPath(mount)}/data/${encodedPath(path)}`,
      token,
    })
    return [place, answer.kind === 'problem' ? answer : keysIn(answer, place)]
  })
  return new Map(await Promise.all(reads))
}

/** https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-version */
const secretSchema = z.object({
  data: z.object({ data: z.record(z.string(), z.unknown()), metadata: z.object({ version: z.int() }) }),
})
/** A version that was deleted or destroyed comes with status 404, and with its metadata. */
const deletedSchema = z.object({
  data: z.object({ data: z.null(), metadata: z.object({ version: z.int() }) }),
})

function keysIn({ status, json }: VaultAnswer, place: string): Read {
  if (status === 200) {
    const keys = secretSchema.safeParse(json).data?.data.data
    return keys === undefined
      ? problem(`Vault's answer for ${place} is not that of a KV engine, version 2`)
      : { kind: 'keys', keys }
  }
  if (status === 404) {
    return deletedSchema.safeParse(json).success
      ? problem(`the newest version of ${place} in Vault is deleted`)
      : problem(`Vault has no secret at ${place} (status 404)`)
  }
  if (status === 403) return problem(`Vault does not let this token read ${place} (status 403)`)
  if (status >= 300 && status < 400)
    return problem(
      `Vault redirects (status ${status}), which is not followed: name its active node in VAULT_ADDR`,
    )
  return problem(`Vault answered status ${status} for ${place}`)
}

function valueIn(read: Read | undefined, { key, ...reference }: VaultReference): SecretResolution {
  const place = placeOf({ key, ...reference })
  if (read === undefined) return problem('Vault was not asked')
  if (read.kind === 'problem') return read
  const value = Object.hasOwn(read.keys, key) ? read.keys[key] : undefined
  if (value === undefined) return problem(`the secret ${place} in Vault has no key ${key}`)
  if (typeof value !== 'string') return problem(`the key ${key} of ${place} in Vault is not text`)
  return value === '' ? problem(`the key ${key} of ${place} in Vault is empty`) : { kind: 'value', value }
}

/** Unambiguous: a mount is one segment. */
function placeOf({ mount, path }: VaultReference): string {
  return `${mount}/${path}`
}

function encodedPath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/')
}

function problem(message: string): VaultProblem {
  return { kind: 'problem', message }
}
