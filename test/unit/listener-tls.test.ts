import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest'
import type { TlsIdentity } from '../../src/grpc/tls.ts'
import { openListenerTls, renewal } from '../../src/listener-tls.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { createAuthority } from '../support/certificates.ts'

const authority = createAuthority('ca')
let folder: string
let lines: string[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-tls-'))
  lines = []
  counted = []
})
afterEach(() => rmSync(folder, { recursive: true }))

const line =
  (level: string) =>
  (message: string, fields: object = {}): void =>
    void lines.push(`${level} ${message} ${JSON.stringify(fields).replaceAll(folder, '')}`)
const log = {
  ...{ writes: () => true, debug: line('debug'), info: line('info') },
  ...{ warn: line('warn'), error: line('error') },
}

/** What was counted, as `tls changed`. */
let counted: string[]
const metrics = createMetrics()
const telemetry = {
  log,
  metrics: { ...metrics, renewal: (...of: readonly string[]) => void counted.push(of.join(' ')) },
}
afterAll(() => metrics.close())

function certify(): { cert: string; key: string } {
  const { cert, key } = authority.issue({ dns: ['weir.test'] })
  writeFileSync(join(folder, 'cert.pem'), cert)
  writeFileSync(join(folder, 'key.pem'), key)
  return { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') }
}

/** The renewal of files that hold what is in use. */
function watched(take: (identity: TlsIdentity) => void = () => {}) {
  const config = certify()
  const { identity } = openListenerTls(config, telemetry)
  lines = []
  const renewed: TlsIdentity[] = []
  const renew = renewal(
    config,
    identity,
    next => {
      take(next)
      renewed.push(next)
    },
    telemetry,
  )
  return { config, renewed, renew }
}

test('a failure is told once, until it is another or over', async () => {
  const { config, renewed, renew } = watched()
  writeFileSync(config.key, 'none')
  expect([await renew(), await renew()]).toEqual(['failed', 'failed'])
  rmSync(config.cert)
  expect([await renew(), await renew()]).toEqual(['failed', 'failed'])
  expect(renewed).toEqual([])
  certify()
  expect(await renew()).toBe('done')
  writeFileSync(config.key, 'none')
  expect(await renew()).toBe('failed')
  expect(renewed).toHaveLength(1)
  expect(counted).toEqual([...Array(4).fill('tls failed'), 'tls changed', 'tls failed'])
  expect(lines.filter(text => !text.startsWith('warn'))).toEqual([
    expect.stringMatching(/^error TLS certificate not renewed .*key\.pem/),
    expect.stringMatching(
      /^error TLS certificate not renewed .*cert\.pem cannot be read: there is no such file/,
    ),
    'info TLS certificate renewed {"cert":"/cert.pem"}',
    expect.stringMatching(/^error TLS certificate not renewed .*key\.pem/),
  ])
})

test('files that hold what is in use renew nothing, and end a failure', async () => {
  const { config, renewed, renew } = watched()
  const files = [config.cert, config.key].map(path => readFileSync(path))
  expect(await renew()).toBe('done')
  writeFileSync(config.key, 'none')
  expect(await renew()).toBe('failed')
  writeFileSync(config.key, files[1]!)
  expect(await renew()).toBe('done')
  expect(renewed).toEqual([])
  certify()
  expect([await renew(), await renew()]).toEqual(['done', 'done'])
  expect(renewed).toHaveLength(1)
  writeFileSync(config.cert, files[0]!)
  writeFileSync(config.key, files[1]!)
  expect(await renew()).toBe('done')
  expect(renewed).toHaveLength(2)
  const counts = ['unchanged', 'failed', 'unchanged', 'changed', 'unchanged', 'changed']
  expect(counted).toEqual(counts.map(result => `tls ${result}`))
  expect(lines.filter(text => !text.startsWith('warn'))).toEqual([
    expect.stringMatching(/^error TLS certificate not renewed/),
    'info TLS certificate as it was: what was wrong with its files is over {}',
    ...Array(2).fill('info TLS certificate renewed {"cert":"/cert.pem"}'),
  ])
})

test('an identity that the listener does not take is a failure too', async () => {
  const { renew } = watched(() => {
    throw new Error('ee key too small')
  })
  certify()
  expect([await renew(), await renew()]).toEqual(['failed', 'failed'])
  expect(lines).toEqual(['error TLS certificate not renewed {"problems":["ee key too small"]}'])
})

test('why peers are refused is told once a minute and reason', () => {
  const tls = openListenerTls(certify(), telemetry)
  lines = []
  for (const why of ['one', 'one', 'two', 'one']) tls.refused(why)
  expect(lines).toEqual(['warn TLS peer refused {"why":"one"}', 'warn TLS peer refused {"why":"two"}'])
})
