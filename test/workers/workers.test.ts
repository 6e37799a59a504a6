import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { replaceCluster } from '../support/bootstrap.ts'
import { chatCompletion, chatEvents, chatRequest } from '../support/chat.ts'
import { type RunningEnvoy, startEnvoy } from '../support/envoy.ts'
import { type OtlpReceiver, startOtlpReceiver } from '../support/otlp-receiver.ts'
import { printedCluster } from '../support/printed-cluster.ts'
import { type Served, serveConfig } from '../support/served.ts'
import { gate, startUpstream, type Upstream } from '../support/upstream.ts'

const CONFIG = `
server: { workers: 2 }
guardrails: { words: { kind: keywords, words: [blocked-phrase] } }
policies: [{ name: chat, guardrails: [{ use: words, direction: both }], stream: { delivery: window } }]
`
/** Enough that with two workers each gets some: Envoy chooses anew for every exchange. */
const MANY = 40

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname

let folder: string
let socket: string
let upstream: Upstream
let served: Served | undefined
let envoy: RunningEnvoy | undefined
let collector: OtlpReceiver | undefined

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'weir-workers-'))
  socket = `unix://${folder}/weir.sock`
  upstream = await startUpstream()
  upstream.respond({ headers: { 'content-type': 'application/json' }, chunks: [chatCompletion('an answer')] })
})
afterEach(async () => {
  await envoy?.stop()
  await served?.stop()
  await upstream.stop()
  await collector?.close()
  envoy = undefined
  served = undefined
  rmSync(folder, { recursive: true })
})

/** Two workers behind an Envoy whose cluster for them is as `weir envoy --workers` prints it. */
async function start(config = CONFIG, env: Record<string, string> = {}): Promise<Served> {
  served = await serveConfig(config, env, socket)
  const cluster = await printedCluster('--workers', '2', '--weir', socket)
  envoy = await startEnvoy({
    mode: 'full-duplex',
    weirAddress: socket,
    upstreamAddress: upstream.address,
    overrides: bootstrap => replaceCluster(bootstrap, cluster),
  })
  return served
}

const post = (body: string) =>
  fetch(`${envoy!.address}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  })

const deciders = (from = 0) =>
  new Set(served!.lines.slice(from).flatMap(({ msg, worker }) => (msg === 'decision' ? [worker] : [])))

const decisionsIn = (metrics: string) =>
  metrics
    .split('\n')
    .filter(line => line.startsWith('weir_decisions_total{') && line.includes('phase="request"'))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)

test('share the exchanges, and are one process to whoever looks', async () => {
  const { lines, page } = await start()
  const answers = await Promise.all(Array.from({ length: MANY }, () => post(chatRequest('hello'))))
  expect(answers.map(({ status }) => status)).toEqual(Array(MANY).fill(200))
  const refused = await (await post(chatRequest('a blocked-phrase here'))).text()
  expect(refused).toContain('Request blocked by policy')
  await expect.poll(async () => decisionsIn(await page('/metrics'))).toBe(MANY + 1)
  expect(deciders()).toEqual(new Set([0, 1]))
  expect(await page('/metrics')).toMatch(/^weir_workers_serving 2$/m)
  expect(await page('/metrics')).toMatch(/^weir_snapshot_info\{version="[0-9a-f]{12}"\} 1$/m)
  expect(await page('/readyz')).toBe('ok')
  expect(
    lines
      .filter(({ msg }) => msg === 'worker serving')
      .map(({ worker }) => worker)
      .sort(),
  ).toEqual([0, 1])
})

test('export for themselves, each as an instance of its own', async () => {
  const into = await startOtlpReceiver()
  collector = into
  const weir = await start(CONFIG, {
    OTEL_EXPORTER_OTLP_ENDPOINT: into.origin,
    OTEL_RESOURCE_ATTRIBUTES: 'service.instance.id=pod-7',
    OTEL_BSP_SCHEDULE_DELAY: '10',
    OTEL_METRIC_EXPORT_INTERVAL: '200',
  })
  await Promise.all(Array.from({ length: MANY }, () => post(chatRequest('hello'))))
  const both = new Set(['pod-7-0', 'pod-7-1'])
  const ids = (all: readonly { readonly resource: Record<string, unknown> }[]) =>
    new Set(all.map(({ resource }) => resource['service.instance.id']))
  await into.until(() => ids(into.spans).size === 2 && ids(into.metrics).size === 2)
  expect(ids(into.spans)).toEqual(both)
  expect(ids(into.metrics)).toEqual(both)
  await weir.stop()
  expect(into.spans.filter(({ name }) => name === 'weir chat')).toHaveLength(MANY)
  expect(into.problems).toEqual([])
})

test('are started again when they are killed, and nothing passes meanwhile that none has seen', async () => {
  const { logged, page } = await start()
  await Promise.all(Array.from({ length: MANY }, () => post(chatRequest('hello'))))
  const before = decisionsIn(await page('/metrics'))
  process.kill(Number((await logged('worker serving')).pid), 'SIGKILL')
  expect(await logged('worker ended')).toMatchObject({ signal: 'SIGKILL', restartMs: 100 })
  const during = await Promise.all(
    Array.from({ length: MANY }, () => post(chatRequest('a blocked-phrase here'))),
  )
  for (const answer of during) expect(await answer.text()).not.toContain('an answer')
  const asked = upstream.requests.length
  await logged('worker serving', 3)
  const from = served!.lines.length
  await expect
    .poll(
      async () => {
        const { status } = await post(chatRequest('hello'))
        expect([200, 500]).toContain(status)
        return deciders(from)
      },
      { timeout: 20_000 },
    )
    .toEqual(new Set([0, 1]))
  expect(upstream.requests.length).toBeGreaterThan(asked)
  const metrics = await page('/metrics')
  expect(metrics).toMatch(/^weir_worker_restarts_total 1$/m)
  expect(decisionsIn(metrics)).toBeGreaterThan(before)
})

test('let their exchanges finish when the supervisor is told to stop', async () => {
  const weir = await start()
  const rest = gate()
  const [first, ...others] = chatEvents('one two three')
  upstream.respond({
    headers: { 'content-type': 'text/event-stream' },
    chunks: [first!, rest, ...others],
  })
  const answer = post(JSON.stringify({ ...JSON.parse(chatRequest('hello')), stream: true }))
  await expect.poll(() => upstream.requests.length).toBe(1)
  weir.signal('SIGTERM')
  await weir.logged('draining', 3)
  expect((await fetch(`${envoy!.adminUrl}/ready`)).status).toBe(200)
  rest.open()
  expect(await (await answer).text()).toContain('[DONE]')
  expect(await weir.ended).toBe(0)
  const stopped = weir.lines.filter(({ msg }) => msg === 'stopped')
  expect(stopped.map(({ worker }) => worker)).toEqual(expect.arrayContaining([0, 1, undefined]))
})

test('end when their supervisor is killed', async () => {
  const weir = await start()
  weir.signal('SIGKILL')
  await weir.ended
  expect(
    weir.lines
      .filter(({ msg }) => msg === 'stopped')
      .map(({ worker }) => worker)
      .sort(),
  ).toEqual([0, 1])
})

test('do not start by halves', async () => {
  const taken = createServer().listen(`${folder}/weir.sock.1`)
  await once(taken, 'listening')
  try {
    await expect(serveConfig(CONFIG, {}, socket)).rejects.toThrow(
      /worker 1 ended \(code \d\) before it served/,
    )
  } finally {
    taken.close()
  }
})

test('tell which config they began with: it may have changed since their supervisor read it', async () => {
  const file = join(folder, 'weir.yaml')
  writeFileSync(file, CONFIG)
  const worker = fork(MAIN, ['serve', '--config', file, '--listen', socket], {
    env: { PATH: process.env.PATH, WEIR_WORKER: '0' },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  try {
    const told = await new Promise(resolve => {
      worker.on('message', message => 'masked' in Object(message) && resolve(message))
      worker.once('exit', resolve)
    })
    expect(told).toEqual({
      kind: 'config',
      version: expect.stringMatching(/^[0-9a-f]{12}$/),
      masked: expect.objectContaining({ unmatched: 'pass' }),
      readAtMs: expect.any(Number),
    })
  } finally {
    worker.send({ kind: 'stop' })
    await once(worker, 'exit')
  }
})

test('SIGHUP has every worker read the config again, and the admin listener shows it', async () => {
  const weir = await start()
  writeFileSync(weir.file, CONFIG.replace('blocked-phrase', 'an answer'))
  weir.signal('SIGHUP')
  for (const worker of [0, 1]) {
    const { snapshot } = await weir.logged('config reloaded', worker + 1)
    expect(snapshot).toMatch(/^[0-9a-f]{12}$/)
  }
  for (let asked = 0; asked < MANY; asked++) {
    expect(await (await post(chatRequest('hello'))).text()).toContain('Response blocked by policy')
  }
  expect(deciders()).toEqual(new Set([0, 1]))
  expect(JSON.parse(await weir.page('/config')).guardrails.words.words).toEqual(['an answer'])
})

test('write their decisions to a file each, which SIGHUP begins anew where it was moved away', async () => {
  const log = join(folder, 'log')
  const decisions = `log: { decisions: { file: ${log}/decisions.log } }`
  const weir = await start(CONFIG.replace('workers: 2', `workers: 2, ${decisions}`))
  const ask = () =>
    Promise.all(Array.from({ length: MANY }, async () => (await post(chatRequest('hello'))).text()))
  await ask()
  const names = ['decisions-worker-0.log', 'decisions-worker-1.log']
  expect(readdirSync(log).sort()).toEqual(names)
  for (const name of names) renameSync(join(log, name), join(log, `moved-${name}`))
  weir.signal('SIGHUP')
  await weir.logged('config unchanged', 2)
  await ask()
  weir.signal('SIGTERM')
  expect(await weir.ended).toBe(0)
  const written = new Map(
    readdirSync(log).map(name => [
      name,
      readFileSync(join(log, name), 'utf8')
        .split('\n')
        .slice(0, -1)
        .map(line => JSON.parse(line)),
    ]),
  )
  for (const [index, name] of names.entries()) {
    for (const of of [name, `moved-${name}`]) {
      expect(new Set(written.get(of)?.map(({ msg, worker }) => `${msg} ${worker}`))).toEqual(
        new Set([`decision ${index}`]),
      )
    }
  }
  // A request and an answer of each.
  expect([...written.values()].flat()).toHaveLength(MANY * 2 * 2)
  expect(weir.lines.filter(({ msg }) => msg === 'decision')).toEqual([])
})
