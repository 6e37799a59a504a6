import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import type { ConfigProblem } from '../errors.ts'
import { fileFailure } from './file-failure.ts'
import { readTlsFile } from './files.ts'
import { badConfig } from './load.ts'
import type { ServerConfig, TlsConfig } from './schema.ts'

/** What the gRPC listener shows of itself and demands of its peers. Texts are PEM. */
export interface ServerTls {
  readonly identity: {
    readonly cert: string
    readonly key: string
    readonly client:
      | { readonly kind: 'anybody' }
      | { readonly kind: 'signed-by'; readonly ca: string; readonly names: 'any' | readonly string[] }
  }
  /** One sentence each: what works, but most likely not as it should. */
  readonly warnings: readonly string[]
}

/**
 * Reads the files of `server.tls` and sees whether they hold together.
 *
 * @throws WeirError `bad-config` with every problem; no message holds anything of a file
 */
export function readServerTls(tls: TlsConfig, now: Date): ServerTls {
  const problems: ConfigProblem[] = []
  const cert = readPart('cert', tls.cert, CERTIFICATES, problems)
  const key = readPart('key', tls.key, PRIVATE_KEY, problems)
  const ca = tls.client_ca && readPart('client_ca', tls.client_ca, CERTIFICATES, problems)
  const leaf = cert?.value[0]
  if (leaf !== undefined && key !== undefined && !leaf.checkPrivateKey(key.value))
    problems.push(problem('key', `does not belong to the certificate in ${tls.cert}`))
  if (tls.client_sans !== undefined && tls.client_ca === undefined)
    problems.push(problem('client_sans', 'needs client_ca: without it no client certificate is asked for'))
  if (cert === undefined || key === undefined || problems.length > 0) throw badConfig(problems)
  refuseUnusable({ cert: cert.text, key: key.text, ...(ca ? { ca: ca.text } : {}) })
  return {
    identity: {
      cert: cert.text,
      key: key.text,
      client: ca ? { kind: 'signed-by', ca: ca.text, names: tls.client_sans ?? 'any' } : { kind: 'anybody' },
    },
    warnings: [
      ...cert.value.flatMap(one => validityWarnings('cert', one, now)),
      ...(ca ? ca.value.flatMap(one => validityWarnings('client_ca', one, now)) : []),
      ...(ca ? [] : ['server.tls: without client_ca whoever reaches the listener can use it']),
    ],
  }
}

/** OpenSSL asks for more than that they can be read, such as keys of some length. */
function refuseUnusable(context: {
  readonly cert: string
  readonly key: string
  readonly ca?: string
}): void {
  try {
    createSecureContext(context)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'no reason given'
    throw badConfig([problem('cert', `OpenSSL does not take it, its key or client_ca (${code})`)])
  }
}

/**
 * What `weir check` says of them.
 *
 * @throws WeirError `bad-config` with every problem
 */
export function serverTlsWarnings({ tls }: ServerConfig): readonly string[] {
  return tls === undefined ? [] : readServerTls(tls, new Date()).warnings
}

type Key = 'cert' | 'key' | 'client_ca' | 'client_sans'

interface Part<T> {
  readonly text: string
  readonly value: T
}

function problem(key: Key, message: string): ConfigProblem {
  return { path: `server.tls.${key}`, message }
}

function readPart<T>(
  key: Key,
  path: string,
  reading: Reading<T>,
  problems: ConfigProblem[],
): Part<T> | undefined {
  let text: string
  try {
    text = readTlsFile(path)
  } catch (error) {
    problems.push(problem(key, `the file ${path} cannot be read: ${fileFailure(error)}`))
    return undefined
  }
  try {
    return { text, value: reading.parse(text) }
  } catch {
    problems.push(problem(key, `the file ${path} ${reading.otherwise}`))
    return undefined
  }
}

interface Reading<T> {
  /** Throws on a text that it can do nothing with. */
  readonly parse: (text: string) => T
  /** What is wrong then. */
  readonly otherwise: string
}

const CERTIFICATES: Reading<readonly X509Certificate[]> = {
  parse(text) {
    const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g)
    if (blocks === null) throw new TypeError('no block')
    return blocks.map(block => new X509Certificate(block))
  },
  otherwise: 'holds no certificate in PEM, or one that cannot be read',
}

const PRIVATE_KEY: Reading<KeyObject> = {
  parse: text => createPrivateKey(text),
  otherwise: 'holds no private key that can be used; it must be PEM, and without a passphrase',
}

function validityWarnings(key: Key, { validFromDate, validToDate }: X509Certificate, now: Date): string[] {
  if (validToDate < now) return [`server.tls.${key}: expired on ${validToDate.toISOString()}`]
  if (validFromDate > now) return [`server.tls.${key}: is not valid before ${validFromDate.toISOString()}`]
  return []
}
