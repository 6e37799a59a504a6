import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { replaceCluster } from '../support/bootstrap.ts'
import { chatCompletion, chatRequest } from '../support/chat.ts'
import { type RunningEnvoy, startEnvoy } from '../support/envoy.ts'
import { printedCluster } from '../support/printed-cluster.ts'
import { type Served, serveConfig } from '../support/served.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { weir as runWeir } from '../unit/cli/command-line.ts'

const CONFIG = `
guardrails: { words: { kind: keywords, words: [blocked-phrase] } }
policies: [{ name: chat, guardrails: [{ use: words, direction: both }] }]
`
const MANY = 40
const QUESTION = {
  side: 'input',
  path: '/v1/chat/completions',
  contentType: '',
  policy: '',
  host: '',
  body: chatRequest('a blocked-phrase'),
}

interface StatusPart {
  readonly metrics: { readonly decisions: unknown; readonly guardrails: unknown; readonly lagMs: number }
  readonly snapshot: { readonly policies: readonly string[] }
}

let folder: string
let upstream: Upstream
let served: Served | undefined
let envoy: RunningEnvoy | undefined

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'weir-console-'))
  upstream = await startUpstream()
  upstream.respond({ headers: { 'content-type': 'application/json' }, chunks: [chatCompletion('an answer')] })
})
afterEach(async () => {
  await envoy?.stop()
  await served?.stop()
  await upstream.stop()
  envoy = undefined
  rmSync(folder, { recursive: true })
})

/** Serves the config behind an Envoy that knows every worker; gives the admin listener's URL. */
async function start(server: string): Promise<string> {
  const socket = `unix://${folder}/weir.sock`
  served = await serveConfig(`server: ${server}\n${CONFIG}`, {}, socket)
  const cluster = await printedCluster('--workers', '2', '--weir', socket)
  envoy = await startEnvoy({
    mode: 'full-duplex',
    weirAddress: socket,
    upstreamAddress: upstream.address,
    overrides: bootstrap => replaceCluster(bootstrap, cluster),
  })
  return `http://${(await served.logged('serving')).admin}`
}

const post = async (content: string) => {
  const headers = { 'content-type': 'application/json' }
  const body = chatRequest(content)
  return (await fetch(`${envoy!.address}/v1/chat/completions`, { method: 'POST', headers, body })).text()
}

const judge = (url: string) =>
  fetch(`${url}/console/bench`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(QUESTION),
  })

const decisions = async (url: string): Promise<{ worker?: number; phase: string }[]> =>
  (await (await fetch(`${url}/decisions`)).text())
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line))

test('no config, no console', async () => {
  served = await serveConfig(CONFIG)
  const url = `http://${(await served.logged('serving')).admin}`
  for (const path of ['/console/', '/console', '/console/status', '/decisions']) {
    expect([path, (await fetch(url + path)).status]).toEqual([path, 404])
  }
  expect((await judge(url)).status).toBe(404)
  expect((await runWeir(['tail', '--url', url])).err).toContain('server.console.access')
})

test('to be read only, it has no bench', async () => {
  served = await serveConfig(`server: { console: { access: read_only } }\n${CONFIG}`)
  const url = `http://${(await served.logged('serving')).admin}`
  expect((await fetch(`${url}/console/`)).status).toBe(200)
  expect((await judge(url)).status).toBe(403)
})

test('shows the decisions of all workers once, and judges by one of them', async () => {
  const url = await start('{ workers: 2, console: { access: full } }')
  await Promise.all(Array.from({ length: MANY }, () => post('hello')))
  await expect.poll(async () => (await decisions(url)).length).toBe(2 * MANY)
  expect(new Set((await decisions(url)).map(({ worker }) => worker))).toEqual(new Set([0, 1]))
  await post('hello')
  await expect.poll(async () => (await decisions(url)).length).toBe(2 * MANY + 2)

  const status = await fetch(`${url}/console/status`)
  const { metrics, snapshot }: StatusPart = JSON.parse(await status.text())
  expect(metrics.decisions).toEqual([{ effective: 'released', count: 2 * MANY + 2 }])
  expect(metrics.guardrails).toMatchObject([
    { phase: 'request', scans: MANY + 1 },
    { phase: 'response', scans: MANY + 1 },
  ])
  expect(metrics.lagMs).toBeLessThan(60_000)
  expect(snapshot.policies).toEqual(['chat'])
  expect(await (await judge(url)).json()).toMatchObject({ decision: 'deny', policy: 'chat' })
  // The bench decided nothing about traffic.
  expect(await decisions(url)).toHaveLength(2 * MANY + 2)
})

test('goes on with a worker that was started again', async () => {
  const url = await start('{ workers: 2, console: { access: read_only } }')
  await Promise.all(Array.from({ length: MANY }, () => post('hello')))
  await expect.poll(async () => (await decisions(url)).length).toBe(2 * MANY)
  process.kill(Number((await served!.logged('worker serving')).pid), 'SIGKILL')
  await served!.logged('worker serving', 3)
  await expect
    .poll(
      async () => {
        await post('a blocked-phrase')
        const fresh = (await decisions(url)).slice(2 * MANY)
        return new Set(fresh.map(({ worker }) => worker))
      },
      { timeout: 20_000 },
    )
    .toEqual(new Set([0, 1]))
})

test('weir tail follows it, to its end', async () => {
  const url = await start('{ workers: 2, console: { access: read_only }, log: { sample_clean: 0 } }')
  await post('hello')
  const tail = spawn(process.execPath, ['src/main.ts', 'tail', '--url', url], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let seen = ''
  tail.stdout.on('data', chunk => {
    seen += chunk
  })
  const until = async (count: number): Promise<void> => {
    while (seen.split('\n').length <= count) await once(tail.stdout, 'data')
  }
  await until(2)
  await post('a blocked-phrase')
  await until(3)
  expect(seen).toMatch(
    /released {2}request .*\n.*released {2}response .*\n.*denied {4}request .*words \(block\): keyword/,
  )
  const ended = once(tail, 'exit')
  served!.signal('SIGTERM')
  expect(await ended).toEqual([0, null])
  expect(seen).toContain('3 decisions: 1 denied, 2 released')
})
