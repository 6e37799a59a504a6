import { assertNever } from '../errors.ts'
import type { Environment } from './environment.ts'
import { fileFailure } from './file-failure.ts'
import { parseReference, type SecretReference, type VaultReference } from './secret-reference.ts'

/** Where references are looked up. `readFile` returns at most MAX_SECRET_BYTES and throws what `fs` throws. */
export interface SecretSources {
  readonly env: Environment
  readonly readFile: (path: string) => string
  /** What Vault answered when it was asked beforehand; without it a reference to Vault is a problem. */
  readonly vault?: (reference: VaultReference) => SecretResolution
}

/** A key's value, or why there is none. A message never holds the value, nor any part of it. */
export type SecretResolution =
  | { readonly kind: 'value'; readonly value: string }
  | { readonly kind: 'problem'; readonly message: string }

/** No key of a service is longer; a larger file is most likely the wrong one. */
export const MAX_SECRET_BYTES = 65_536

/**
 * The value of a secret key: the text itself, or what it refers to. Line ends after the value are dropped, since files
 * and variables tend to carry one.
 */
export function resolveSecret(text: string, sources: SecretSources): SecretResolution {
  const reference = parseReference(text)
  if (reference?.kind === 'problem') return reference
  const found = reference === undefined ? value(text) : lookUp(reference, sources)
  return found.kind === 'value' ? checkValue(found.value) : found
}

function lookUp(reference: SecretReference, sources: SecretSources): SecretResolution {
  switch (reference.kind) {
    case 'env':
      return fromEnvironment(reference.name, sources.env)
    case 'file':
      return fromFile(reference.path, sources)
    case 'vault':
      return sources.vault?.(reference) ?? problem('Vault was not asked')
    default:
      return assertNever(reference)
  }
}

function fromEnvironment(name: string, env: Environment): SecretResolution {
  const found = Object.hasOwn(env, name) ? env[name] : undefined
  if (found === undefined) return problem(`the environment variable ${name} is not set`)
  return found === '' ? problem(`the environment variable ${name} is empty`) : value(found)
}

function fromFile(path: string, sources: Pick<SecretSources, 'readFile'>): SecretResolution {
  try {
    return value(sources.readFile(path))
  } catch (error) {
    return problem(`the secret file ${path} cannot be read: ${fileFailure(error)}`)
  }
}

/** Keys travel in HTTP headers. What cannot stand there would fail on every call, with the key in the error. */
export function checkValue(raw: string): SecretResolution {
  const text = raw.replace(/[\r\n]+$/, '')
  if (text === '') return problem('the secret is empty')
  if (!/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text)) {
    return problem(
      'the secret holds a line end, a control character, a blank at an end or a non-ASCII character',
    )
  }
  return value(text)
}

/** A secret that a setting of ours names by its file, such as VAULT_TOKEN_FILE. */
export function secretFromFile(path: string, sources: Pick<SecretSources, 'readFile'>): SecretResolution {
  const found = fromFile(path, sources)
  return found.kind === 'value' ? checkValue(found.value) : found
}

function value(text: string): SecretResolution {
  return { kind: 'value', value: text }
}

function problem(message: string): SecretResolution {
  return { kind: 'problem', message }
}
