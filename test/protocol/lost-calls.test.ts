import { status as GrpcStatus } from '@grpc/grpc-js'
import { afterEach, expect, test } from 'vitest'
import { CHAT_HEADERS, chatEvents, chatRequest, STREAM_ANSWER } from '../support/chat.ts'
import { policy, policySet, remoteGuardrail, rule } from '../support/policies.ts'
import { connectProcessor, type ProcessorCall, type ProcessorClient } from '../support/processor-client.ts'
import { type RunningWeir, startWeir } from '../support/weir.ts'

const headerMap = (headers: Record<string, string>): Record<string, unknown> => ({
  headers: {
    headers: Object.entries(headers).map(([key, value]) => ({ key, raw_value: Buffer.from(value) })),
  },
})

let weir: RunningWeir
let client: ProcessorClient
afterEach(async () => {
  client.close()
  await weir.stop()
})

/** A call whose upstream has sent the first event of a stream that is withheld. */
async function holdStream(
  mode: 'STREAMED' | 'FULL_DUPLEX_STREAMED',
  maxDurationMs: number,
): Promise<ProcessorCall> {
  const stream = { ...policy().stream, maxDurationMs }
  weir = await startWeir(policySet(policy({ outputRules: [rule(remoteGuardrail())], stream })))
  client = connectProcessor(weir.address)
  const call = client.process()
  call.send({
    request_headers: headerMap(CHAT_HEADERS),
    protocol_config: { request_body_mode: mode, response_body_mode: mode },
  })
  await call.reply()
  call.send({
    request_body: { body: Buffer.from(chatRequest('hello', { stream: true })), end_of_stream: true },
  })
  await call.reply()
  call.send({ response_headers: headerMap(STREAM_ANSWER) })
  await call.reply()
  call.send({ response_body: { body: Buffer.from(chatEvents('x')[1]!) } })
  return call
}

test('a STREAMED stream whose upstream falls silent ends at max_duration_ms', { timeout: 3000 }, async () => {
  const call = await holdStream('STREAMED', 50)
  expect(await call.status).toMatchObject({ code: GrpcStatus.UNAVAILABLE })
})

test('what a drain cuts is recorded as discarded', async () => {
  const call = await holdStream('STREAMED', 600_000)
  await call.reply()
  await weir.service.drain(0)
  expect(await call.status).toMatchObject({ code: GrpcStatus.UNAVAILABLE })
  expect(weir.telemetry.records.filter(record => record.phase === 'response')).toMatchObject([
    { effective: 'discarded' },
  ])
})
