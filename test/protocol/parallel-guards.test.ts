import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Snapshot } from '../../src/config/snapshot.ts'
import type { RemoteGuardrail, Verdict } from '../../src/guardrail/guardrail.ts'
import { CHAT_HEADERS, chatRequest } from '../support/chat.ts'
import { snapshotOf } from '../support/config.ts'
import type { JudgingServer } from '../support/judging-server.ts'
import { FLAG_MARKER, type LakeraStub, startLakeraStub } from '../support/lakera-stub.ts'
import { policy, policySet, rule } from '../support/policies.ts'
import { connectProcessor, type ProcessorCall, type ProcessorClient } from '../support/processor-client.ts'
import { startWebhookStub } from '../support/webhook-stub.ts'
import { type RunningWeir, startWeir } from '../support/weir.ts'

/** Longer than a test may take: whoever waits for it fails. */
const TIMEOUT_MS = 120_000

let weir: RunningWeir
let client: ProcessorClient
beforeAll(async () => {
  weir = await startWeir(policySet())
  client = connectProcessor(weir.address)
})
beforeEach(() => weir.telemetry.clear())
afterAll(async () => {
  client.close()
  await weir.stop()
})

function ask(content: string, extra: Record<string, unknown> = {}): ProcessorCall {
  const headers = Object.entries(CHAT_HEADERS).map(([key, value]) => ({ key, raw_value: Buffer.from(value) }))
  const call = client.process()
  call.send({
    request_headers: { headers: { headers } },
    protocol_config: {
      request_body_mode: 'FULL_DUPLEX_STREAMED',
      response_body_mode: 'FULL_DUPLEX_STREAMED',
    },
    ...extra,
  })
  call.send({ request_body: { body: Buffer.from(chatRequest(content)), end_of_stream: true }, ...extra })
  return call
}

describe('of two guard services, one flags and the other hangs', () => {
  let lakera: LakeraStub
  let webhook: JudgingServer
  let snapshot: Snapshot
  beforeEach(async () => {
    lakera = await startLakeraStub()
    webhook = await startWebhookStub({ dialect: 'generic' })
    webhook.failNext({ kind: 'hang' })
    // Otherwise the flag might be here before the other service was asked at all.
    lakera.failNext({ kind: 'gate', until: webhook.waitForRequests(1) })
  })
  afterEach(async () => {
    await snapshot.close()
    await lakera.close()
    await webhook.close()
  })

  const use = (rules: string): void => {
    snapshot = snapshotOf(`
guardrails:
  lakera: { kind: lakera, lakera_endpoint: "${lakera.url}", timeout: ${TIMEOUT_MS} }
  hanging: { kind: webhook, dialect: generic, url: "${webhook.origin}/judge", timeout: ${TIMEOUT_MS} }
policies: [{ name: chat, guardrails: [${rules}] }]
`)
    weir.policies = snapshot.policySet
  }

  test.each([
    ['that see the same', '{ use: lakera }, { use: hanging }'],
    ['that see parts of their own', '{ use: hanging, roles: [user] }, { use: lakera, scan: latest_turn }'],
    ['during the call', '{ use: hanging, mode: during_call }, { use: lakera, mode: during_call }'],
  ])('%s: the client is refused at once, and the other service is hung up on', async (_, rules) => {
    use(rules)
    const call = ask(`say ${FLAG_MARKER}`)
    for (;;) {
      const { response, immediate_response: refusal } = await call.reply()
      if (response !== 'immediate_response') continue
      expect(JSON.stringify(refusal)).toContain('x-weir-reason')
      break
    }
    await webhook.hungUp
    const record = await weir.telemetry.decided('request')
    expect(record).toMatchObject({ effective: 'denied', because: 'flagged' })
    expect(Object.fromEntries(record.rules.map(one => [one.guardrail, one.reason ?? one.outcome]))).toEqual({
      lakera: 'flagged',
      hanging: 'cancelled',
    })
    expect(weir.telemetry.faults).toEqual([])
  })
})

describe('a guard service that the test answers for', () => {
  const FLAGGED: Verdict = { kind: 'flagged', findings: [{ detector: 'prompt_attack' }] }
  const CLEAN: Verdict = { kind: 'clean' }

  interface Service extends RemoteGuardrail {
    readonly asked: Promise<AbortSignal>
    answer(verdict: Verdict): void
    fail(): void
  }

  /** All that follows from an answer has happened after a turn of the event loop. */
  const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

  function service(name: string): Service {
    const asked = Promise.withResolvers<AbortSignal>()
    const answer = Promise.withResolvers<Verdict>()
    return {
      name,
      locality: 'remote',
      timeoutMs: TIMEOUT_MS,
      asked: asked.promise,
      scan(_subject, signal) {
        asked.resolve(signal)
        return answer.promise
      },
      answer: answer.resolve,
      fail: () => answer.reject(new Error('down')),
    }
  }

  test('and that fails first hides no denial', async () => {
    const [failing, flagging] = [service('failing'), service('flagging')]
    weir.policies = policySet(policy({ inputRules: [rule(failing), rule(flagging)] }))
    ask('hello')
    await failing.asked
    failing.fail()
    await weir.telemetry.until(() => weir.telemetry.faults.length === 1)
    await turn()
    expect(weir.telemetry.records).toEqual([])
    flagging.answer(FLAGGED)
    expect(await weir.telemetry.decided('request')).toMatchObject({
      because: 'flagged',
      rules: [{ reason: 'internal' }, { outcome: 'flagged' }],
    })
  })

  test('and whose flag only alerts cuts nothing short', async () => {
    const [alerting, judging] = [service('alerting'), service('judging')]
    weir.policies = policySet(policy({ inputRules: [rule(alerting, 'alert'), rule(judging)] }))
    ask('hello')
    const signal = await judging.asked
    alerting.answer(FLAGGED)
    await turn()
    expect(signal.aborted).toBe(false)
    judging.answer(CLEAN)
    expect(await weir.telemetry.decided('request')).toMatchObject({
      because: 'alerted',
      rules: [{ outcome: 'flagged' }, { outcome: 'clean' }],
    })
  })

  test('and that only watches is heard out after a denial', async () => {
    const [watching, flagging] = [service('watching'), service('flagging')]
    weir.policies = policySet(policy({ inputRules: [rule(watching, 'alert', 'fail-open'), rule(flagging)] }))
    const call = ask('hello')
    const signal = await watching.asked
    flagging.answer(FLAGGED)
    await weir.telemetry.decided('request')
    await call.status
    expect(signal.aborted).toBe(false)
    watching.answer(CLEAN)
  })

  test('and that is asked where nothing can be denied is heard out after a flag', async () => {
    const [flagging, judging] = [service('flagging'), service('judging')]
    weir.policies = policySet(policy({ inputRules: [rule(flagging), rule(judging)] }))
    const call = ask('hello', { observability_mode: true })
    const signal = await judging.asked
    flagging.answer(FLAGGED)
    call.halfClose()
    await call.status
    expect(signal.aborted).toBe(false)
    judging.answer(CLEAN)
    expect(await weir.telemetry.decided('request')).toMatchObject({
      effective: 'released',
      rules: [{ outcome: 'flagged' }, { outcome: 'clean' }],
    })
  })

  test('and whose client goes is not heard out, nor the others of its stage', async () => {
    const services = [service('one'), service('two')]
    weir.policies = policySet(policy({ inputRules: services.map(one => rule(one)) }))
    const call = ask('hello')
    const signals = await Promise.all(services.map(({ asked }) => asked))
    const aborted = signals.map(
      signal => new Promise(resolve => signal.addEventListener('abort', resolve, { once: true })),
    )
    call.cancel()
    await Promise.all(aborted)
    expect(await weir.telemetry.decided('request')).toMatchObject({
      effective: 'discarded',
      because: 'cancelled',
    })
  })
})
