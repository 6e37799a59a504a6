import { status as GrpcStatus } from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { RemoteGuardrail, Verdict } from '../../src/guardrail/guardrail.ts'
import { CHAT_HEADERS, chatRequest } from '../support/chat.ts'
import { watchHealth } from '../support/health-client.ts'
import { flagWord, policy, policySet, remoteGuardrail, rule } from '../support/policies.ts'
import { connectProcessor, type ProcessorCall, type ProcessorClient } from '../support/processor-client.ts'
import { type RunningWeir, startWeir } from '../support/weir.ts'

const base64 = (text: string): Buffer => Buffer.from(text)
const headersMessage = (headers: Record<string, string>, modes = 'BUFFERED'): Record<string, unknown> => ({
  request_headers: {
    headers: {
      headers: Object.entries(headers).map(([key, value]) => ({ key, raw_value: base64(value) })),
    },
  },
  protocol_config: { request_body_mode: modes, response_body_mode: modes },
})
const bodyMessage = (body: string): Record<string, unknown> => ({
  request_body: { body: base64(body), end_of_stream: true },
})

let weir: RunningWeir
let client: ProcessorClient
beforeEach(async () => {
  weir = await startWeir(policySet(policy({ inputRules: [rule(flagWord('attack'))] })))
  client = connectProcessor(weir.address)
})
afterEach(async () => {
  client.close()
  await weir.stop()
})

async function ask(content: string, metadata: Record<string, string> = {}): Promise<Record<string, unknown>> {
  const call = client.process(metadata)
  call.send(headersMessage(CHAT_HEADERS))
  const first = await call.reply()
  if (first.immediate_response) return first
  call.send(bodyMessage(chatRequest(content)))
  return call.reply()
}

describe('a call', () => {
  test('is answered, and ends OK when nothing is left to inspect', async () => {
    const call = client.process()
    call.send(headersMessage(CHAT_HEADERS))
    expect(await call.reply()).toMatchObject({ response: 'request_headers' })
    call.send(bodyMessage(chatRequest('hello')))
    expect(await call.reply()).toMatchObject({ response: 'request_body' })
    expect(await call.status).toMatchObject({ code: GrpcStatus.OK })
  })

  test('takes the policy that its metadata names, and refuses a name that is not there', async () => {
    weir.policies = policySet(
      policy({ name: 'other', inputRules: [rule(flagWord('never'))] }),
      policy({ name: 'strict', inputRules: [rule(flagWord('attack'))] }),
    )
    expect(await ask('attack')).toMatchObject({ response: 'request_body' })
    expect(await ask('attack', { 'x-weir-policy': 'strict' })).toMatchObject({
      response: 'immediate_response',
    })
    expect(await ask('hello', { 'x-weir-policy': 'strikt' })).toMatchObject({
      immediate_response: { status: { code: 'InternalServerError' } },
    })
  })

  test('is not moved by a request header of the same name', async () => {
    weir.policies = policySet(policy({ name: 'loose' }), policy({ name: 'strict' }))
    const call = client.process()
    call.send(headersMessage({ ...CHAT_HEADERS, 'x-weir-policy': 'strikt' }))
    expect(await call.reply()).toMatchObject({ response: 'request_headers' })
  })

  test('with bytes that are no message ends closed, and the next one works', async () => {
    const call = client.process()
    call.send({ request_body: { body: base64('x') } })
    const broken = client.process()
    weir.policies = {
      get policies(): never {
        throw new Error('a bug')
      },
      unmatched: 'pass',
      formats: [],
    }
    broken.send(headersMessage(CHAT_HEADERS))
    expect(await broken.status).toMatchObject({ code: GrpcStatus.INTERNAL, details: 'internal error' })
    weir.policies = policySet(policy({ inputRules: [rule(flagWord('attack'))] }))
    expect(await ask('hello')).toMatchObject({ response: 'request_body' })
    expect(weir.telemetry.faults).toHaveLength(1)
    call.cancel()
  })

  test('with a phase that no one knows is kept, and not answered', async () => {
    const call = client.process()
    call.send({})
    call.send(headersMessage(CHAT_HEADERS))
    expect(await call.reply()).toMatchObject({ response: 'request_headers' })
    call.cancel()
  })

  test('is refused with FAILED_PRECONDITION when the body it needs is not shown', async () => {
    const call = client.process()
    call.send(headersMessage(CHAT_HEADERS, 'BUFFERED_PARTIAL'))
    expect(await call.status).toMatchObject({ code: GrpcStatus.FAILED_PRECONDITION })
    expect(weir.telemetry.refusals).toHaveLength(1)
  })

  test('that Envoy half-closes or cancels is over', async () => {
    for (const end of ['halfClose', 'cancel'] as const) {
      const call = client.process()
      call.send(headersMessage(CHAT_HEADERS))
      await call.reply()
      call[end]()
      await weir.telemetry.until(() => weir.telemetry.ends.at(-1) === 'closed-by-envoy')
      weir.telemetry.clear()
    }
    expect(weir.service.openCalls).toBe(0)
  })
})

describe('its policies', () => {
  test('are pinned from its first message to its end', async () => {
    const call = client.process()
    call.send(headersMessage(CHAT_HEADERS))
    await call.reply()
    expect(weir.pins).toBe(1)
    call.send(bodyMessage(chatRequest('hello')))
    await call.status
    expect(weir.pins).toBe(0)
  })

  /** A call that is over, and a scan of it that is not; returns what ends that. */
  async function outlived(): Promise<() => void> {
    const verdict = Promise.withResolvers<Verdict>()
    const slow: RemoteGuardrail = { ...remoteGuardrail(), timeoutMs: 60_000, scan: () => verdict.promise }
    weir.policies = policySet(policy({ inputRules: [rule(slow, 'alert', 'fail-open')] }))
    const call = client.process()
    call.send(headersMessage(CHAT_HEADERS))
    await call.reply()
    call.send(bodyMessage(chatRequest('hello')))
    expect(await call.status).toMatchObject({ code: GrpcStatus.OK })
    return () => verdict.resolve({ kind: 'clean' })
  }

  test('stay pinned while a scan runs that outlives it', async () => {
    const endScan = await outlived()
    expect(weir.pins).toBe(1)
    endScan()
    await weir.telemetry.decided('request')
    expect(weir.pins).toBe(0)
  })

  test('are released when the account of a call that is over breaks', async () => {
    const endScan = await outlived()
    weir.telemetry.decision = () => {
      throw new Error('a bug')
    }
    endScan()
    await weir.telemetry.until(() => weir.telemetry.faults.length > 0)
    expect(weir.pins).toBe(0)
  })
})

describe('health', () => {
  test('is SERVING until the drain begins, then NOT_SERVING', async () => {
    const health = watchHealth(weir.address)
    await health.until('SERVING')
    const drained = weir.service.drain(60_000)
    await health.until('NOT_SERVING')
    health.close()
    await drained
  })
})

describe('draining', () => {
  async function openCall(): Promise<ProcessorCall> {
    const call = client.process()
    call.send(headersMessage(CHAT_HEADERS))
    await call.reply()
    return call
  }

  test('lets a running call finish', async () => {
    const call = await openCall()
    const drained = weir.service.drain(60_000)
    call.send(bodyMessage(chatRequest('attack')))
    expect(await call.reply()).toMatchObject({ response: 'immediate_response' })
    await drained
  })

  test('ends what is left at its deadline as UNAVAILABLE, never OK', async () => {
    const call = await openCall()
    await weir.service.drain(0)
    expect(await call.status).toMatchObject({ code: GrpcStatus.UNAVAILABLE })
    expect(weir.telemetry.ends).toEqual(['drained'])
  })
})
