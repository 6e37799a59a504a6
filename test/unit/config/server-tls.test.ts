import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readServerTls } from '../../../src/config/server-tls.ts'
import { WeirError } from '../../../src/errors.ts'
import { createAuthority } from '../../support/certificates.ts'

const NOW = new Date('2026-01-01T00:00:00Z')
const authority = createAuthority('ca')
const leaf = authority.issue({ dns: ['weir.test'] })

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-tls-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

function problemsOf(tls: Parameters<typeof readServerTls>[0]): string[] {
  try {
    readServerTls(tls, NOW)
  } catch (error) {
    if (!(error instanceof WeirError)) throw error
    return error.problems.map(({ path, message }) => `${path}: ${message.replaceAll(folder, '')}`)
  }
  throw new Error('it holds')
}

test('files that hold together', () => {
  const cert = file('cert.pem', `a comment\n${leaf.cert}${authority.cert}`)
  const key = file('key.pem', leaf.key)
  const client_ca = file('ca.pem', authority.cert)
  expect(readServerTls({ cert, key, client_ca, client_sans: ['envoy'] }, NOW)).toEqual({
    identity: {
      cert: `a comment\n${leaf.cert}${authority.cert}`,
      key: leaf.key,
      client: { kind: 'signed-by', ca: authority.cert, names: ['envoy'] },
    },
    warnings: [],
  })
})

test('every problem is told with its file, and nothing that stands in it', () => {
  const cert = file('cert.pem', 'SECRET')
  const key = file('key.pem', 'SECRET')
  expect(problemsOf({ cert, key, client_ca: join(folder, 'none.pem') })).toEqual([
    'server.tls.cert: the file /cert.pem holds no certificate in PEM, or one that cannot be read',
    'server.tls.key: the file /key.pem holds no private key that can be used; it must be PEM, and without a passphrase',
    'server.tls.client_ca: the file /none.pem cannot be read: there is no such file',
  ])
})

test('a key of another certificate', () => {
  const cert = file('cert.pem', leaf.cert)
  const key = file('key.pem', authority.issue({}).key)
  expect(problemsOf({ cert, key })).toEqual([
    'server.tls.key: does not belong to the certificate in /cert.pem',
  ])
})

test('names without a CA, which nobody would look at', () => {
  const [cert, key] = [file('cert.pem', leaf.cert), file('key.pem', leaf.key)]
  expect(problemsOf({ cert, key, client_sans: ['envoy'] })).toEqual([
    'server.tls.client_sans: needs client_ca: without it no client certificate is asked for',
  ])
})

test('a key behind a passphrase', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const locked = privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
  const [cert, key] = [file('cert.pem', leaf.cert), file('key.pem', locked.toString())]
  expect(problemsOf({ cert, key })).toEqual([
    expect.stringContaining('server.tls.key: the file /key.pem holds no private key that can be used'),
  ])
})

test('a certificate that expired works, and is warned of', () => {
  const old = authority.issue({ validUntil: '251231000000Z' })
  const [cert, key] = [file('cert.pem', old.cert), file('key.pem', old.key)]
  expect(readServerTls({ cert, key }, NOW).warnings).toEqual([
    'server.tls.cert: expired on 2025-12-31T00:00:00.000Z',
    'server.tls: without client_ca whoever reaches the listener can use it',
  ])
})

test('a CA that is not valid yet is warned of', () => {
  const [cert, key] = [file('cert.pem', leaf.cert), file('key.pem', leaf.key)]
  const client_ca = file('ca.pem', authority.cert)
  expect(readServerTls({ cert, key, client_ca }, new Date('2019-01-01T00:00:00Z')).warnings).toEqual([
    'server.tls.cert: is not valid before 2020-01-01T00:00:00.000Z',
    'server.tls.client_ca: is not valid before 2020-01-01T00:00:00.000Z',
  ])
})
