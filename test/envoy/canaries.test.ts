import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { chatCompletion, chatEvents, chatRequest } from '../support/chat.ts'
import { type RunningEnvoy, startEnvoy } from '../support/envoy.ts'
import { GUARD_KINDS, type GuardKind, KEY_CANARY } from '../support/guard-kinds.ts'
import { type OtlpReceiver, startOtlpReceiver } from '../support/otlp-receiver.ts'
import { type Served, serveConfig } from '../support/served.ts'
import { type FrontFault, type ServiceFront, startServiceFront } from '../support/service-front.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { startVaultStub, type VaultStub } from '../support/vault-stub.ts'
import { weir as command, fileOf } from '../unit/cli/command-line.ts'
import { selfSigned } from '../unit/guardrail/self-signed.ts'

/** Whatever is planted has this word in it, and nothing else has. */
const PLANTED = /canary/i
const PROMPT = 'content-canary-of-the-prompt'
const ANSWER = 'content-canary-of-the-answer'

const ENV = {
  KEY: KEY_CANARY,
  HEADER: 'header-canary-0b81c2',
  HASH: 'hash-canary-55e0aa',
  ACCESS_KEY: 'AKIACANARY0000000001',
  SECRET_KEY: 'secret-access-canary-77aa12',
  SESSION: 'session-canary-31ff09',
  CACHE: 'redis://weir:cache-canary%2F4d4d@127.0.0.1:1',
  CACHE_KEY: 'canary-that-seals-verdicts',
  OTLP: 'Bearer otlp-canary-6e6e02',
}
const VAULT_TOKEN = 'hvs.token-canary-cc1122'

/** One kind with its service, behind a front in plain text and one whose certificate nobody vouches for. */
interface Planted {
  readonly kind: GuardKind
  readonly front: ServiceFront
  readonly host: string
  /** The same, and nobody waits long for it. */
  readonly silentHost: string
  readonly tlsHost: string
  close(): Promise<void>
}

/** Of a careless service: all that it was sent comes back in its errors. */
const QUOTING: FrontFault = {
  kind: 'body',
  body: `{"flagged":"${PROMPT}","error":"Bearer ${KEY_CANARY} ${ENV.HEADER}"}`,
}
const FAULTS: readonly (readonly [string, FrontFault | undefined])[] = [
  ['a verdict', undefined],
  ['401', { kind: 'status', status: 401 }],
  ['429', { kind: 'status', status: 429, headers: { 'retry-after': '0' } }],
  ['500', { kind: 'status', status: 500 }],
  ['silence', { kind: 'hang' }],
  ['a reset', { kind: 'reset' }],
  ['a redirect', { kind: 'redirect' }],
  ['half an answer', { kind: 'cut' }],
  ['JSON of another shape', QUOTING],
  ['no JSON', { kind: 'body', body: `<html>${PROMPT} ${KEY_CANARY}` }],
]

let folder: string
let vault: VaultStub
let planted: readonly Planted[]
let collector: OtlpReceiver
let upstream: Upstream
let weir: Served
let envoy: RunningEnvoy

async function plant(kind: GuardKind, index: number): Promise<Planted & { readonly tlsOrigin: string }> {
  const stub = await kind.start()
  const front = await startServiceFront(stub.origin)
  const tls = await startServiceFront(stub.origin, { tls: selfSigned() })
  return {
    kind,
    front,
    host: `kind-${index}.example`,
    silentHost: `silent-${index}.example`,
    tlsHost: `tls-${index}.example`,
    tlsOrigin: tls.origin,
    async close() {
      await front.close()
      await tls.close()
      await stub.close()
    },
  }
}

/** No second tries and no circuit: every exchange meets its fault. A busy machine takes its time. */
const PLAIN = { timeout: 20_000, retry: false, circuit_breaker: { failure_ratio: 1 } }
/** Of a service that is known not to answer. */
const SILENT_MS = 100

/** The key in turn by every kind of reference, and in headers where a kind takes any. */
function guardrailOf({ kind }: Planted, origin: string): Record<string, unknown> {
  const config = { ...kind.config(origin), ...PLAIN }
  if (kind.title === 'lakera') return { ...config, api_key: '$secret://vault/kv/team/lakera/api_key' }
  if (kind.title === 'openai-moderation') return { ...config, api_key: `$secret://file${folder}/key` }
  if ('dialect' in config)
    return { ...config, headers: { 'x-planted': '$env://HEADER', 'x-plain': 'literal-canary-19dd' } }
  return config
}

function configOf(all: readonly (Planted & { readonly tlsOrigin: string })[]): string {
  const guardrails: Record<string, unknown> = { pii: { kind: 'local-pii' } }
  const policies: unknown[] = []
  const add = (name: string, host: string, guardrail: Record<string, unknown>): void => {
    guardrails[name] = guardrail
    policies.push({
      name,
      match: { hosts: [host] },
      guardrails: [{ use: name, direction: 'both' }],
      reveal_failure_categories: true,
    })
  }
  for (const [index, one] of all.entries()) {
    const guardrail = guardrailOf(one, one.front.origin)
    add(`kind-${index}`, one.host, guardrail)
    add(`silent-${index}`, one.silentHost, { ...guardrail, timeout: SILENT_MS })
    add(`tls-${index}`, one.tlsHost, guardrailOf(one, one.tlsOrigin))
  }
  const bedrock = all.find(({ kind }) => kind.title === 'bedrock')!
  add('signed', 'signed.example', {
    ...guardrailOf(bedrock, bedrock.front.origin),
    api_key: undefined,
    access_key_id: '$env://ACCESS_KEY',
    secret_access_key: '$env://SECRET_KEY',
    session_token: '$env://SESSION',
  })
  policies.push({
    name: 'hashing',
    match: { hosts: ['hashing.example'] },
    guardrails: [
      { use: 'pii', direction: 'both', action: 'redact', redact: { style: 'hash', hash_key: '$env://HASH' } },
    ],
  })
  // Nobody listens there: each lookup is a miss, and each try to connect is told to the log.
  const cache = { url: '$env://CACHE', key: '$env://CACHE_KEY' }
  const telemetry = {
    otlp: { endpoint: collector.origin, headers: { authorization: '$env://OTLP' } },
    traces: { delay_ms: 10 },
  }
  return stringify({ server: { log: { level: 'debug' }, telemetry }, guardrails, policies, cache })
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'weir-planted-'))
  writeFileSync(join(folder, 'key'), `${KEY_CANARY}\n`)
  writeFileSync(join(folder, 'token'), `${VAULT_TOKEN}\n`)
  vault = await startVaultStub({
    tokens: [VAULT_TOKEN],
    secrets: { 'kv/team/lakera': { api_key: KEY_CANARY } },
  })
  const all = await Promise.all(GUARD_KINDS.map(plant))
  planted = all
  collector = await startOtlpReceiver()
  upstream = await startUpstream()
  weir = await serveConfig(configOf(all), {
    ...ENV,
    VAULT_ADDR: vault.url,
    VAULT_TOKEN_FILE: join(folder, 'token'),
    VAULT_REFRESH_MS: '100',
    WEIR_SECRET_POLL_MS: '50',
  })
  envoy = await startEnvoy({
    mode: 'full-duplex',
    weirAddress: weir.address,
    upstreamAddress: upstream.address,
  })
})
afterAll(async () => {
  await envoy?.stop()
  await weir?.stop()
  await upstream?.stop()
  await collector?.close()
  await Promise.all((planted ?? []).map(one => one.close()))
  await vault?.close()
  rmSync(folder, { recursive: true })
})

interface Got {
  readonly head: string
  readonly body: string
}

/** One exchange, by hand: fetch would not send a host of ours. */
function ask(host: string, body: string): Promise<Got> {
  return new Promise((resolve, reject) => {
    const headers = { host, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const url = `${envoy.address}/v1/chat/completions`
    httpRequest(url, { method: 'POST', headers, agent: false }, async response => {
      const chunks: Uint8Array[] = []
      for await (const chunk of response) chunks.push(chunk)
      resolve({
        head: JSON.stringify([response.statusCode, response.headers]),
        body: Buffer.concat(chunks).toString('utf8'),
      })
    })
      .on('error', reject)
      .end(body)
  })
}

function answerWith(text: string): void {
  upstream.respond(async (incoming, reply) => {
    const asked: { stream?: boolean } = JSON.parse((await incoming.complete).toString())
    reply.head(200, { 'content-type': asked.stream ? 'text/event-stream' : 'application/json' })
    for (const chunk of asked.stream ? chatEvents(text) : [chatCompletion(text)]) await reply.send(chunk)
    reply.end()
  })
}

const REFUSED = /blocked by policy/

/** Nothing that is written down has anything planted in it. */
async function expectNothingWritten(): Promise<void> {
  expect(weir.output()).not.toMatch(PLANTED)
  expect(await weir.page('/config')).not.toMatch(PLANTED)
  expect(await weir.page('/metrics')).not.toMatch(PLANTED)
  expect(envoy.logs()).not.toMatch(PLANTED)
  expect(collector.received()).not.toMatch(PLANTED)
}

describe.each(GUARD_KINDS.map(({ title }, index) => [title, index] as const))('%s', (_title, index) => {
  test.each(FAULTS)('%s', async (_name, fault) => {
    const { front, host, silentHost, kind } = planted[index]!
    const texts = [`${PROMPT} as it is`, `${PROMPT} ${kind.flagged}`]
    front.fault = fault
    answerWith(`${ANSWER} ${kind.flagged}`)
    // Each that nobody answers costs its whole timeout: one of them tells as much as four.
    for (const [place, text] of texts.slice(fault?.kind === 'hang' ? 1 : 0).entries()) {
      for (const stream of fault?.kind === 'hang' ? [true] : [false, true]) {
        const got = await ask(fault?.kind === 'hang' ? silentHost : host, chatRequest(text, { stream }))
        // The clean prompt passes only where there was a verdict; its answer is flagged then.
        expect(got.body).toMatch(fault === undefined && place === 0 ? /Response blocked/ : /Request blocked/)
        expect(got.head + got.body).not.toMatch(PLANTED)
      }
    }
    front.fault = undefined
    answerWith(`${ANSWER} as it is`)
    const released = await ask(host, chatRequest(`${PROMPT} again`))
    expect(released.body).toContain(ANSWER)
    expect(released.head + released.body.replaceAll(ANSWER, '')).not.toMatch(PLANTED)
    await expectNothingWritten()
  })

  test('a certificate that nobody vouches for', async () => {
    const got = await ask(planted[index]!.tlsHost, chatRequest(PROMPT))
    expect(got.body).toMatch(REFUSED)
    expect(got.head + got.body).not.toMatch(PLANTED)
    await expectNothingWritten()
  })
})

describe('a service that names what it found after a secret', () => {
  const NAMES: readonly (readonly [string, string])[] = [
    ['its key', KEY_CANARY],
    ['a key in capitals', ENV.ACCESS_KEY],
    ['a key behind a long word', `${'w'.repeat(120 - KEY_CANARY.length)}${KEY_CANARY}`],
  ]
  test.each(NAMES)('%s', async (_what, name) => {
    const { front, host } = planted.find(({ kind }) => kind.title === 'lakera')!
    const breakdown = [
      { detector_type: name, detected: true, result: name },
      { detector_type: 'prompt_attack', detected: true, result: name },
    ]
    front.fault = {
      kind: 'body',
      body: JSON.stringify({ flagged: true, breakdown, metadata: { request_uuid: name } }),
    }
    const told = weir.lines.filter(({ msg }) => msg === 'flagged').length
    const got = await ask(host, chatRequest(PROMPT))
    front.fault = undefined
    expect(got.body).toMatch(/Flagged categories: .*prompt_attack/)
    expect(got.head).toContain('x-weir-detectors')
    expect(got.head + got.body).not.toMatch(PLANTED)
    const { exchangeId } = await weir.logged('flagged', told + 1)
    await collector.span(({ attributes }) => attributes['weir.exchange.id'] === exchangeId)
    await envoy.logged(new RegExp(String(exchangeId)))
    await expectNothingWritten()
  })
})

describe('what else is secret', () => {
  test('the keys that sign requests', async () => {
    const got = await ask('signed.example', chatRequest(PROMPT))
    expect(got.body).toMatch(REFUSED)
    expect(got.head + got.body).not.toMatch(PLANTED)
    await expectNothingWritten()
  })

  test('the key of a hash, and what was hashed', async () => {
    answerWith('write to ann.canary@example.com')
    const got = await ask('hashing.example', chatRequest('my mail is bob.canary@example.com'))
    expect(got.body).toMatch(/write to <EMAIL_[0-9a-f]{12}>/)
    expect(got.body).not.toMatch(PLANTED)
    await expectNothingWritten()
  })

  test('what Vault is shown, when it fails', async () => {
    vault.fail({ kind: 'body', body: `{"errors":["${VAULT_TOKEN} ${KEY_CANARY}"]}` })
    await weir.logged('config not renewed')
    vault.fail(undefined)
    await expectNothingWritten()
  })

  test('bodies that cannot be read', async () => {
    const { host } = planted[0]!
    for (const body of [
      `{"messages": "${PROMPT}`,
      `{"model":"m","messages":[{"role":"user","content":7,"x":"${PROMPT}"}]}`,
    ]) {
      const got = await ask(host, body)
      expect(got.head + got.body).not.toMatch(PLANTED)
    }
    upstream.respond({ headers: { 'content-type': 'application/json' }, chunks: [`{"choices": "${ANSWER}`] })
    const got = await ask(host, chatRequest(PROMPT))
    expect(got.body).toMatch(REFUSED)
    expect(got.head + got.body).not.toMatch(PLANTED)
    await expectNothingWritten()
  })
})

test('what a collector gets, once all is told', async () => {
  const decided = weir.lines.filter(({ msg }) => msg === 'decision').map(({ exchangeId }) => exchangeId)
  const told = () => new Set(collector.spans.map(({ attributes }) => attributes['weir.exchange.id']))
  await collector.until(() => decided.every(id => told().has(String(id))))
  expect(collector.headers[0]?.authorization).toBe(ENV.OTLP)
  expect(collector.spans.filter(({ name }) => name.startsWith('scan ')).length).toBeGreaterThan(
    GUARD_KINDS.length,
  )
  expect(collector.problems).toEqual([])
  await expectNothingWritten()
  // The metrics, and what a failed export says of itself.
  collector.fault = { kind: 'status', status: 401 }
  await ask('signed.example', chatRequest(PROMPT))
  await weir.logged('telemetry not exported')
  await expectNothingWritten()
  collector.fault = undefined
})

describe('a config that does not hold', () => {
  test.each<[string, Record<string, unknown>]>([
    ['a key that no header takes', { api_key: `${KEY_CANARY}\u0001` }],
    ['a key in the wrong place', { project_id: { api_key: KEY_CANARY } }],
    ['a key as a key', { [`api_key:${KEY_CANARY}`]: true }],
    ['a key in the endpoint', { lakera_endpoint: `https://u:${KEY_CANARY}@guard.example/` }],
    ['a variable that cannot be sent', { api_key: '$env://BROKEN' }],
    ['a Vault that says no', { api_key: '$secret://vault/kv/nope/api_key' }],
  ])('%s', async (_name, keys) => {
    const guardrails = { l: { kind: 'lakera', api_key: KEY_CANARY, ...keys } }
    const file = fileOf(stringify({ guardrails, policies: [] }))
    const env = { BROKEN: `${KEY_CANARY}\n${KEY_CANARY}`, VAULT_ADDR: vault.url, VAULT_TOKEN }
    for (const args of [
      ['check', file],
      ['serve', '--config', file],
    ]) {
      const ran = await command(args, { env })
      expect(ran.code).toBe(2)
      expect(ran.out + ran.err).not.toMatch(PLANTED)
    }
  })
})
