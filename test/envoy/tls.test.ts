import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { clusterOf } from '../support/bootstrap.ts'
import { type Authority, createAuthority, type LeafOptions } from '../support/certificates.ts'
import { chatCompletion, chatEvents, chatRequest } from '../support/chat.ts'
import { type RunningEnvoy, startEnvoy } from '../support/envoy.ts'
import { printedCluster } from '../support/printed-cluster.ts'
import { type Served, serveConfig } from '../support/served.ts'
import { gate, startUpstream, type Upstream } from '../support/upstream.ts'

const SPIFFE = 'spiffe://cluster.local/ns/gateway/sa/envoy'
const JSON_TYPE = { 'content-type': 'application/json' }

let folder: string
let authority: Authority
let upstream: Upstream
let weir: Served | undefined
let envoy: RunningEnvoy | undefined

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'weir-tls-'))
  authority = createAuthority('ca')
  write('ca.pem', authority.cert)
  certify('v1', authority, { dns: ['weir.test'] })
  symlinkSync('v1', join(folder, 'current'))
  upstream = await startUpstream()
  upstream.respond({ headers: JSON_TYPE, chunks: [chatCompletion('an answer')] })
})
afterEach(async () => {
  await envoy?.stop()
  await weir?.stop()
  await upstream.stop()
  envoy = undefined
  weir = undefined
  rmSync(folder, { recursive: true })
})

function write(name: string, text: string): void {
  writeFileSync(join(folder, name), text)
}

/** A folder with a certificate and its key, as Kubernetes mounts them. */
function certify(name: string, from: Authority, options: LeafOptions): void {
  const { cert, key } = from.issue(options)
  mkdirSync(join(folder, name))
  write(`${name}/tls.crt`, cert)
  write(`${name}/tls.key`, key)
}

/** Weir with mTLS for Envoy's SPIFFE ID, and an Envoy whose cluster is what `weir envoy` prints for that. */
async function start(overrides: (cluster: Record<string, unknown>) => void = () => {}): Promise<void> {
  const config = `
server:
  tls: { cert: ${folder}/current/tls.crt, key: ${folder}/current/tls.key, client_ca: ${folder}/ca.pem, client_sans: ["${SPIFFE}"] }
guardrails: { words: { kind: keywords, words: [forbidden] } }
policies: [{ name: chat, guardrails: [{ use: words, direction: both }] }]
`
  write('weir.yaml', config)
  weir = await serveConfig(config, { WEIR_SECRET_POLL_MS: '20' })
  const { transport_socket } = await printedCluster(
    ...['--config', join(folder, 'weir.yaml')],
    ...['--weir-ca', join(folder, 'ca.pem')],
    ...['--client-cert', join(folder, 'envoy/tls.crt'), '--client-key', join(folder, 'envoy/tls.key')],
  )
  envoy = await startEnvoy({
    mode: 'full-duplex',
    weirAddress: weir.address,
    upstreamAddress: upstream.address,
    overrides: bootstrap => {
      const cluster = clusterOf(bootstrap, 'weir')
      cluster.transport_socket = transport_socket
      overrides(cluster)
    },
  })
}

function ask(body = chatRequest('hello')): Promise<Response> {
  const url = `${envoy!.address}/v1/chat/completions`
  return fetch(url, { method: 'POST', headers: JSON_TYPE, body })
}

test('Envoy speaks mTLS to Weir as `weir envoy` tells it to, and is guarded', async () => {
  certify('envoy', authority, { uris: [SPIFFE] })
  await start()
  const answered = await ask()
  expect([answered.status, await answered.text()]).toEqual([200, chatCompletion('an answer')])
  expect(await (await ask(chatRequest('forbidden'))).text()).toContain('blocked')
  expect(await envoy!.stats('cluster.weir.ssl.handshake')).toBe(1)
})

test.each<[string, LeafOptions, 'shown' | 'kept back']>([
  ['no certificate', { uris: [SPIFFE] }, 'kept back'],
  ['a certificate with another name', { uris: [`${SPIFFE}-2`] }, 'shown'],
])('an Envoy with %s is refused, and nothing passes', async (_what, names, certificate) => {
  certify('envoy', authority, names)
  await start(cluster => {
    const text = JSON.stringify(cluster.transport_socket)
    const without = text.replace(/"tls_certificates":\[.*?\}\],/, '')
    cluster.transport_socket = JSON.parse(certificate === 'shown' ? text : without)
  })
  const answered = await ask()
  expect(answered.status).toBeGreaterThanOrEqual(500)
  expect(upstream.requests).toEqual([])
  expect((await weir!.logged('TLS peer refused')).why).toEqual(expect.any(String))
  expect(weir!.lines.filter(({ msg }) => msg === 'TLS peer refused')).toHaveLength(1)
})

test('a renewed certificate is shown to new connections, and a stream that runs goes on', async () => {
  certify('envoy', authority, { uris: [SPIFFE] })
  await start()
  const hold = gate()
  const [first, ...rest] = chatEvents('one', 'two')
  upstream.respond({ headers: { 'content-type': 'text/event-stream' }, chunks: [first!, hold, ...rest] })
  const running = ask(chatRequest('hello', { stream: true }))
  await upstream.request(0)

  const before = await shownBy(weir!.address)
  certify('broken', authority, { dns: ['weir.test'] })
  write('broken/tls.key', 'none')
  turnTo('broken')
  const refused = await weir!.logged('TLS certificate not renewed')
  expect(JSON.stringify(refused.problems)).toContain('server.tls.key')
  expect(await shownBy(weir!.address)).toBe(before)

  certify('v2', authority, { dns: ['weir.test'] })
  turnTo('v2')
  await weir!.logged('TLS certificate renewed')
  expect(await shownBy(weir!.address)).not.toBe(before)
  expect(weir!.lines.filter(({ msg }) => msg === 'TLS certificate not renewed')).toHaveLength(1)

  hold.open()
  const text = await (await running).text()
  expect(text).toContain('one')
  expect(text).toContain('two')
  expect(text).toContain('[DONE]')
  expect(await envoy!.stats('cluster.weir.ssl.handshake')).toBe(1)
})

/** As Kubernetes does it: the link is replaced in one step. */
function turnTo(version: string): void {
  symlinkSync(version, join(folder, 'next'))
  renameSync(join(folder, 'next'), join(folder, 'current'))
}

/** The fingerprint of the certificate that is shown to a peer. */
function shownBy(address: string): Promise<string> {
  const [host, port] = address.split(':')
  const { cert, key } = authority.issue({ uris: [SPIFFE] })
  return new Promise((resolve, reject) => {
    const options = { host, port: Number(port), ca: authority.cert, cert, key, servername: 'weir.test' }
    const socket = tls.connect({ ...options, ALPNProtocols: ['h2'] }, () => {
      resolve(socket.getPeerCertificate().fingerprint256)
      socket.destroy()
    })
    socket.on('error', reject)
  })
}
