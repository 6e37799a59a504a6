import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { clusterOf } from '../support/bootstrap.ts'
import type { LeafOptions } from '../support/certificates.ts'
import { chatCompletion, chatEvents, chatRequest } from '../support/chat.ts'
import { type RunningEnvoy, startEnvoy } from '../support/envoy.ts'
import { ENVOY_SPIFFE, type MtlsFolder, openMtlsFolder } from '../support/mtls-folder.ts'
import { printedCluster } from '../support/printed-cluster.ts'
import { type Served, serveConfig } from '../support/served.ts'
import { gate, startUpstream, type Upstream } from '../support/upstream.ts'

const JSON_TYPE = { 'content-type': 'application/json' }

let folder: MtlsFolder
let upstream: Upstream
let weir: Served | undefined
let envoy: RunningEnvoy | undefined

beforeEach(async () => {
  folder = openMtlsFolder()
  upstream = await startUpstream()
  upstream.respond({ headers: JSON_TYPE, chunks: [chatCompletion('an answer')] })
})
afterEach(async () => {
  await envoy?.stop()
  await weir?.stop()
  await upstream.stop()
  envoy = undefined
  weir = undefined
  folder.remove()
})

/** Weir with mTLS for Envoy's SPIFFE ID, and an Envoy whose cluster is what `weir envoy` prints for that. */
async function start(overrides: (cluster: Record<string, unknown>) => void = () => {}): Promise<void> {
  const config = `
server:
  tls: ${folder.config}
guardrails: { words: { kind: keywords, words: [forbidden] } }
policies: [{ name: chat, guardrails: [{ use: words, direction: both }] }]
`
  folder.write('weir.yaml', config)
  weir = await serveConfig(config, { WEIR_SECRET_POLL_MS: '20' })
  const { transport_socket } = await printedCluster(
    ...['--config', join(folder.path, 'weir.yaml')],
    ...folder.printed,
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
  folder.certify('envoy', { uris: [ENVOY_SPIFFE] })
  await start()
  const answered = await ask()
  expect([answered.status, await answered.text()]).toEqual([200, chatCompletion('an answer')])
  expect(await (await ask(chatRequest('forbidden'))).text()).toContain('blocked')
  expect(await envoy!.stats('cluster.weir.ssl.handshake')).toBe(1)
})

test.each<[string, LeafOptions, 'shown' | 'kept back']>([
  ['no certificate', { uris: [ENVOY_SPIFFE] }, 'kept back'],
  ['a certificate with another name', { uris: [`${ENVOY_SPIFFE}-2`] }, 'shown'],
])('an Envoy with %s is refused, and nothing passes', async (_what, names, certificate) => {
  folder.certify('envoy', names)
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
  folder.certify('envoy', { uris: [ENVOY_SPIFFE] })
  await start()
  const hold = gate()
  const [first, ...rest] = chatEvents('one', 'two')
  upstream.respond({ headers: { 'content-type': 'text/event-stream' }, chunks: [first!, hold, ...rest] })
  const running = ask(chatRequest('hello', { stream: true }))
  await upstream.request(0)

  const before = await folder.shownBy(weir!.address)
  folder.certifyWeir('broken')
  folder.write('broken/tls.key', 'none')
  folder.turnTo('broken')
  const refused = await weir!.logged('TLS certificate not renewed')
  expect(JSON.stringify(refused.problems)).toContain('server.tls.key')
  expect(await folder.shownBy(weir!.address)).toBe(before)

  folder.certifyWeir('v2')
  folder.turnTo('v2')
  await weir!.logged('TLS certificate renewed')
  expect(await folder.shownBy(weir!.address)).not.toBe(before)
  expect(weir!.lines.filter(({ msg }) => msg === 'TLS certificate not renewed')).toHaveLength(1)

  hold.open()
  const text = await (await running).text()
  expect(text).toContain('one')
  expect(text).toContain('two')
  expect(text).toContain('[DONE]')
  expect(await envoy!.stats('cluster.weir.ssl.handshake')).toBe(1)
})
