import type { Environment } from './environment.ts'

/** Where references are looked up. `readFile` returns at most MAX_SECRET_BYTES and throws what `fs` throws. */
export interface SecretSources {
  readonly env: Environment
  readonly readFile: (path: string) => string
}

/** A key's value, or why there is none. A message never holds the value, nor any part of it. */
export type SecretResolution =
  | { readonly kind: 'value'; readonly value: string }
  | { readonly kind: 'problem'; readonly message: string }

/** No key of a service is longer; a larger file is most likely the wrong one. */
export const MAX_SECRET_BYTES = 65_536

const REFERENCE = /^\$([A-Za-z]+):\/\/(.*)$/s

/** Whether a text has the form of a reference, known or not. */
export function isReference(text: string): boolean {
  return REFERENCE.test(text)
}

/**
 * The value of a secret key: the text itself, or what it refers to by `$env://NAME` or `$secret://file/<path>`
 * (the path is absolute). Line ends after the value are dropped, since files and variables tend to carry one.
 */
export function resolveSecret(text: string, sources: SecretSources): SecretResolution {
  const reference = REFERENCE.exec(text)
  const found = reference === null ? value(text) : lookUp(reference[1]!, reference[2]!, sources)
  return found.kind === 'value' ? checkValue(found.value.replace(/[\r\n]+$/, '')) : found
}

function lookUp(scheme: string, rest: string, sources: SecretSources): SecretResolution {
  switch (scheme) {
    case 'env':
      return fromEnvironment(rest, sources.env)
    case 'secret':
      return fromSecret(rest, sources)
    default:
      return problem('is an unknown kind of reference; use $env://NAME or $secret://file/<path>')
  }
}

function fromEnvironment(name: string, env: Environment): SecretResolution {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
    return problem('$env:// must be followed by the name of a variable')
  const found = Object.hasOwn(env, name) ? env[name] : undefined
  if (found === undefined) return problem(`the environment variable ${name} is not set`)
  return found === '' ? problem(`the environment variable ${name} is empty`) : value(found)
}

function fromSecret(rest: string, sources: SecretSources): SecretResolution {
  if (rest.startsWith('vault/')) {
    return /^vault\/[^/]+\/.+\/[^/]+$/.test(rest)
      ? problem('$secret://vault/ is not built yet; use $env://NAME or $secret://file/<path>')
      : problem('$secret://vault/ must be followed by <mount>/<path>/<key>')
  }
  if (!rest.startsWith('file/'))
    return problem('$secret:// must be followed by file/<path> or vault/<mount>/<path>/<key>')
  const path = `/${rest.slice('file/'.length).replace(/^\/+/, '')}`
  return path === '/' ? problem('$secret://file/ must be followed by a path') : fromFile(path, sources)
}

function fromFile(path: string, sources: SecretSources): SecretResolution {
  try {
    return value(sources.readFile(path))
  } catch (error) {
    return problem(`the secret file ${path} cannot be read (${failureCode(error)})`)
  }
}

function failureCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'failed'
}

/** Keys travel in HTTP headers. What cannot stand there would fail on every call, with the key in the error. */
function checkValue(text: string): SecretResolution {
  if (text === '') return problem('the secret is empty')
  if (!/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text)) {
    return problem(
      'the secret holds a line end, a control character, a blank at an end or a non-ASCII character',
    )
  }
  return value(text)
}

function value(text: string): SecretResolution {
  return { kind: 'value', value: text }
}

function problem(message: string): SecretResolution {
  return { kind: 'problem', message }
}
