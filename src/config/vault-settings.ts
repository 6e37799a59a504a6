import type { Environment } from './environment.ts'
import { fileFailure } from './file-failure.ts'
import { type SecretSources, secretFromFile } from './secrets.ts'

/** How Vault is reached and who asks, as the environment says; names and meanings of Vault's own clients. */
export interface VaultSettings {
  readonly kind: 'settings'
  /** https, or http; without a slash at its end. A path is the prefix of a proxy before Vault. */
  readonly address: URL
  readonly plaintext: 'private-only' | 'public-too'
  readonly auth: VaultAuth
  readonly namespace: string | undefined
  /** PEM, instead of the system's. */
  readonly ca: string | undefined
}

export type VaultAuth =
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'kubernetes'; readonly mount: string; readonly role: string; readonly jwt: string }

export interface VaultProblem {
  readonly kind: 'problem'
  /** Without any secret. */
  readonly message: string
}

const SERVICE_ACCOUNT_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token'

/** What the environment says of Vault, or the first thing that is wrong with it. */
export function readVaultSettings(sources: SecretSources): VaultSettings | VaultProblem {
  const { env } = sources
  const address = readAddress(given(env, 'VAULT_ADDR'))
  if (!(address instanceof URL)) return address
  const auth = readAuth(sources)
  if (auth.kind === 'problem') return auth
  const namespace = given(env, 'VAULT_NAMESPACE')
  if (namespace !== undefined && !/^[\x21-\x7e]+$/.test(namespace))
    return problem('VAULT_NAMESPACE holds a blank, a control character or a non-ASCII character')
  const ca = readCa(sources)
  if (typeof ca === 'object') return ca
  const plaintext = given(env, 'VAULT_ALLOW_PLAINTEXT') === 'true' ? 'public-too' : 'private-only'
  return { kind: 'settings', address, plaintext, auth, namespace, ca }
}

function readAddress(text: string | undefined): URL | VaultProblem {
  if (text === undefined) return problem('VAULT_ADDR is not set: it names the Vault to ask')
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol)) return problem('VAULT_ADDR must be an https URL')
  if (url.username !== '' || url.password !== '') return problem('VAULT_ADDR must not carry credentials')
  if (url.search !== '' || url.hash !== '') return problem('VAULT_ADDR must end with its path')
  url.pathname = url.pathname.replace(/\/+$/, '')
  return url
}

function readAuth(sources: SecretSources): VaultAuth | VaultProblem {
  const { env } = sources
  const token = given(env, 'VAULT_TOKEN')
  if (token !== undefined) return tokenAuth('VAULT_TOKEN', token)
  const tokenFile = given(env, 'VAULT_TOKEN_FILE')
  if (tokenFile !== undefined) {
    const read = secretFromFile(tokenFile, sources)
    return read.kind === 'value'
      ? tokenAuth('VAULT_TOKEN_FILE', read.value)
      : problem(`VAULT_TOKEN_FILE: ${read.message}`)
  }
  const role = given(env, 'VAULT_K8S_ROLE')
  if (role === undefined)
    return problem(
      'none of VAULT_TOKEN, VAULT_TOKEN_FILE and VAULT_K8S_ROLE is set: Vault needs to know who asks',
    )
  const mount = (given(env, 'VAULT_K8S_MOUNT') ?? 'kubernetes').replace(/^\/+|\/+$/g, '')
  if (mount === '' || mount.split('/').some(segment => /^\.{0,2}$/.test(segment)))
    return problem('VAULT_K8S_MOUNT must be the path of an auth mount')
  const jwt = secretFromFile(given(env, 'VAULT_K8S_TOKEN_FILE') ?? SERVICE_ACCOUNT_TOKEN, sources)
  return jwt.kind === 'value'
    ? { kind: 'kubernetes', mount, role, jwt: jwt.value }
    : problem(`the service account's token: ${jwt.message}`)
}

function tokenAuth(variable: string, text: string): VaultAuth | VaultProblem {
  const token = text.replace(/[\r\n]+$/, '')
  return /^[\x21-\x7e]+$/.test(token)
    ? { kind: 'token', token }
    : problem(`${variable} holds a blank, a line end or a non-ASCII character`)
}

function readCa({ env, readFile }: SecretSources): string | undefined | VaultProblem {
  const path = given(env, 'VAULT_CACERT')
  if (path === undefined) return undefined
  try {
    const pem = readFile(path)
    return pem.includes('-----BEGIN CERTIFICATE-----')
      ? pem
      : problem(`VAULT_CACERT: ${path} holds no PEM certificate`)
  } catch (error) {
    return problem(`VAULT_CACERT: ${path} cannot be read: ${fileFailure(error)}`)
  }
}

/** An empty variable counts as one that is not set, as with Vault's own clients. */
function given(env: Environment, name: string): string | undefined {
  const text = Object.hasOwn(env, name) ? env[name] : undefined
  return text === '' ? undefined : text
}

function problem(message: string): VaultProblem {
  return { kind: 'problem', message }
}
