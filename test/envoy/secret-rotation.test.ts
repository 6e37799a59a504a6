import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { chatCompletion, chatRequest } from '../support/chat.ts'
import { type RunningEnvoy, startEnvoy } from '../support/envoy.ts'
import { type LakeraStub, type LakeraStubOptions, startLakeraStub } from '../support/lakera-stub.ts'
import { type Served, serveConfig } from '../support/served.ts'
import { type ServiceFront, startServiceFront } from '../support/service-front.ts'
import { gate, startUpstream, type Upstream } from '../support/upstream.ts'
import { startVaultStub, type VaultStub } from '../support/vault-stub.ts'

const ONE = 'canary-key-one-51aa0c'
const TWO = 'canary-key-two-93be7f'
const TOKEN = 'hvs.canary-token-6612'
const POLL = { WEIR_SECRET_POLL_MS: '20' }

let folder: string
let upstream: Upstream
let lakera: LakeraStub
let front: ServiceFront
/** The one key that Lakera takes. */
let service: { -readonly [Key in keyof LakeraStubOptions]: LakeraStubOptions[Key] }
let weir: Served | undefined
let envoy: RunningEnvoy | undefined
let vault: VaultStub | undefined

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'weir-rotation-'))
  service = { apiKey: ONE }
  lakera = await startLakeraStub(service)
  front = await startServiceFront(new URL(lakera.url).origin)
  upstream = await startUpstream()
  upstream.respond({
    headers: { 'content-type': 'application/json' },
    chunks: [chatCompletion('an answer')],
  })
})
afterEach(async () => {
  await envoy?.stop()
  await weir?.stop()
  await upstream.stop()
  await front.close()
  await lakera.close()
  await vault?.close()
  envoy = undefined
  weir = undefined
  vault = undefined
  rmSync(folder, { recursive: true })
})

async function start(reference: string, env: Record<string, string>): Promise<Served> {
  weir = await serveConfig(
    `
server: { log: { level: debug } }
guardrails: { lakera: { kind: lakera, api_key: "${reference}", lakera_endpoint: "${front.origin}/v2/guard" } }
policies: [{ name: chat, guardrails: [{ use: lakera, direction: both }] }]
`,
    env,
  )
  envoy = await startEnvoy({
    mode: 'full-duplex',
    weirAddress: weir.address,
    upstreamAddress: upstream.address,
  })
  return weir
}

/** What the client of one exchange reads. */
async function ask(): Promise<string> {
  const response = await fetch(`${envoy!.address}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: chatRequest('hello'),
  })
  return JSON.parse(await response.text()).choices[0].message.content
}

/** The keys that were shown to Lakera from the `first` request on. */
function keysShown(first = 0): readonly string[] {
  return front.requests
    .slice(first)
    .map(({ headers }) => String(headers.authorization).replace('Bearer ', ''))
}

async function expectNoCanary(served: Served): Promise<void> {
  await served.stop()
  expect(served.output()).not.toMatch(/canary/)
}

test('a rewritten file: new exchanges show the new key, running ones the old, none fails for it', async () => {
  const path = join(folder, 'key')
  writeFileSync(path, `${ONE}\n`)
  const served = await start(`$secret://file${path}`, POLL)
  expect(await ask()).toBe('an answer')

  const hold = gate()
  upstream.respond({
    headers: { 'content-type': 'application/json' },
    chunks: [hold, chatCompletion('an answer')],
  })
  const before = upstream.requests.length
  const running = ask()
  await upstream.request(before)
  upstream.respond({ headers: { 'content-type': 'application/json' }, chunks: [chatCompletion('an answer')] })

  // Exchanges go on all the time; only those that the service itself refuses may come to anything else.
  const seen: string[] = []
  let rotating: 'on' | 'over' = 'on'
  const traffic = (async () => {
    while (rotating === 'on') seen.push(await ask())
  })()
  writeFileSync(path, `${TWO}\n`)
  await served.logged('secrets rotated')
  rotating = 'over'
  await traffic
  const refusals = () => front.answers.filter(({ status }) => status === 401).length
  expect(seen.filter(text => text !== 'an answer').length).toBeLessThanOrEqual(refusals())

  service.apiKey = TWO
  const asked = front.requests.length
  expect(await ask()).toBe('an answer')
  expect(keysShown(asked)).toEqual([TWO, TWO])
  hold.open()
  // Its request was judged with the old key, and so is its answer: the service takes that one no more.
  expect(await running).toBe('Response blocked by policy')
  expect(keysShown(asked + 2)).toEqual([ONE])

  expect((await served.page('/config')) + (await served.page('/metrics'))).not.toMatch(/canary/)
  expect(served.lines.filter(({ msg }) => msg === 'serving')).toHaveLength(1)
  await expectNoCanary(served)
})

test('a directory that is swapped by its link, and a new key that cannot be used', async () => {
  const versions = { v1: ONE, v2: '', v3: TWO }
  for (const [version, key] of Object.entries(versions)) {
    mkdirSync(join(folder, version))
    writeFileSync(join(folder, version, 'key'), key)
  }
  const turnTo = (version: string): void => {
    symlinkSync(version, join(folder, '..data_tmp'))
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
  }
  turnTo('v1')
  symlinkSync('..data/key', join(folder, 'key'))
  const served = await start(`$secret://file${folder}/key`, POLL)
  expect(await ask()).toBe('an answer')

  turnTo('v2')
  expect(await served.logged('config not renewed')).toMatchObject({
    level: 'error',
    problems: [expect.stringContaining('guardrails.lakera.api_key: the secret is empty')],
  })
  expect(await ask()).toBe('an answer')

  turnTo('v3')
  await served.logged('secrets rotated')
  service.apiKey = TWO
  expect(await ask()).toBe('an answer')
  expect(keysShown()).toEqual([ONE, ONE, ONE, ONE, TWO, TWO])
  // Said once, however often it was tried.
  expect(served.lines.filter(({ msg }) => msg === 'config not renewed')).toHaveLength(1)
  await expectNoCanary(served)
})

test('a secret of Vault that changes there, and a Vault that goes away', async () => {
  vault = await startVaultStub({ tokens: [TOKEN], secrets: { 'kv/team/lakera': { api_key: ONE } } })
  const env = { ...POLL, VAULT_REFRESH_MS: '20', VAULT_ADDR: vault.url, VAULT_TOKEN: TOKEN }
  const served = await start('$secret://vault/kv/team/lakera/api_key', env)
  expect(await ask()).toBe('an answer')

  vault.fail({ kind: 'status', status: 503 })
  expect(await served.logged('config not renewed')).toMatchObject({
    problems: [
      expect.stringContaining('guardrails.lakera.api_key: Vault answered status 503 for kv/team/lakera'),
    ],
  })
  expect(await ask()).toBe('an answer')

  vault.secrets['kv/team/lakera'] = { api_key: TWO }
  vault.fail(undefined)
  await served.logged('secrets rotated')
  service.apiKey = TWO
  expect(await ask()).toBe('an answer')
  expect(keysShown()).toEqual([ONE, ONE, ONE, ONE, TWO, TWO])
  await expectNoCanary(served)
})
