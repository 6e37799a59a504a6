import { status as GrpcStatus } from '@grpc/grpc-js'
import { expect, test, vi } from 'vitest'
import type { ExchangeTrace } from '../../src/extproc/call-deps.ts'
import { Http2Rpc } from '../../src/grpc/http2-rpc.ts'
import { CHAT_HEADERS, chatRequest } from '../support/chat.ts'
import { flagWord, policy, policySet, rule } from '../support/policies.ts'
import { connectProcessor } from '../support/processor-client.ts'
import { type RunningWeir, startWeir } from '../support/weir.ts'

const quiet: ExchangeTrace = {
  ids: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) },
  around: () => (_, scan) => scan(),
  decided() {},
  closed() {},
  end() {},
}
const broken = (): never => {
  throw new Error('a bug of what tells')
}
const POLICIES = policySet(policy({ inputRules: [rule(flagWord('attack'))] }))

const traced = (trace: Partial<ExchangeTrace>): Promise<RunningWeir> =>
  startWeir(POLICIES, undefined, { begin: () => ({ ...quiet, ...trace }) })

async function uncounted(): Promise<RunningWeir> {
  const weir = await startWeir(POLICIES)
  weir.telemetry.exchangeEnded = broken
  return weir
}

const BREAKS: readonly [string, () => Promise<RunningWeir>][] = [
  ['its count', uncounted],
  ['the close of its trace', () => traced({ closed: broken })],
  ['the end of its trace', () => traced({ end: broken })],
]
const PHASES = { request_body_mode: 'BUFFERED', response_body_mode: 'BUFFERED' }
const headers = Object.entries(CHAT_HEADERS).map(([key, value]) => ({ key, raw_value: Buffer.from(value) }))
const HEADERS = { request_headers: { headers: { headers } }, protocol_config: PHASES }
const bodyOf = (text: string): Record<string, unknown> => ({
  request_body: { body: Buffer.from(chatRequest(text)), end_of_stream: true },
})

test.each(BREAKS)('a call ends, and is let go of, though %s breaks', async (_, start) => {
  const weir = await start()
  const client = connectProcessor(weir.address)
  const call = client.process()
  call.send(HEADERS)
  await call.reply()
  call.send(bodyOf('hello'))
  expect(await call.reply()).toMatchObject({ response: 'request_body' })
  expect(await call.status).toMatchObject({ code: GrpcStatus.OK })
  expect([weir.service.openCalls, weir.pins, weir.telemetry.heldBytes]).toEqual([0, 0, 0])
  expect(weir.telemetry.faults).toHaveLength(1)
  client.close()
  await weir.stop()
})

test.each([
  ['a scan', { around: () => broken }],
  ['a decision', { decided: broken }],
])('nothing goes on, and the call ends as INTERNAL, where the trace of %s breaks', async (_, trace) => {
  const weir = await traced(trace)
  const client = connectProcessor(weir.address)
  const call = client.process()
  call.send(HEADERS)
  await call.reply()
  call.send(bodyOf('hello'))
  expect(await call.status).toMatchObject({ code: GrpcStatus.INTERNAL })
  await expect(call.reply()).rejects.toThrow()
  client.close()
  await weir.stop()
})

test('nothing goes on, and the call ends as INTERNAL, where the account of its bytes breaks', async () => {
  const weir = await startWeir(POLICIES)
  weir.telemetry.held = broken
  const client = connectProcessor(weir.address)
  const call = client.process()
  call.send({
    ...HEADERS,
    protocol_config: { request_body_mode: 'STREAMED', response_body_mode: 'STREAMED' },
  })
  await call.reply()
  call.send({ request_body: { body: Buffer.from('{'), end_of_stream: false } })
  expect(await call.status).toMatchObject({ code: GrpcStatus.INTERNAL })
  expect([weir.service.openCalls, weir.pins]).toEqual([0, 0])
  client.close()
  await weir.stop()
})

test('nothing goes on, and the call ends as INTERNAL, where nobody can be told what broke', async () => {
  const weir = await traced({ decided: broken })
  weir.telemetry.fault = broken
  const client = connectProcessor(weir.address)
  const call = client.process()
  call.send(HEADERS)
  await call.reply()
  call.send(bodyOf('hello'))
  expect(await call.status).toMatchObject({ code: GrpcStatus.INTERNAL })
  expect([weir.service.openCalls, weir.pins, weir.telemetry.heldBytes]).toEqual([0, 0, 0])
  client.close()
  await weir.stop()
})

test.each(BREAKS)('a call that the drain cuts ends UNAVAILABLE though %s breaks', async (_, start) => {
  const weir = await start()
  const client = connectProcessor(weir.address)
  const call = client.process()
  call.send(HEADERS)
  await call.reply()
  await weir.stop()
  expect(await call.status).toMatchObject({ code: GrpcStatus.UNAVAILABLE })
  client.close()
})

test('a call is let go of though its connection does not take its end', async () => {
  // The engine whose end is broken here, whatever the other tests run on.
  vi.stubEnv('WEIR_TRANSPORT', 'http2')
  const weir = await startWeir(POLICIES)
  vi.unstubAllEnvs()
  const client = connectProcessor(weir.address)
  const call = client.process()
  call.send(HEADERS)
  await call.reply()
  const end = vi.spyOn(Http2Rpc.prototype, 'end').mockImplementationOnce(broken)
  call.send(bodyOf('hello'))
  // What was written leaves when the turn that ends the call is over.
  expect(await call.reply()).toMatchObject({ response: 'request_body' })
  expect(end).toHaveBeenCalledOnce()
  end.mockRestore()
  expect([weir.service.openCalls, weir.pins, weir.telemetry.heldBytes]).toEqual([0, 0, 0])
  expect(weir.telemetry.faults).toHaveLength(1)
  client.close()
  await weir.stop()
})
