import { afterEach, beforeEach, expect, vi } from 'vitest'
import { chatEvents } from '../support/chat.ts'
import { type LakeraStub, startLakeraStub } from '../support/lakera-stub.ts'
import { type RedisServer, startRedisServer } from '../support/redis-server.ts'
import { STREAM_TYPE } from '../support/stream-events.ts'
import { gate } from '../support/upstream.ts'
import { startVaultStub, type VaultStub } from '../support/vault-stub.ts'
import { createWallClock, type WallClock } from '../support/wall-clock.ts'
import { fault } from './fault.ts'
import { answerOf, asksForStream, type ServedStack, startServed } from './served-stack.ts'

const DAY_MS = 86_400_000
const TOKEN = 'hvs.token'
const VAULT_PATH = 'kv/team/lakera'

let clock: WallClock
/** The one key that Lakera takes. */
let service: { apiKey: string }
let lakera: LakeraStub
let stack: ServedStack
let vault: VaultStub | undefined
let redis: RedisServer | undefined
beforeEach(async () => {
  clock = createWallClock()
  service = { apiKey: 'a-key' }
  lakera = await startLakeraStub(service)
})
afterEach(async () => {
  await stack.stop()
  await Promise.all([lakera.close(), vault?.close(), redis?.stop()])
  clock.remove()
})

interface Given {
  readonly apiKey?: string
  readonly guardrail?: string
  readonly direction?: 'input' | 'output'
  readonly cache?: string
  readonly env?: Record<string, string>
}

/** Weir, with a wall clock that jumps, before an LLM that says something fine. */
async function start(given: Given = {}): Promise<void> {
  const { apiKey = 'a-key', guardrail = '', direction = 'output', cache = '', env = {} } = given
  stack = await startServed(
    `
${cache}
guardrails:
  lakera:
    kind: lakera
    api_key: "${apiKey}"
    lakera_endpoint: "${lakera.url}"
    ${guardrail}
policies:
  - name: all
    guardrails: [{ use: lakera, direction: ${direction} }]
    stream:
      { delivery: window, headers: at_once, heartbeat_ms: 50, hold_back_chars: 0, window: { first_chars: 1 } }
`,
    { env: { ...env, ...clock.env } },
  )
  stack.upstream.respond({ headers: STREAM_TYPE, chunks: chatEvents('fine') })
}

const ask = (): Promise<string> => answerOf(stack.chat(asksForStream)).then(({ text }) => text)
const FINE = chatEvents('fine').join('')
const REFUSED = expect.stringContaining('Response blocked by policy')

/** So that no test passes because nothing jumped. */
function expectJumped(line: { readonly [field: string]: unknown } | undefined, days: number): void {
  const offMs = Date.parse(String(line?.time)) - Date.now() - days * DAY_MS
  expect(Math.abs(offMs)).toBeLessThan(DAY_MS / 24)
}

fault(
  {
    fault: 'the wall clock jumps by a day, forward and back, in the middle of a stream',
    client: 'the whole answer, and heartbeats as ever',
    log: 'a `decision` as ever; times in the log jump with the clock, durations do not',
    kept: 'deadlines, heartbeats and windows go by the monotonic clock',
  },
  async () => {
    await start({ guardrail: 'retry: false' })
    for (const [nth, days] of [1, -1, 0].entries()) {
      const rest = gate()
      const [role, first, ...others] = chatEvents(`all ${nth} `, 'fine')
      stack.upstream.respond({ headers: STREAM_TYPE, chunks: [role!, first!, rest, ...others] })
      const client = stack.chat(asksForStream)
      await vi.waitFor(() => expect(client.text).toContain(first))
      // One that is asked before the jump, and answers after it.
      const judged = gate()
      const asked = lakera.requests.length
      lakera.failNext({ kind: 'gate', until: judged.opened })
      rest.open()
      await lakera.waitForRequests(asked + 1)
      clock.jump(days)
      const beats = () => client.text.split(':\n\n').length
      const before = beats()
      await vi.waitUntil(() => beats() >= before + 3, { interval: 5 })
      judged.open()
      const whole = [role, first, ...others].join('')
      expect(await answerOf(client)).toEqual({ status: 200, text: whole, ended: 'complete' })
      const record = await stack.weir.logged('decision', nth + 1)
      expect(record).toMatchObject({ effective: 'released', because: 'clean' })
      expectJumped(record, days)
      expect(Math.abs(Number(record.ms))).toBeLessThan(DAY_MS / 24)
    }
  },
)

fault(
  {
    fault: 'the wall clock jumps back by a day while a guard service hangs, or asks for a pause',
    client: 'the refusal after `timeout`, the answer after the pause',
    log: '`guardrail failed`, `timeout`; a `decision` of each',
    kept: 'a scan has its deadline and its second attempt, and a pause its end, whatever the time of day',
  },
  async () => {
    await start({ guardrail: 'timeout: 2000' })
    lakera.failNext({ kind: 'hang' })
    const hanging = ask()
    await lakera.waitForRequests(1)
    clock.jump(-1)
    expect(await hanging).toEqual(REFUSED)
    const record = await stack.weir.logged('decision')
    expect(record).toMatchObject({ because: 'failed-closed', rules: [{ reason: 'timeout' }] })
    expectJumped(record, -1)

    lakera.failNext({ kind: 'status', status: 503, retryAfterSec: 1 })
    const retried = ask()
    await lakera.waitForRequests(2)
    clock.jump(-2)
    expect(await retried).toBe(FINE)
    expect(await stack.metric('weir_guardrail_retries_total{guardrail="lakera"}')).toBe(1)

    lakera.failNext({ kind: 'status', status: 429, retryAfterSec: 2 })
    expect(await ask()).toEqual(REFUSED)
    clock.jump(-3)
    await vi.waitFor(async () => expect(await ask()).toBe(FINE), { timeout: 20_000 })
  },
)

fault(
  {
    fault: 'the wall clock jumps back by a day while the circuit to a guard service is open',
    client: 'answers again once `open_ms` have passed',
    log: '`circuit closed`',
    kept: 'a guard service that is up again is asked again',
  },
  async () => {
    await start({ guardrail: 'retry: false\n    circuit_breaker: { scans: 2, open_ms: 300 }' })
    lakera.failAlways({ kind: 'status', status: 500 })
    for (let count = 0; count < 2; count++) expect(await ask()).toEqual(REFUSED)
    await stack.weir.logged('circuit opened: the guard service is not asked')
    clock.jump(-1)
    lakera.failAlways(undefined)
    await vi.waitFor(async () => expect(await ask()).toBe(FINE), { timeout: 10_000 })
    expectJumped(await stack.weir.logged('circuit closed: the guard service answers'), -1)
  },
)

fault(
  {
    fault: 'the wall clock jumps back by a day, and a secret changes in Vault',
    client: 'its answer',
    log: '`secrets rotated`',
    kept: 'Vault is asked again when `VAULT_REFRESH_MS` have passed',
  },
  async () => {
    const stub = await startVaultStub({
      tokens: [TOKEN],
      secrets: { [VAULT_PATH]: { api_key: service.apiKey } },
    })
    vault = stub
    const times = { WEIR_SECRET_POLL_MS: '20', VAULT_REFRESH_MS: '500' }
    const env = { ...times, VAULT_ADDR: stub.url, VAULT_TOKEN: TOKEN }
    await start({ apiKey: `$secret://vault/${VAULT_PATH}/api_key`, env })
    const renewals = () => stack.metric('weir_renewals_total{what="config",result="unchanged"}')
    for (const [nth, days] of [-1, 1].entries()) {
      // Between two renewals: one that is under way at the jump would set the time of the next anew.
      const before = await renewals()
      await vi.waitUntil(async () => (await renewals()) > before, { interval: 5 })
      clock.jump(days)
      service.apiKey = `key-after-${days}`
      stub.secrets[VAULT_PATH] = { api_key: service.apiKey }
      expectJumped(await stack.weir.logged('secrets rotated', nth + 1), days)
      expect(await ask()).toBe(FINE)
    }
  },
)

fault(
  {
    fault: 'the wall clock jumps by a day while verdicts are remembered',
    client: 'its answer',
    log: '`weir_verdict_cache_lookups_total`',
    kept: 'in memory a verdict lives for `ttl_ms`, whatever the time of day; on a server, where replicas share it, one of before the jump is not believed after it, and the guard service is asked again',
  },
  async () => {
    await start({ direction: 'input', cache: 'cache: {}' })
    const judged = async (asked: number): Promise<void> => {
      expect(await ask()).toBe(FINE)
      expect(lakera.requests).toHaveLength(asked)
    }
    await judged(1)
    for (const days of [1, -1]) {
      clock.jump(days)
      await judged(1)
    }
    await stack.stop()

    clock.jump(0)
    redis = await startRedisServer()
    const cache = `cache: { url: "redis://${redis.address}", key: "0123456789abcdef" }`
    await start({ direction: 'input', cache })
    await stack.weir.logged('verdict cache connected')
    // Once one is there, it is taken.
    await vi.waitFor(() => judged(lakera.requests.length))
    // Forward it is over; back its end lies further ahead than any that is written now.
    for (const days of [1, -1, 0]) {
      clock.jump(days)
      const asked = lakera.requests.length
      await judged(asked + 1)
      await vi.waitFor(() => judged(asked + 1))
    }
  },
)
