import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { replaceCluster } from '../support/bootstrap.ts'
import { chatCompletion, chatRequest } from '../support/chat.ts'
import { type RunningEnvoy, startEnvoy } from '../support/envoy.ts'
import { ENVOY_SPIFFE, type MtlsFolder, openMtlsFolder } from '../support/mtls-folder.ts'
import { printedCluster } from '../support/printed-cluster.ts'
import { freePort } from '../support/program.ts'
import { type Served, serveConfig } from '../support/served.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
/** Enough that with two workers each gets some. */
const MANY = 40

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

/** Two workers with mTLS for Envoy's SPIFFE ID, behind an Envoy whose cluster is what `weir envoy` prints for them. */
async function start(listen: string): Promise<Served> {
  const config = `
server:
  workers: 2
  tls: ${folder.config}
guardrails: { words: { kind: keywords, words: [blocked-phrase] } }
policies: [{ name: chat, guardrails: [{ use: words, direction: both }] }]
`
  folder.write('weir.yaml', config)
  weir = await serveConfig(config, { WEIR_SECRET_POLL_MS: '20' }, listen)
  const cluster = await printedCluster(
    ...['--workers', '2', '--weir', listen],
    ...['--config', join(folder.path, 'weir.yaml')],
    ...folder.printed,
  )
  envoy = await startEnvoy({
    mode: 'full-duplex',
    weirAddress: listen,
    upstreamAddress: upstream.address,
    overrides: bootstrap => replaceCluster(bootstrap, cluster),
  })
  return weir
}

function ask(content = 'hello'): Promise<Response> {
  const url = `${envoy!.address}/v1/chat/completions`
  return fetch(url, { method: 'POST', headers: JSON_TYPE, body: chatRequest(content) })
}

const deciders = ({ lines }: Served) =>
  new Set(lines.flatMap(({ msg, worker }) => (msg === 'decision' ? [worker] : [])))

describe.each([
  ['TCP ports', async () => `127.0.0.1:${await freePort(2)}`],
  ['Unix sockets', async () => `unix://${folder.path}/weir.sock`],
])('workers with mTLS on %s', (_, addressOf) => {
  test('share the exchanges of an Envoy that shows the right certificate', async () => {
    folder.certify('envoy', { uris: [ENVOY_SPIFFE] })
    const served = await start(await addressOf())
    const answers = await Promise.all(Array.from({ length: MANY }, () => ask()))
    expect(answers.map(({ status }) => status)).toEqual(Array(MANY).fill(200))
    expect(await (await ask('a blocked-phrase')).text()).toContain('Request blocked by policy')
    await expect.poll(() => deciders(served)).toEqual(new Set([0, 1]))
  })

  test('refuse one with another name, each of them, and nothing passes', async () => {
    folder.certify('envoy', { uris: [`${ENVOY_SPIFFE}-2`] })
    const served = await start(await addressOf())
    const answers = await Promise.all(Array.from({ length: MANY }, () => ask()))
    for (const { status } of answers) expect(status).toBeGreaterThanOrEqual(500)
    expect(upstream.requests).toEqual([])
    const refusers = () =>
      new Set(served.lines.flatMap(({ msg, worker }) => (msg === 'TLS peer refused' ? [worker] : [])))
    await expect.poll(refusers).toEqual(new Set([0, 1]))
  })
})

test('workers all show a renewed certificate, and are counted', async () => {
  folder.certify('envoy', { uris: [ENVOY_SPIFFE] })
  const listen = `127.0.0.1:${await freePort(2)}`
  const served = await start(listen)
  const port = Number(listen.split(':')[1])
  const shown = () => Promise.all([port, port + 1].map(at => folder.shownBy(`127.0.0.1:${at}`)))
  const before = await shown()
  expect(new Set(before).size).toBe(1)
  folder.certifyWeir('v2')
  folder.turnTo('v2')
  await served.logged('TLS certificate renewed', 2)
  const after = await shown()
  expect(new Set([...before, ...after]).size).toBe(2)
  expect(after[0]).toBe(after[1])
  expect(await served.page('/metrics')).toMatch(/^weir_renewals_total\{what="tls",result="changed"\} 2$/m)
})
