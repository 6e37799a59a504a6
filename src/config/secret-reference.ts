/** What a reference names, told apart by `kind`. */
export type SecretReference =
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string }
  | VaultReference

/** One key of one secret of a KV version 2 engine. */
export interface VaultReference {
  readonly kind: 'vault'
  /** The engine's mount: one segment. */
  readonly mount: string
  /** The secret's path below the mount, without slashes at its ends. */
  readonly path: string
  readonly key: string
}

/** A text that has the form of a reference and is none. */
export interface NoReference {
  readonly kind: 'problem'
  readonly message: string
}

/** As other configs name variables; taken for a key it would be refused by the service, request by request. */
const SHELL_VARIABLE = /^(?:\$\{[A-Za-z_][A-Za-z0-9_]*\}|\$[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)$/
const NOT_AS_IN_A_SHELL = 'names a variable as a shell does, which is not filled in: use $env://NAME'

const REFERENCE = /^\$([A-Za-z]+):\/\/(.*)$/s

/** Whether a text has the form of a reference, known or not. */
export function isReference(text: string): boolean {
  return REFERENCE.test(text)
}

/** Reads `$env://NAME`, `$secret://file/<path>` or `$secret://vault/<mount>/<path>/<key>`; undefined for any other text but one like `${NAME}`. */
export function parseReference(text: string): SecretReference | NoReference | undefined {
  const [whole, scheme, rest = ''] = REFERENCE.exec(text) ?? []
  if (whole === undefined) return SHELL_VARIABLE.test(text) ? problem(NOT_AS_IN_A_SHELL) : undefined
  switch (scheme) {
    case 'env':
      return /^[A-Za-z_][A-Za-z0-9_]*$/.test(rest)
        ? { kind: 'env', name: rest }
        : problem('$env:// must be followed by the name of a variable')
    case 'secret':
      return stored(rest)
    default:
      return problem('is an unknown kind of reference; use $env://NAME, $secret://file/ or $secret://vault/')
  }
}

function stored(rest: string): SecretReference | NoReference {
  if (rest.startsWith('vault/')) return inVault(rest.slice('vault/'.length))
  if (!rest.startsWith('file/')) {
    return problem('$secret:// must be followed by file/<path> or vault/<mount>/<path>/<key>')
  }
  const path = `/${rest.slice('file/'.length).replace(/^\/+/, '')}`
  if (path === '/') return problem('$secret://file/ must be followed by a path')
  return path.includes('\0') ? problem('the path of a secret file holds a NUL') : { kind: 'file', path }
}

/** Segments become parts of a URL: none may lead elsewhere. */
function inVault(rest: string): SecretReference | NoReference {
  const segments = rest.split('/')
  const [mount = '', ...below] = segments
  const key = below.pop() ?? ''
  if (below.length === 0 || !segments.every(isSegment)) {
    return problem('$secret://vault/ must be followed by <mount>/<path>/<key>')
  }
  return { kind: 'vault', mount, path: below.join('/'), key }
}

function isSegment(segment: string): boolean {
  return /^[^\x00-\x1f\x7f]+$/.test(segment) && segment !== '.' && segment !== '..' && segment.isWellFormed()
}

function problem(message: string): NoReference {
  return { kind: 'problem', message }
}
